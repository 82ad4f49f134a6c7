#!/bin/sh
# Every header compiles alone: it includes what it uses.
. "$top_srcdir/tests/support/tap.sh"

cd "$top_srcdir" || exit 99
tmpdir

alone() {
	printf '#include <config.h>\n#include "%s"\n' "$1" >"$tmp/alone.c"
	# shellcheck disable=SC2086 # lists of flags
	(cd "$top_builddir" && ${CC:-cc} ${CHECK_CFLAGS:-} -I. \
	    -I"$top_srcdir" -Wall -Wextra -Wundef -Werror -fsyntax-only \
	    "$tmp/alone.c")
}

for header in $(find lib agent stream enrich rules outputs collectors tests \
	-name '*.h' | sort); do
	ok "$header" alone "$header"
done
done_testing
