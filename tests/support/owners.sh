# owners.sh: judges whose flows are, for tests that let "traffic swarm" make
# them. On top of host.sh.
#
#	owners_swarm LABEL WHO COUNT AT-ONCE KIND HOST PORT MS   in background;
#	                                 AT-ONCE 0: one, and 45 ms until the next
#	owners_wait                      until all swarms have ended
#	owners_collect                   judges their flows, to $tmp/judged
#	owners_count VERDICT LABEL [WHO] how many of them
#	owners_right LABEL WHO           of 100, how many have their process
#	owners_all_final                 their last reports are there
#
# WHO: a container, or "host". The truth is what each process printed (its
# local port) and its arguments (an id of its own). Verdicts: right, unknown
# (no process, or none with a command line, and the container right or not said
# for sure), candidates, missing (no such flow), wrong, and lie: a wrong process
# or container with confidence high. Two of one swarm that got the same port
# are one flow, and are left out.
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and TH_TRAFFIC are of tap.sh and host.sh

owners_next=1000
owners_pids=()
declare -A owners_ip=()

owners_where() {
	local show=(docker exec "$1" ip)

	[[ $1 != host ]] || show=(on_host ip)
	"${show[@]}" -4 -o addr show eth0 |
	    sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n 1
}

owners_swarm() {
	local label=$1 who=$2 count=$3 first=$owners_next run

	run=(docker exec "$who" traffic)
	[[ $who != host ]] || run=(on_host "$TH_TRAFFIC")
	[[ -n ${owners_ip[$who]:-} ]] || owners_ip[$who]=$(owners_where "$who")
	shift 2
	"${run[@]}" swarm "$@" "$first" >"$tmp/swarm.$first" 9>&- &
	owners_pids+=($!)
	printf '%s\t%s\t%s\t%s\n' "$first" "$label" "$who" \
	    "${owners_ip[$who]}" >>"$tmp/swarms"
	owners_next=$((owners_next + count))
}

owners_wait() {
	wait "${owners_pids[@]}"
	owners_pids=()
}

# label, who, key of the flow, id. An echo is known by where it went.
owners_truth() {
	local first label who ip

	while IFS=$'\t' read -r first label who ip; do
		awk -v OFS='\t' -v l="$label" -v w="$who" -v ip="$ip" '{
			key = $2 ~ /^(icmp|ping)$/ ? "icmp " $5 : \
			    ($2 == "tcp" ? "tcp " : "udp ") ip " " $4 " " \
			    $5 " " $6
			print l, w, key, $1
		}' "$tmp/swarm.$first"
	done <"$tmp/swarms" | awk -F '\t' '{ n[$3]++; line[NR] = $0
	    key[NR] = $3 } END { for (i = 1; i <= NR; i++)
	    if (n[key[i]] == 1) print line[i] }' >"$tmp/truth"
}

owners_flows() {
	tm flows --json | jq -r '
	    (.network.transport // "none") as $t |
	    [.tallyman.flow.id,
	        (if $t == "icmp" or $t == "ipv6-icmp"
	        then "icmp \(.destination.ip)"
	        else "\($t) \(.source.ip) \(.source.port) " +
	            "\(.destination.ip) \(.destination.port)" end),
	        (.container.name // "host"),
	        ((.process.args // ["-"]) | join(" ")),
	        (.tallyman.flow.process.method // "none"),
	        (.tallyman.flow.process.confidence // "none"),
	        (.tallyman.source.container.attribution.confidence //
	        .tallyman.container.attribution.confidence // "none"),
	        (.tallyman.flow.final // false)] | @tsv' |
	    awk -F '\t' '{ last[$1] = $0 } END { for (k in last) print last[k] }'
}

owners_collect() {
	owners_truth
	owners_flows >"$tmp/last"
	awk -F '\t' -v OFS='\t' '
	NR == FNR {
		flow[$2] = $0
		next
	}
	!($3 in flow) {
		print $1, $2, "missing", $4
		next
	}
	{
		split(flow[$3], f, "\t")
		ours = index(f[4] " ", " " $4 " ") > 0
		if (f[3] != $2 && f[7] == "high")
			verdict = "lie"
		else if (f[4] == "-")
			verdict = "unknown"
		else if (f[3] != $2)
			verdict = "wrong"
		else if (f[5] == "candidates")
			verdict = "candidates"
		else if (ours)
			verdict = "right"
		else
			verdict = f[6] == "high" ? "lie" : "wrong"
		print $1, $2, verdict, $4, f[5], f[6], f[3], f[7], f[4]
	}' "$tmp/last" "$tmp/truth" >"$tmp/judged"
}

owners_count() {
	awk -F '\t' -v v="$1" -v l="$2" -v w="${3:-}" \
	    '$3 == v && $1 == l && (w == "" || $2 == w)' "$tmp/judged" | wc -l
}

owners_right() {
	awk -F '\t' -v l="$1" -v w="$2" '$1 == l && $2 == w { n++
	    m += $3 == "right" } END { print n == 0 ? 0 : int(m * 100 / n) }' \
	    "$tmp/judged"
}

owners_all_there() {
	owners_collect && [[ -s $tmp/judged ]] &&
	    ! cut -f 3 "$tmp/judged" | grep -qx missing
}

owners_all_final() {
	owners_all_there && ! awk -F '\t' 'NR == FNR { final[$2] = $8; next }
	    final[$3] != "true" { print }' "$tmp/last" "$tmp/truth" | grep -q .
}

owners_show() {
	diag "$(cut -f 1-3,5,6 "$tmp/judged" | sort | uniq -c)"
	awk -F '\t' '$3 == "wrong" || $3 == "lie"' "$tmp/judged" |
	    head -n 10 | while read -r l; do
		diag "$l"
	done
}
