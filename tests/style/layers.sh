#!/bin/sh
# Who may include whom: layers.txt, held against every #include "...".
. "$top_srcdir/tests/support/tap.sh"

cd "$top_srcdir" || exit 99

# check FILE...: a line for each include that is not allowed.
check() {
	awk '
	# The longest known folder that path lies in.
	function layer(path,    dir) {
		dir = path
		while (sub(/\/[^\/]*$/, "", dir))
			if (dir in may)
				return dir
		return ""
	}
	function allowed(from, to,    n, i, list, dir) {
		if (from == to || index(to, from "/") == 1)
			return 1
		n = split(may[from], list, " ")
		for (i = 1; i <= n; i++) {
			# "collectors" opens all folders below it, but
			# "agent" does not open "agent/core" by accident:
			# both are named.
			if (to == list[i] || index(to, list[i] "/") == 1)
				return 1
		}
		return 0
	}
	FILENAME ~ /layers\.txt$/ {
		if ($0 !~ /^#/ && (colon = index($0, ":")) > 0)
			may[substr($0, 1, colon - 1)] = substr($0, colon + 1)
		next
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		target = $0
		sub(/^[^"]*"/, "", target)
		sub(/".*/, "", target)
		from = layer(FILENAME)
		to = layer(target)
		where = FILENAME ":" FNR ": "
		if (to == "")
			print where target " is not named from the root"
		else if (!allowed(from, to))
			print where from " may not include " target
	}' tests/style/layers.txt "$@"
}

sources() {
	find lib agent stream enrich rules outputs collectors tests \
	    -name '*.[ch]' -o -name '*.def' | sort
}

# The checker itself must be able to fail.
tmpdir
mkdir -p "$tmp/tests/style" "$tmp/stream" "$tmp/lib"
cp tests/style/layers.txt "$tmp/tests/style/"
printf '#include "enrich/docker.h"\n' >"$tmp/stream/a.c"
printf '#include "agent/core/event.h"\n' >"$tmp/lib/b.c"
printf '#include "flow.h"\n#include "lib/buf.h"\n' >"$tmp/stream/c.c"
is "a forbidden include is named with its file and its target" \
	"$(cd "$tmp" && check stream/a.c lib/b.c stream/c.c)" \
	"stream/a.c:1: stream may not include enrich/docker.h
lib/b.c:1: lib may not include agent/core/event.h
stream/c.c:1: flow.h is not named from the root"

# shellcheck disable=SC2046 # no file name of ours has a space
is "every include is allowed by layers.txt" "$(check $(sources))" ""
done_testing
