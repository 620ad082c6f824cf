#!/bin/sh
# Pin every dependency, with hashes and without the address of any registry. Needs uv; run it when pyproject.toml changes.
set -eu
cd "$(dirname "$0")/.."
build=$(mktemp)
trap 'rm -f "$build"' EXIT
printf 'hatchling\neditables\n' > "$build"
pin() { uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml "$build" "$@"; }
pin --extra cluster -o constraints.txt
pin --extra cluster --group test -o constraints-test.txt
