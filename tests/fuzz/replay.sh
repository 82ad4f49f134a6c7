#!/bin/sh
# Runs every fuzz target over its corpus and its former crashes.
. "$top_srcdir/tests/support/tap.sh"

tmpdir
[ -n "$fuzz_targets" ] || skip_all "there is no fuzz target"
for target in $fuzz_targets; do
	name=${target##*/fuzz_}
	corpus=$top_srcdir/tests/fuzz/corpus/$name
	if [ -z "$(find "$corpus" -type f 2>/dev/null | head -n 1)" ]; then
		fail "$name: no corpus in tests/fuzz/corpus/$name"
		continue
	fi
	find "$corpus" -type f -print0 | sort -z |
		xargs -0 "$top_builddir/$target" >"$tmp/log" 2>&1
	# The status is that of xargs: 0 only when each run ended with 0.
	case $? in
	0) pass "$name: $(find "$corpus" -type f | wc -l) files" ;;
	*)
		fail "$name"
		tail -n 40 "$tmp/log" | sed 's/^/#   /'
		;;
	esac
done
done_testing
