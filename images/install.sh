#!/bin/sh
# install.sh packages|project NAME, install.sh clean: the three steps that the builds of python.Dockerfile share.
set -eu
case "$1" in
  packages) # what NAME depends on, by the hashes of the lock, without the tests that packages carry
    /opt/uv/bin/uv export --quiet --frozen --no-dev --no-emit-workspace --package "$2" --output-file /tmp/packages.txt
    /opt/uv/bin/uv venv --quiet /opt/venv
    /opt/uv/bin/uv pip sync --python /opt/venv --require-hashes /tmp/packages.txt
    find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} +
    ;;
  project) # NAME and the library; their bytecode is written by `clean`
    UV_COMPILE_BYTECODE=0 /opt/uv/bin/uv sync --frozen --no-dev --no-editable --inexact --package "$2"
    ;;
  clean) # leave in /app what runs from there, and compile it
    rm -rf src pipelines local pyproject.toml uv.lock README.md
    python3 -m compileall -q --invalidation-mode unchecked-hash . /opt/venv/lib/python3*/site-packages/signalbox
    for package in /opt/venv/lib/python3*/site-packages/pipelines; do
      [ ! -d "$package" ] || python3 -m compileall -q --invalidation-mode unchecked-hash "$package"
    done
    ;;
esac
