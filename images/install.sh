#!/bin/sh
# install.sh packages|project NAME, install.sh clean: the three steps that the builds of python.Dockerfile share.
# WITHOUT: packages that the lock has for NAME and its program never imports. FOLDERS: the same inside of packages.
set -eu
options() { # OPTION: it for each package of WITHOUT
  for package in ${WITHOUT:-}; do printf '%s %s ' "$1" "$package"; done
}
case "$1" in
  packages) # what NAME depends on, by the hashes of the lock, without the tests that packages carry
    /opt/uv/bin/uv export --quiet --frozen --no-dev --no-emit-workspace --package "$2" $(options --no-emit-package) \
      --output-file /tmp/packages.txt
    /opt/uv/bin/uv venv --quiet /opt/venv
    /opt/uv/bin/uv pip sync --python /opt/venv --require-hashes /tmp/packages.txt
    find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} +
    for folder in ${FOLDERS:-}; do rm -r /opt/venv/lib/python3*/site-packages/"$folder"; done
    ;;
  project) # NAME and the library; their bytecode is written by `clean`
    UV_COMPILE_BYTECODE=0 /opt/uv/bin/uv sync --frozen --no-dev --no-editable --inexact --package "$2" $(options --no-install-package)
    ;;
  clean) # leave in /app what runs from there, and compile it
    rm -rf src pipelines local pyproject.toml uv.lock README.md
    python3 -m compileall -q --invalidation-mode unchecked-hash . /opt/venv/lib/python3*/site-packages/signalbox
    for package in /opt/venv/lib/python3*/site-packages/pipelines; do
      [ ! -d "$package" ] || python3 -m compileall -q --invalidation-mode unchecked-hash "$package"
    done
    ;;
esac
