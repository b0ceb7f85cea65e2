#!/bin/sh
# install.sh packages|project NAME, install.sh clean: the three steps that the builds of python.Dockerfile share.
# WITHOUT: packages that the lock has for NAME and its program never imports. PARTS: the same inside of packages, as patterns.
set -eu
options() { # OPTION: it for each package of WITHOUT
  for package in ${WITHOUT:-}; do printf '%s %s ' "$1" "$package"; done
}
case "$1" in
  packages) # what NAME depends on, by the hashes of the lock, without tests and what only compilers and type checkers read
    /opt/uv/bin/uv export --quiet --frozen --no-dev --no-emit-workspace --package "$2" $(options --no-emit-package) \
      --output-file /tmp/packages.txt
    /opt/uv/bin/uv venv --quiet /opt/venv
    /opt/uv/bin/uv pip sync --python /opt/venv --require-hashes /tmp/packages.txt
    find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} +
    cd /opt/venv/lib/python3*/site-packages
    find . -type f \( -name '*.py[ix]' -o -name '*.px[di]' -o -name '*.[ch]' \) -delete
    # A pattern that matches nothing ends the build.
    [ -z "${PARTS:-}" ] || rm -r $PARTS
    # Bytecode of what is gone
    find . -path '*/__pycache__/*.pyc' | while read -r bytecode; do
      name=${bytecode##*/}
      [ -e "${bytecode%/__pycache__/*}/${name%%.cpython*}.py" ] || rm "$bytecode"
    done
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
