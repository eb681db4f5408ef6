# The service as an image: `docker build -t cds-service .` or `buildah build --format docker -t cds-service .`
# (the default format of buildah and podman has no HEALTHCHECK).
# Any image with Python 3.11 or newer, venv and glibc or musl will do as a base; both stages must use the same one.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
# /opt/build is left behind; /opt/cds is the image's own, and has not even pip in it.
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/cds
COPY requirements.txt ./
RUN /opt/build/bin/pip --python /opt/cds/bin/python3 install --no-cache-dir --no-compile --require-hashes -r requirements.txt
COPY requirements-dev.txt ./
RUN /opt/build/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements-dev.txt
COPY pyproject.toml README.md LICENSE discovery.json discovery.dstu2.json ./
COPY cards cards
COPY cds_service cds_service
RUN /opt/build/bin/python3 -m hatchling build -t wheel -d /build/dist \
    && /opt/build/bin/pip --python /opt/cds/bin/python3 install --no-cache-dir --no-compile --no-index --no-deps /build/dist/*.whl \
    && /opt/cds/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /opt/cds/lib

FROM ${BASE_IMAGE}
# The slim images come without bytecode of the standard library, and a read-only root never gets any.
# /var/lib/cds is the one folder that is written to: the audit records and the feedback.
RUN mkdir -p /var/lib/cds && chown 10001:10001 /var/lib/cds \
    && python3 -c "import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, rx=re.compile('/(site|dist)-packages/|/(ensurepip|idlelib|lib2to3|test|tkinter)/'))"
COPY --from=build /opt/cds /opt/cds
ENV PATH=/opt/cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CDS_HOST=0.0.0.0 \
    CDS_PORT=8080 \
    CDS_MODE=production \
    CDS_STORE=sqlite:////var/lib/cds/store.db \
    CDS_SPILL=/var/lib/cds/spill
WORKDIR /
# Production does not start without CDS_CLIENTS, CDS_PUBLIC_URL and CDS_FHIR_SERVERS. Beside this folder nothing is
# written: run it with a read-only root file system. Where several containers answer, set CDS_STORE to PostgreSQL; each
# still needs such a folder of its own, for what the database does not take at once.
VOLUME /var/lib/cds
# A number, so that Kubernetes can see it is not root.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python3", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['CDS_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["cds-service", "serve"]
