#!/bin/sh
# Manual pages against the tables that the program is made from: each
# configuration key and its text, each field of an event.
. "$top_srcdir/tests/support/tap.sh"

tallyman=${TALLYMAN:-$top_builddir/tallyman}
[ -x "$tallyman" ] || skip_all "$tallyman is not built"
tmpdir
cd "$top_srcdir" || exit 99

# The page has the paths of the packages, the program those of its configure.
prefix=$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
as_packaged() {
	sed -e "s|$prefix/var/run/|/run/|g" -e "s|$prefix/var/|/var/|g" \
		-e "s|$prefix/run/|/run/|g" -e "s|$prefix/etc/|/etc/|g" \
		-e "s|$prefix/share/|/usr/share/|g" -e "s|/var/run/t|/run/t|g"
}

"$tallyman" check --mdoc | as_packaged >"$tmp/program"
sed -n '/^[.]\\" keys: begin$/,/^[.]\\" keys: end$/p' agent/tallyman.yaml.5 |
	grep -v '^[.]\\" keys:' >"$tmp/page"
ok "check --mdoc prints keys" grep -q '^[.]It Cm snaplen' "$tmp/program"
if diff "$tmp/page" "$tmp/program" >"$tmp/diff"; then
	pass "tallyman.yaml(5) has the keys as check --mdoc prints them"
else
	fail "tallyman.yaml(5) has the keys as check --mdoc prints them"
	diag "$(head -n 20 "$tmp/diff")"
fi

# No field of the table: the names of those that were looked for in vain.
echo tallyman.missing >"$tmp/missing"
sed -n 's/^FIELD([A-Z_0-9]*, "\([^"]*\)".*/\1/p' agent/core/fields.def |
	cat - "$tmp/missing" | sort >"$tmp/fields"
sed -n 's/^[.]It Cm \([a-z@][^ ]*\) Pq .*/\1/p' agent/tallyman-events.5 |
	sort >"$tmp/named"
ok "fields.def has fields" test "$(wc -l <"$tmp/fields")" -gt 100
is "tallyman-events(5) names every field" \
	"$(comm -23 "$tmp/fields" "$tmp/named")" ""
is "tallyman-events(5) names no field that there is not" \
	"$(comm -13 "$tmp/fields" "$tmp/named")" ""
done_testing
