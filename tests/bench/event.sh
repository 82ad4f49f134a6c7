#!/bin/sh
# What one event costs, in nanoseconds.
make -s -C "$top_builddir" tests/bench/bench_event >/dev/null || exit 1
echo "event: nanoseconds per event, best of five"
"$top_builddir/tests/bench/bench_event" | sed 's/^/  /'
