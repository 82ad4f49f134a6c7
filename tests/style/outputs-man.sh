#!/bin/sh
# Every key of every output is in tallyman-outputs(5).
. "$top_srcdir/tests/support/tap.sh"

cd "$top_srcdir" || exit 99
page=outputs/tallyman-outputs.5

# keys FILE: the names in the option tables.
keys() {
	sed -n -E 's/^[[:space:]]*(KEY|TEXT)\("([a-z_]+)",.*/\2/p' "$@"
}

all=$(keys outputs/file.c outputs/elasticsearch.c)
n=$(echo "$all" | grep -c .)
ok "the tables have keys" test "$n" -ge 20
for key in $all; do
	ok "$key is explained" grep -Eq "^\.It Cm ([a-z_]+ , )*$key( ,|\$)" \
		"$page"
done
done_testing
