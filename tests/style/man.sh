#!/bin/sh
# The manual pages under mandoc's own checker.
. "$top_srcdir/tests/support/tap.sh"

need mandoc
cd "$top_srcdir" || exit 99

pages=$(find agent outputs enrich rules stream collectors packaging \
	-name '*.[1-9]' | sort)
[ -n "$pages" ] || skip_all "there is no manual page"
for page in $pages; do
	ok "$page" mandoc -Tlint -W warning "$page"
done
done_testing
