# The project's own Python parts. Targets: assessor, encoder, pipelines. Built from the repository's root by `make images`,
# or by `make images-local` without an image registry.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.14-slim-bookworm
ARG BUILD_IMAGE=$PYTHON_IMAGE

FROM $BUILD_IMAGE AS build
ARG UV_VERSION=0.13.9
# For pip and for uv: of the lock the versions and hashes count, not its addresses, so that a mirror can serve.
ARG PIP_INDEX_URL=https://pypi.org/simple
# The CA bundle is the base image's: mount another one over it, or name a base that has it, to build behind a proxy.
# Bytecode is created here, because the root is read-only later, and never compared with its source: packing changes
# the times of files.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy \
    UV_DEFAULT_INDEX=$PIP_INDEX_URL \
    UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON_DOWNLOADS=never
# A base that has a compiler has strip, too, and needs no Debian mirror.
RUN command -v strip || { apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils; }
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet uv==$UV_VERSION
COPY images/install.sh /opt/install.sh
# Of Pygments, the languages: no program of the first two images prints code.
ENV HIGHLIGHTING="pygments/lexers/[a-z]* pygments/lexers/_*_builtins.py"
WORKDIR /app
COPY pyproject.toml uv.lock README.md ./
COPY services/assessor/pyproject.toml services/assessor/
COPY services/encoder/pyproject.toml services/encoder/
COPY pipelines/pyproject.toml pipelines/
COPY local/pyproject.toml local/

# In each part the packages come first: their layer is reused while only the code changes.
FROM build AS assessor-build
# The Hub's faster protocol, and its file systems.
ENV WITHOUT="hf-xet fsspec" \
    PARTS="$HIGHLIGHTING"
RUN sh /opt/install.sh packages signalbox-assessor
# Symbols that only a debugger reads. What auditwheel has changed, below .libs, does not survive it.
RUN find /opt/venv/lib -name '*.so*' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY src src
RUN sh /opt/install.sh project signalbox-assessor
COPY services/__init__.py services/
COPY services/assessor services/assessor
COPY tasks tasks
RUN rm -r services/encoder && sh /opt/install.sh clean

FROM build AS encoder-build
# Images of chat requests, code generation, the record store and its certificates, the Hub's faster protocol and file systems,
# and the client of Kubernetes with what only it needs (services/encoder/kserve_parts.py). Of packages: KServe's part of
# that client, what converts models, what compiles, and the library of ONNX Runtime for programs in C.
ENV WITHOUT="pillow setuptools grpcio-tools asyncpg cryptography cffi pycparser hf-xet fsspec kubernetes oauthlib requests \
      requests-oauthlib charset-normalizer websocket-client durationpy aiohttp-retry" \
    PARTS="$HIGHLIGHTING kserve/models kserve/api onnxruntime/transformers onnxruntime/tools onnxruntime/quantization \
      onnxruntime/datasets onnxruntime/capi/libonnxruntime.so.* numpy/distutils numpy/f2py numpy/_core/include"
RUN sh /opt/install.sh packages signalbox-encoder
# Symbols that only a debugger reads. What auditwheel has changed, below .libs, does not survive it.
RUN find /opt/venv/lib -name '*.so*' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY src src
RUN sh /opt/install.sh project signalbox-encoder
COPY services/__init__.py services/
COPY services/encoder services/encoder
RUN rm -r services/assessor && sh /opt/install.sh clean

FROM build AS pipelines-build
RUN sh /opt/install.sh packages signalbox-pipelines
COPY src src
COPY pipelines pipelines
RUN sh /opt/install.sh project signalbox-pipelines
COPY tasks tasks
RUN rm -r services && sh /opt/install.sh clean

FROM $PYTHON_IMAGE AS trimmed
COPY images/trim.sh /tmp/trim.sh
RUN sh /tmp/trim.sh && rm /tmp/trim.sh \
    && echo 'signalbox:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'signalbox:x:10001:' >> /etc/group

# A copy, because a layer above the base only hides what it deletes. The images share its layer.
FROM scratch AS runtime
COPY --from=trimmed / /
RUN install -d -o 10001 -g 10001 /var/lib/signalbox
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    SIGNALBOX_STATE_DIR=/var/lib/signalbox
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.base.name="$PYTHON_IMAGE" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS assessor
LABEL org.opencontainers.image.title="signalbox assessor" \
      org.opencontainers.image.description="Assessments with a traffic light: API and web page"
COPY --from=assessor-build /opt/venv /opt/venv
COPY --from=assessor-build /app /app
ENV SIGNALBOX_HOST=::
EXPOSE 8080
CMD ["python", "-m", "services.assessor"]

FROM runtime AS encoder
LABEL org.opencontainers.image.title="signalbox encoder" \
      org.opencontainers.image.description="The few-shot encoder as a KServe predictor over ONNX Runtime"
COPY --from=encoder-build /opt/venv /opt/venv
COPY --from=encoder-build /app /app
EXPOSE 8080
CMD ["python", "-m", "services.encoder", "--release-dir=/mnt/models", "--http_port=8080"]

FROM runtime AS pipelines
LABEL org.opencontainers.image.title="signalbox pipelines" \
      org.opencontainers.image.description="Batch jobs: train, calibrate, evaluate, compare, drift, judge"
COPY --from=pipelines-build /opt/venv /opt/venv
COPY --from=pipelines-build /app /app
CMD ["signalbox-jobs", "--help"]
