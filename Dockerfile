# Crossfade as an image: built in one stage, run in another without a compiler or pip.
#
#   docker build -t crossfade .
#   docker run --read-only --user 10001 -p 8080:8080 \
#     -v ./config.yaml:/etc/crossfade/config.yaml:ro crossfade

FROM python:3.11 AS build
WORKDIR /src
RUN python -m venv /opt/crossfade
COPY requirements.lock requirements-build.lock requirements-dev.lock ./
RUN /opt/crossfade/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
# Tools of the build stay in an environment of their own and out of the image.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md ./
COPY scripts/compile.py scripts/__init__.py ./scripts/
COPY proxy ./proxy
COPY plugins ./plugins
RUN /opt/build/bin/python -m scripts.compile
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /src/dist . \
 && /opt/crossfade/bin/pip install --no-cache-dir --no-deps /src/dist/*.whl \
 && /opt/crossfade/bin/python -m compileall -q /opt/crossfade/lib \
 && /opt/crossfade/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin crossfade \
 && mkdir -p /etc/crossfade
COPY --from=build /opt/crossfade /opt/crossfade
COPY deploy/config.yaml /etc/crossfade/config.yaml
# Nothing is written at run time: the root file system may be read-only.
ENV PATH=/opt/crossfade/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8080
# SIGTERM drains: readiness turns false, requests under way are finished (limits.drain).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:9090/healthz', timeout=2)"]
ENTRYPOINT ["crossfade", "serve", "--config", "/etc/crossfade/config.yaml"]
