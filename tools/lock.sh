#!/bin/sh
# Pin every dependency, with hashes and without the address of any registry. Needs uv; run it when pyproject.toml changes.
set -eu
cd "$(dirname "$0")/.."
build=$(mktemp)
trap 'rm -f "$build"' EXIT
printf 'hatchling\neditables\n' > "$build"
compile() { uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate "$@"; }
pin() { compile pyproject.toml "$build" "$@"; }
pin --extra cluster -o constraints.txt
pin --extra cluster --group test -o constraints-test.txt
# What docs/howto/two-offices.md puts into /opt/patroni; Posthouse itself uses none of it.
printf 'patroni[etcd3]>=4.1\npsycopg[binary]\n' > "$build"
compile "$build" -o contrib/cluster/patroni.txt
