#!/bin/sh
# Nanoseconds of the shipped rules for one event.
exec "$top_builddir/tests/bench/bench_rules" "$top_srcdir/rules/sigma"
