"""Serve the bare handler, or the service alone, as the service is served: `python -m benchmarks.server TARGET PORT`."""

import sys

from cds_service.app import THREADS
from cds_service.web import serving

if __name__ == "__main__":
    serving.run(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]), workers=1, threads=THREADS)
