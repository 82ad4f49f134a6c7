#!/bin/sh
# What an audit record costs the engine.
make -s -C "$top_builddir" tests/bench/bench_audit >/dev/null || exit 1
echo "audit: records of real logs, best of seven"
"$top_builddir/tests/bench/bench_audit" \
    "$top_srcdir"/tests/unit/collectors/data/audit/*.log | sed 's/^/  /'
