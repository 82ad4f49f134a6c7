#!/bin/sh
# The table of attribution methods (agent/core/methods.def) against what the
# sources can write, what recorded documents have, and the manual.
. "$top_srcdir/tests/support/tap.sh"

tallyman=${TALLYMAN:-$top_builddir/tallyman}
[ -x "$tallyman" ] || skip_all "$tallyman is not built"
need jq xz
tmpdir
cd "$top_srcdir" || exit 99

# known KIND: the names of the table.
known() {
	sed -n "s/^METHOD($1, \"\\([^\"]*\\)\".*/\\1/p" agent/core/methods.def |
		sort
}
# used PATTERN...: the literals in what matches, in the sources as one line,
# less the words of confidence.
cat enrich/*.c stream/*.c | tr '\n\t' '  ' >"$tmp/source"
used() {
	for pattern; do
		grep -oE "$pattern" "$tmp/source"
	done | grep -oE '"[a-z_-]+"' | tr -d '"' |
		grep -vxE 'high|medium|low' | sort -u
}
unknown() {
	known "$1" >"$tmp/known"
	comm -23 "$tmp/used" "$tmp/known"
}

used 'owner_write_method\([^;]*;' 'const char \*method = [^;]*;' \
	'[ *]method = [^;]*;' '[.]method = "[^"]*"' 'e->method = [^;]*;' \
	'ATTRIBUTION_METHOD, *"[^"]*"' 'process_method_name\(enum[^}]*\};' >"$tmp/used"
ok "the sources write methods of containers" \
	test "$(wc -l <"$tmp/used")" -ge 8
is "each method of a container is explained" "$(unknown CONTAINER)" ""
used 'y->method = [^;]*;' 'settle\(t, y, [^;]*;' 'FLOW_PROCESS_METHOD, *"[^"]*"' >"$tmp/used"
ok "the sources write methods of processes" test -s "$tmp/used"
is "each method of a flow's process is explained" "$(unknown PROCESS)" ""
used 'FLOW_NAT_METHOD, *"[^"]*"' >"$tmp/used"
ok "the sources write methods of translation" test -s "$tmp/used"
is "each method of translation is explained" "$(unknown NAT)" ""
used 'FIELD_TALLYMAN_ENTRY_KIND,[^;]*;' >"$tmp/used"
ok "the sources write kinds of entry" test -s "$tmp/used"
is "each kind of entry is explained" "$(unknown ENTRY)" ""

# in_documents FIELD KIND NAME: what the golden documents have.
for bundle in tests/golden/bundles/*.ndjson.xz; do
	xz -dc "$bundle"
done >"$tmp/documents"
in_documents() {
	jq -r ".$1 // empty" "$tmp/documents" | sort -u >"$tmp/used"
	is "documents have no other $3" "$(unknown "$2")" ""
}
in_documents tallyman.container.attribution.method CONTAINER "method"
in_documents tallyman.flow.process.method PROCESS "method of a process"
in_documents tallyman.entry.kind ENTRY "kind of entry"

"$tallyman" explain --mdoc >"$tmp/program"
sed -n '/^[.]\\" methods: begin$/,/^[.]\\" methods: end$/p' agent/tallyman.8 |
	grep -v '^[.]\\" methods:' >"$tmp/page"
is "tallyman(8) has the methods as explain --mdoc prints them" \
	"$(diff "$tmp/page" "$tmp/program" | head -n 20)" ""
done_testing
