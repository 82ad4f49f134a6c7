#!/bin/sh
# Cost of one captured copy in stream: few flows, then a hundred thousand.
set -eu

bench=$top_builddir/tests/bench/bench_stream
make -s -C "$top_builddir" tests/bench/bench_stream
"$bench" 1000 1000
"$bench" 100000 10
