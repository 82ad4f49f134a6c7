# hard.sh: what the tests of hard traffic share, on top of host.sh.  Truth
# is a file of lines as the traffic and sender helpers print them, named
# $tmp/CASE.truth; conntrack adds packets and bytes while it remembers them.
#
#	remember [ARG...]        conntrack's counters, for all cases so far
#	collect                  final flows into $tmp/final, see there
#	settle SECONDS           waits for the final flows of all cases
#	judge CASE N TITLE COLUMN... points; N flows; COLUMNs: payload, datagrams,
#	                         conntrack (packets and bytes of both ways),
#	                         again (bytes that the client sent again),
#	                         left=yes|no|attempted
#	clashes                  packets that the kernel has dropped so far because
#	                         another connection took their port in its table
#	                         in the same moment; it counted them nowhere
#	agrees CASE N            as the column conntrack, but for N such packets,
#	                         the first ones of their connections
#	no_loss                  point: the ring lost nothing, the ledger adds up
# shellcheck shell=bash

remember() {
	[[ ! -e $tmp/destroyed ]] || truth_destroyed >>"$tmp/conntrack"
	truth_conntrack "$@" >>"$tmp/conntrack"
}

# proto source sport destination dport sent received source.packets
# source.bytes destination.packets destination.bytes left again nat.sport
# end_reason packets_lost; "icmp" without ports.
# Of lines that match collect_only, when it is set.
collect_only=
collect() {
	tm flows --json | grep -E "${collect_only:-.}" >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true) |
	    [.network.transport, .source.ip, .source.port // "-",
	    .destination.ip, .destination.port // "-",
	    .tallyman.flow.payload.sent, .tallyman.flow.payload.received,
	    .source.packets, .source.bytes, .destination.packets,
	    .destination.bytes, .tallyman.flow.left_host // "-",
	    .tallyman.flow.retransmitted.bytes // 0,
	    .source.nat.port // "-", .tallyman.flow.end_reason,
	    .tallyman.gaps.packets_lost // 0] |
	    map(tostring) | join(" ")' "$tmp/flows" >"$tmp/final"
}

# The key of both: tuple, without ports for ICMP.
keys='function key(c) {
	if (c[1] ~ /icmp/)
		return c[1] " " c[2] " " c[4]
	return c[1] " " c[2] " " c[3] " " c[4] " " c[5]
}'

# Lines of the final flows that belong to a case.
finals() {
	awk "$keys"'
	NR == FNR { split($0, c); mine[key(c)] = 1; next }
	{ split($0, c); if (key(c) in mine) print }
	' "$tmp/$1.truth" "$tmp/final"
}

all_final() {
	collect || return 1
	awk "$keys"' NR == FNR { split($0, c); want[key(c)]++; n++; next }
	{ split($0, c); if (want[key(c)]-- > 0) n-- }
	END { exit n > 0 }' <(cat "$tmp"/*.truth) "$tmp/final"
}

settle() {
	ok "all flows got their final report" wait_for "$1" all_final
}

# wanted CASE COLUMN / have CASE COLUMN: key and value a line, sorted.
wanted() {
	awk -v column="$2" -v kernel="$tmp/conntrack" "$keys"'
	BEGIN {
		while (column == "conntrack" && (getline line <kernel) > 0) {
			sub(/^icmpv6/, "ipv6-icmp", line)
			split(line, c, "\t")
			counted[key(c)] = c[6] " " c[7] " " c[12] " " c[13]
		}
		split(column, left, "=")
	}
	{
		split($0, c)
		v = column == "payload" ? c[6] " " c[7] : \
		    column == "datagrams" ? c[8] " " c[9] : \
		    column == "again" ? c[10] : \
		    column == "conntrack" ? counted[key(c)] : left[2]
		print key(c), v
	}' "$tmp/$1.truth" | sort
}

have() {
	finals "$1" | awk -v column="$2" "$keys"'
	{
		split($0, c)
		v = column == "payload" ? c[6] " " c[7] : \
		    column == "datagrams" ? c[8] " " c[10] : \
		    column == "again" ? c[13] : column == "conntrack" ? \
		    c[8] " " c[9] " " c[10] " " c[11] : c[12]
		print key(c), v
	}' | sort
}

clashes() {
	on_host conntrack -S | awk '{
		for (i = 1; i <= NF; i++)
			if (sub(/^insert_failed=/, "", $i))
				n += $i
	}
	END { print n + 0 }'
}

# A SYN with its options has 60 bytes.
agrees() {
	wanted "$1" conntrack >"$tmp/$1.want"
	have "$1" conntrack >"$tmp/$1.have"
	paste -d ' ' "$tmp/$1.want" "$tmp/$1.have" | awk -v dropped="$2" '
	{
		more = $15 - $6
		wrong = NF != 18 || more < 0 || $8 != $17 || $9 != $18
		for (i = 1; i <= 5; i++)
			wrong = wrong || $i != $(i + 9)
		wrong = wrong || $16 != $7 + more * ($1 == "tcp" ? 60 : $7 / $6)
		dropped -= more
	}
	wrong { print; bad = 1 }
	END {
		if (dropped != 0)
			print dropped " packets that were dropped are not there"
		exit bad || dropped != 0
	}'
}

judge() {
	local name=$1 n=$2 title=$3 column

	shift 3
	is "$title: the senders made as many flows as they were told" \
	    "$(wc -l <"$tmp/$name.truth")" "$n"
	for column; do
		wanted "$name" "$column" >"$tmp/$name.want"
		have "$name" "$column" >"$tmp/$name.have"
		ok "$title: $column" \
		    same "$tmp/$name.want" "$tmp/$name.have"
	done
}

# Nothing beside the flows of the cases on the ports of the test: a copy that
# was not recognised would be a flow of its own.
nothing_else() {
	awk -v from="$1" -v to="$2" "$keys"'
	NR == FNR { split($0, c); mine[key(c)] = 1; next }
	{
		split($0, c)
		if (!(key(c) in mine) && (c[1] == "tcp" || c[1] == "udp") &&
		    (c[3] >= from && c[3] <= to || c[5] >= from && c[5] <= to))
			print
	}' <(cat "$tmp"/*.truth) "$tmp/final" >"$tmp/else"
	ok "no flow on the test's ports beside these" same /dev/null "$tmp/else"
}

ledger() {
	jq -r --arg stage "$1" --arg reason "$2" '[.. | objects |
	    select(.name? == $stage) | .. | objects | .[$reason]? |
	    numbers] | add // 0' "$tmp/status"
}

adds_up() {
	tm status --json >"$tmp/status"
	is "status adds up in every stage" "$(jq -r '[.. | objects |
	    select(has("received") and has("delivered")) |
	    select(.received != .delivered + .pending +
	    ([.dropped[]?] | add // 0)) | .name] | join(" ")' \
	    "$tmp/status")" ""
	diag "dropped: $(jq -rc '[.. | objects | select(has("received")) |
	    .name as $stage | (.dropped // {}) | to_entries[] |
	    select(.value > 0) | "\($stage).\(.key) \(.value)"] | join(", ")' \
	    "$tmp/status")"
}

# points CASE JQ: true of the points of every final flow of the case.
points() {
	jq -r 'select(.tallyman.flow.final == true) |
	    [.network.transport, .source.ip, .source.port // "-",
	    .destination.ip, .destination.port // "-",
	    (.tallyman.flow.points | map(.packets) | '"$2"')] |
	    map(tostring) | join(" ")' "$tmp/flows" | awk "$keys"'
	NR == FNR { split($0, c); mine[key(c)] = 1; next }
	{ split($0, c) }
	key(c) in mine { n++; if (c[6] != "true") { print; bad = 1 } }
	END { exit bad || n == 0 }' "$tmp/$1.truth" -
}

no_loss() {
	adds_up
	is "the ring lost nothing" "$(ledger packet.copies ring_drops)" 0
}
