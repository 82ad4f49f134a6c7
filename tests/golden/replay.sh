#!/bin/sh
# Recorded bundles through the whole pipeline, byte for byte what they gave
# before, and what both ends and conntrack counted while they were recorded.
#	tests/golden/replay.sh --update	takes what comes now as right
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/golden/known.sh
. "$top_srcdir/tests/golden/known.sh"

tallyman=${TALLYMAN:-$top_builddir/tallyman}
[ -x "$tallyman" ] || skip_all "$tallyman is not built"
need jq tar xz
tmpdir
# Rules are named in the documents as they are given here.
cd "$top_srcdir" || exit 99
cat >"$tmp/tallyman.yaml" <<'YAML'
docker:
  socket: /tmp/tallyman-host.golden/docker.sock
flows:
  period: 1s
  idle_timeout: 3s
rules:
  paths: [rules/sigma]
YAML

replay() {
	"$tallyman" replay -c "$tmp/tallyman.yaml" --ledger "$tmp/$1" \
		2>"$tmp/$1.err"
}

# The version changes with every release.
fixed() {
	sed "s/\"version\":\"$version\"/\"version\":\"VERSION\"/g"
}
version=$("$tallyman" --version | cut -d ' ' -f 2)

sed -n 's/^FIELD([A-Z_0-9]*, "\([^"]*\)".*/\1/p' agent/core/fields.def |
	sort -u >"$tmp/fields"
# No field of the table: the names of those that were looked for in vain.
echo tallyman.missing >>"$tmp/fields"
# Paths of all leaves. Objects whose keys are data count as one field.
paths='[paths(type != "object" and type != "array") |
    map(select(type == "string")) | join(".")] | unique[]'
json_fields=$(sed -nE \
	's/^FIELD\([A-Z_0-9]*, "([^"]*)", (JSON|MAP),.*/\1/p' \
	agent/core/fields.def)

# unknown FILE: paths in the documents that are not in fields.def.
unknown() {
	jq -r "$paths" "$1" | sort -u | grep -vxFf "$tmp/fields" |
		while read -r path; do
			for field in $json_fields; do
				case $path in
				"$field".*) continue 2 ;;
				esac
			done
			echo "$path"
		done
}

# One line for each final flow, as "truth" has it.
flows() {
	jq -r 'select(.tallyman.flow.final == true) |
	    select(.network.transport == "tcp" or .network.transport == "udp") |
	    [.network.transport, .source.ip, .source.port, .destination.ip,
	    .destination.port, .tallyman.flow.payload.sent,
	    .tallyman.flow.payload.received, .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes] | map(tostring) |
	    join("\t")' "$1" | sort
}

alerts() {
	jq -r 'select(.event.dataset == "tallyman.alert") | [.rule.id,
	    .container.name, .process.name] | map(tostring) | join(" ")' "$1" |
	    sort | paste -sd , -
}

# owners FILE: of both ends of every TCP flow, and whether it left the host.
owners() {
	jq -r 'select(.network.transport == "tcp" and
	    .event.dataset == "tallyman.flow") |
	    [.tallyman.source.container.name // "-",
	    .tallyman.destination.container.name // "-",
	    .tallyman.flow.left_host] | join(" ")' "$1" | sort -u
}

check_bundle() {
	name=$1
	file=$top_srcdir/tests/golden/bundles/$name

	tar -C "$tmp" -xJf "$file.tar.xz" || exit 99
	replay "$name" >"$tmp/$name.first"
	is "$name: replay ends well" $? 0
	replay "$name" >"$tmp/$name.second"
	ok "$name: the same bytes twice" \
		cmp "$tmp/$name.first" "$tmp/$name.second"
	fixed <"$tmp/$name.first" >"$tmp/$name.got"
	if [ "$update" = 1 ]; then
		xz -9 <"$tmp/$name.got" >"$file.ndjson.xz"
	fi
	xz -dc "$file.ndjson.xz" >"$tmp/$name.want"
	ok "$name: byte for byte the golden documents" \
		cmp "$tmp/$name.got" "$tmp/$name.want"
	if ! cmp -s "$tmp/$name.got" "$tmp/$name.want"; then
		diff "$tmp/$name.want" "$tmp/$name.got" | head -n 6 |
			cut -c 1-2000 | sed 's/^/# /'
	fi
	is "$name: only fields of fields.def" "$(unknown "$tmp/$name.got")" ""
	is "$name: every document is one event with an id of its own" \
		"$(jq -r .event.id "$tmp/$name.got" | sort | uniq -d)" ""
	is "$name: the ledger balances" \
		"$(tail -n 1 "$tmp/$name.err" | jq -r .balances)" true
	is "$name: nothing was dropped" "$(tail -n 1 "$tmp/$name.err" |
		jq -r '[.stages[].dropped // {} | .[]] | add // 0')" 0
	is "$name: documents on the ledger" "$(tail -n 1 "$tmp/$name.err" |
		jq -r '.stages[] | select(.name == "sink.stdout") | .delivered')" \
		"$(wc -l <"$tmp/$name.got" | tr -d ' ')"
	flows "$tmp/$name.got" >"$tmp/$name.flows"
}

plain_class() {
	check_bundle "$1"
	ok "$1: five connections, as both ends and conntrack counted them" \
		diff "$tmp/$1/truth" "$tmp/$1.flows"
	is "$1: the test's own truth has five lines" \
		"$(wc -l <"$tmp/$1/truth" | tr -d ' ')" 5
	is "$1: owners, and whether it left the host" \
		"$(owners "$tmp/$1.got")" "$2"
	is "$1: no alert" "$(alerts "$tmp/$1.got")" ""
}

# carried FILE: for each flow inside of VXLAN where those that carry it are from.
carried() {
	jq -r 'select(.tallyman.flow.final == true) | [.tallyman.flow.id,
	    .source.ip, .tallyman.flow.tunnel.id // "-",
	    (.tallyman.flow.tunnel.outer // [] | join(" "))] |
	    map(tostring) | join("\t")' "$1" | awk -F '\t' '
	$3 == "-" {
		from[$1] = $2
		next
	}
	{ outer[++n] = $4 }
	END {
		for (i = 1; i <= n; i++) {
			m = split(outer[i], id, " ")
			a = from[id[1]]
			b = from[id[2]]
			print m != 2 ? "not two" : a < b ? a " " b : b " " a
		}
	}'
}

class_bundle() {
	check_bundle "$1"
	columns "$tmp/$1.got" >"$tmp/$1.columns"
	is "$1: the test's own truth has its lines" \
		"$(wc -l <"$tmp/$1/truth" | tr -d ' ')" "$2"
	ok "$1: every flow once, with what was counted and known beforehand" \
		as_known "$tmp/$1/truth" "$tmp/$1.columns"
}

update=0
[ "${1:-}" != --update ] || update=1
plain_class container-to-container "client server no"
plain_class container-to-host "client - no"
plain_class container-to-outside "visitor - yes"
plain_class outside-to-published "- server yes"

class_bundle bridges 28
class_bundle ipv6 26
class_bundle cast 8
class_bundle macvlan 21
class_bundle namespaces 21
class_bundle proxy 20
class_bundle icmp-errors 9
class_bundle hairpin 10

class_bundle fragments 6
class_bundle tuples 15
class_bundle reuse 60
class_bundle segments 7
class_bundle loss 5
class_bundle relays 22
class_bundle attempted 8
class_bundle vxlan 46
class_bundle inside 12
# The comparison itself: one byte more, one flow more, one flow less.
is_refused() {
	! as_known "$tmp/wrong" "$1" >/dev/null
}
awk -F '\t' -v OFS='\t' 'NR == 1 { $6++ } { print }' \
	"$tmp/tuples/truth" >"$tmp/wrong"
ok "a byte too many is told" is_refused "$tmp/tuples.columns"
sed 1p "$tmp/tuples/truth" >"$tmp/wrong"
ok "a flow that is missing is told" is_refused "$tmp/tuples.columns"
sed '/again2/d' "$tmp/tuples/truth" >"$tmp/wrong"
ok "a flow too many with a known tuple is told" \
	is_refused "$tmp/tuples.columns"
cp "$tmp/tuples/truth" "$tmp/wrong"
ok "no flows at all are told" is_refused /dev/null

is "relays: every link is certain but that of the very first connection" \
	"$(jq -r 'select(.tallyman.flow.final and
	.tallyman.flow.relay_of != null) | .tallyman.flow.relay.confidence' \
	"$tmp/relays.got" | sort | uniq -c | tr -s ' ' | paste -sd , -)" \
	" 11 high, 1 medium"
is "vxlan: an outer flow of each direction carries each inner one" \
	"$(carried "$tmp/vxlan.got" | sort | uniq -c | tr -s ' ')" \
	" 15 198.18.0.1 198.18.0.2"
is "inside: two containers with one namespace are not told apart" "$(jq -r \
    'select(.tallyman.flow.final and .tallyman.flow.inside != null) |
    .container.name + " " + .tallyman.container.attribution.confidence' \
    "$tmp/inside.got" | sort -u | paste -sd , -)" "one high,owner medium"

check_bundle exec-shell
is "exec-shell: one alert" "$(alerts "$tmp/exec-shell.got")" \
	"TM-CTR-001 client busybox"
# "id" was typed too, which busybox runs without exec.
is "exec-shell: what ran in the shell" "$(jq -r 'select(.event.dataset ==
    "tallyman.process" and .event.action == "exec" and
    .container.name == "client") | .process.args | join(" ")' \
	"$tmp/exec-shell.got" | paste -sd , -)" "sh,cat /etc/passwd"

check_bundle upload
is "upload: an alert for each tool" "$(alerts "$tmp/upload.got")" \
	"TM-EXF-001 thief curl,TM-EXF-001 thief scp"
# The file has 20,000 bytes; curl adds a header, ssh its handshake and MACs.
is "upload: two connections, each with the file and not much more" \
	"$(awk '{ print $5, ($6 >= 20000 && $6 < 25000) }' \
	"$tmp/upload.flows" | sort -n | paste -sd , -)" "22 1,8000 1"
done_testing
