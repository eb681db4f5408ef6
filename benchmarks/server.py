"""Serve the service or the bare handler: `python -m benchmarks.server TARGET PORT`."""

import sys

from cds_service.web import serving

if __name__ == "__main__":
    serving.run(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]), workers=1, threads=1)
