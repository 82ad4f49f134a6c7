#!/bin/bash
# The four plain classes of traffic, exact: container to container, container
# to host, container to outside, outside to a published port. Payload is what
# both ends counted, packets and bytes are what conntrack counted.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack
host_need_agent

tcp_flows=${TALLYMAN_FLOWS:-50}
udp_flows=20

host_begin base
agent_config 'flows:
  period: 1s
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

docker run -d --name server -p 7000:7000 -p 7001:7001/udp \
    tallyman-test/base:1 sh -c \
    'traffic udp-server 7001 300 & exec traffic tcp-server 7000 5000' \
    >"$tmp/server"
docker run -d --name client tallyman-test/base:1 sleep 1000 >"$tmp/client"
server_id=$(cat "$tmp/server")
client_id=$(cat "$tmp/client")
server_ip=$(container_ip server)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' client)

serve() {
	"$1_bg" "$TH_TRAFFIC" tcp-server 7100 5000 >"$tmp/$1.tcp"
	"$1_bg" "$TH_TRAFFIC" udp-server 7101 300 >"$tmp/$1.udp"
	wait_for 60 grep -q ready "$tmp/$1.tcp"
	wait_for 60 grep -q ready "$tmp/$1.udp"
}
serve on_host
serve on_outside
both_ready() {
	(($(docker logs server 2>&1 | grep -c ready) == 2))
}
wait_for 60 both_ready

# class NAME RUNNER PROGRAM ADDRESS TCP-PORT UDP-PORT: the lines of the
# client are the truth for tuples and payload.
class() {
	local name=$1 run=$2 program=$3 to=$4

	{
		$run "$program" tcp-client "$to" "$5" "$tcp_flows" 1000 777
		$run "$program" tcp-client "$to" "$5" 1 5000000 0
		$run "$program" udp-client "$to" "$6" "$udp_flows" 5 100
	} >"$tmp/$name.truth"
}
in_client() {
	docker exec client "$@"
}
class container in_client traffic "$server_ip" 7000 7001
class host in_client traffic "$gateway" 7100 7101
class outside in_client traffic "$TH_OUTSIDE_IP" 7100 7101
class published on_outside "$TH_TRAFFIC" "$TH_HOST_IP" 7000 7001
truth_conntrack >"$tmp/conntrack"

total=$((4 * (tcp_flows + 1 + udp_flows)))
collect() {
	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true) |
	    [.network.transport, .source.ip, .source.port, .destination.ip,
	    .destination.port, .tallyman.flow.payload.sent,
	    .tallyman.flow.payload.received, .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes,
	    .source.nat.ip // "-", .destination.nat.ip // "-",
	    .tallyman.flow.left_host, .container.id // "-",
	    .tallyman.source.container.id // "-",
	    .tallyman.destination.container.id // "-",
	    .tallyman.flow.retransmitted.bytes // 0] |
	    map(tostring) | join("\t")' "$tmp/flows" >"$tmp/final"
	(($(grep -cE "$(printf '^(tcp|udp)\t')" "$tmp/final") >= total))
}
ok "all flows got their final report" wait_for 120 collect

# judge CLASS COLUMNS...: flows of the class, the columns asked for, beside
# what is expected of each, sorted.
expect() {
	local name=$1 more=$2

	awk -F '\t' -v more="$more" '
	NR == FNR {
		kernel[$1 " " $2 " " $3 " " $4 " " $5] = \
		    $6 "\t" $7 "\t" $12 "\t" $13
		next
	}
	{
		split($0, c, " ")
		k = c[1] " " c[2] " " c[3] " " c[4] " " c[5]
		printf("%s\t%s\t%s\t%s\t%s\n", k, c[6], c[7], kernel[k], more)
	}' "$tmp/conntrack" "$tmp/$name.truth" | sort
}
have() {
	awk -F '\t' '
	NR == FNR {
		split($0, c, " ")
		mine[c[1] " " c[2] " " c[3] " " c[4] " " c[5]] = 1
		next
	}
	{
		k = $1 " " $2 " " $3 " " $4 " " $5
		if (!(k in mine))
			next
		printf("%s\t%s\t%s\t%s\t%s\t%s\t%s", k, $6, $7, $8, $9, \
		    $10, $11)
		for (i = 12; i <= 17; i++)
			printf("\t%s", $i)
		print ""
	}' "$tmp/$1.truth" "$tmp/final" | sort
}
# judge NAME TITLE SNAT DNAT LEFT OWNER SOURCE DESTINATION
judge() {
	local more

	more=$(printf '%s\t%s\t%s\t%s\t%s\t%s' "${@:3}")
	expect "$1" "$more" >"$tmp/$1.want"
	have "$1" >"$tmp/$1.have"
	is "$2: the client made as many flows as it was told" \
	    "$(wc -l <"$tmp/$1.want")" $((tcp_flows + 1 + udp_flows))
	is "$2: as many final flows, none twice" \
	    "$(wc -l <"$tmp/$1.have")" $((tcp_flows + 1 + udp_flows))
	columns "$1" "$2: payload sent and received" 1-3
	columns "$1" "$2: packets and bytes as conntrack counted" 1,4-7
	columns "$1" "$2: NAT addresses" 1,8-9
	columns "$1" "$2: whether it left the host" 1,10
	columns "$1" "$2: owners" 1,11-13
}
columns() {
	ok "$2" same <(cut -f "$3" "$tmp/$1.want") <(cut -f "$3" "$tmp/$1.have")
}

judge container "container to container" - - no \
    "$client_id" "$client_id" "$server_id"
judge host "container to host" - - no "$client_id" "$client_id" -
judge outside "container to outside" "$TH_HOST_IP" - yes \
    "$client_id" "$client_id" -
judge published "outside to published port" - "$server_ip" yes \
    "$server_id" - "$server_id"

# Nothing else: a copy that was not recognised would be a flow of its own.
awk '{ print $1, $2, $3, $4, $5 }' "$tmp"/*.truth | sort >"$tmp/tuples"
is "no TCP or UDP flow of the test's ports beside these" \
    "$(jq -r 'select((.network.transport == "tcp" or
	.network.transport == "udp") and (.destination.port >= 7000 and
	.destination.port <= 7101 or .source.port >= 7000 and
	.source.port <= 7101)) | [.network.transport, .source.ip, .source.port,
	.destination.ip, .destination.port] | map(tostring) | join(" ")' \
	"$tmp/flows" | sort -u | grep -vxFf "$tmp/tuples")" ""
is "retransmitted bytes are what the sending sockets say" \
    "$(awk -F '\t' 'NR == FNR { split($0, c, " ")
	mine[c[1] " " c[2] " " c[3] " " c[4] " " c[5]] = 1; next }
	$1 " " $2 " " $3 " " $4 " " $5 in mine { s += $18 }
	END { print s + 0 }' <(cat "$tmp"/*.truth) "$tmp/final")" \
    "$(awk '{ s += $10 } END { print s + 0 }' "$tmp"/*.truth)"

# The container's own interface carried at least what its flows say, and no
# more than that and its ARP and multicast.
read -r rx rxp tx txp < <(truth_eth0 client)
l3=$((rx + tx - 14 * (rxp + txp)))
flows=$(awk -F '\t' -v c="$client_id" '$16 == c || $17 == c {
    s += $9 + $11 } END { print s + 0 }' "$tmp/final")
diag "eth0 of the client carried $l3 bytes, its flows sum up to $flows"
ok "the client's interface counters agree with the sum of its flows" \
    awk -v a="$l3" -v b="$flows" 'BEGIN { exit !(b <= a && a - b < 20000) }'

# The commands for people say the same.
is "flows finds those that left for one peer by their filters" \
    "$(tm flows --json --left-host yes --peer "$TH_OUTSIDE_IP/32" \
	--port 7100 --proto tcp | wc -l)" $((tcp_flows + 1))
is "flows sorts: the largest to each of the four is last" \
    "$(tm flows --json --proto tcp --sort bytes --limit 4 |
	jq -r '.tallyman.flow.payload.sent' | sort -u)" 5000000
tm containers client --json >"$tmp/client.json"
ok "containers: bytes out are those of the container's interface" \
    jq -e --argjson l3 $((tx - 14 * txp)) \
    '$l3 - .container.network.egress.bytes | . >= 0 and . < 20000' \
    "$tmp/client.json"
ok "containers: bytes in are those of the container's interface" \
    jq -e --argjson l3 $((rx - 14 * rxp)) \
    '$l3 - .container.network.ingress.bytes | . >= 0 and . < 20000' \
    "$tmp/client.json"

tm status --json >"$tmp/status"
is "status adds up in every stage" "$(jq -r '[.. | objects |
    select(has("received") and has("delivered")) |
    select(.received != .delivered + .pending + ([.dropped[]?] | add // 0)) |
    .name] | join(" ")' "$tmp/status")" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
