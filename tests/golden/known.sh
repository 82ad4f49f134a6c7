# shellcheck shell=sh
# known.sh: flows as columns, and whether they are those that were counted and
# known beforehand; for replay.sh and the scripts that record.
#
#	columns FILE             of NDJSON: one line for each final flow
#	as_known TRUTH COLUMNS   each line of TRUTH is one flow of COLUMNS, and
#	                         its tuple has no flow beside these; "*" was not
#	                         known, and so are columns that a line lacks
#
# Columns, tab separated: protocol ("tcp/42" inside of VXLAN network 42),
# source, port (ICMP: payload sent), destination, port, payload of both,
# packets and bytes of both, addresses after NAT, left_host, container, those
# of both ends, interfaces of the path, source port after NAT, source of the
# flow that this one carries on, payload sent again.

columns() {
	jq -r 'select(.tallyman.flow.final == true) |
	    [((.network.transport // "?") + (.tallyman.flow.tunnel.id |
	    if . == null then "" else "/\(.)" end)), .source.ip,
	    (.source.port // .tallyman.flow.payload.sent), .destination.ip,
	    .destination.port // 0,
	    .tallyman.flow.payload.sent, .tallyman.flow.payload.received,
	    .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes,
	    .source.nat.ip // "-", .destination.nat.ip // "-",
	    .tallyman.flow.left_host // "?", .container.name // "-",
	    .tallyman.source.container.name // "-",
	    .tallyman.destination.container.name // "-",
	    ([.tallyman.flow.points[].interface] | join(",")),
	    .source.nat.port // "-", .tallyman.flow.relay_of // "-",
	    .tallyman.flow.retransmitted.bytes // 0, .tallyman.flow.id] |
	    map(tostring) | join("\t")' "$1" | awk -F '\t' -v OFS='\t' '
	{
		line[NR] = $0
		from[$22] = $2 " " $3
	}
	END {
		for (i = 1; i <= NR; i++) {
			$0 = line[i]
			if ($20 != "-")
				$20 = $20 in from ? from[$20] : "?"
			NF = 21
			print
		}
	}'
}

as_known() {
	awk -F '\t' '
	{ k = $1 FS $2 FS $3 FS $4 FS $5 }
	FILENAME == ARGV[1] {
		have[k, ++times[k]] = $0
		next
	}
	{
		wanted[k]++
		found = 0
		for (j = 1; j <= times[k] && !found; j++) {
			n = split(have[k, j], got)
			found = n >= NF && !used[k, j]
			for (i = 1; i <= NF; i++)
				found = found && ($i == "*" || $i == got[i])
			if (found)
				used[k, j] = 1
		}
		if (!found) {
			print "want: " $0
			for (j = 1; j <= times[k]; j++)
				print "have: " have[k, j]
			bad++
		}
	}
	END {
		for (k in wanted)
			if (times[k] != wanted[k]) {
				print k ": " times[k] + 0 " flows, not " \
				    wanted[k]
				bad++
			}
		exit bad > 0 || length(wanted) == 0
	}' "$2" "$1"
}
