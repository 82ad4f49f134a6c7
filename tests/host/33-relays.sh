#!/bin/bash
# Two flows, linked and never collapsed: docker-proxy, for a container of the
# same bridge, for the outside over IPv6 and for UDP, and a container that
# relays to another network. Connections are alike but for a token inside,
# which both ends print: that says which connection carried on which.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq socat
host_need_agent

n=${TALLYMAN_FLOWS:-1000}
few=$((n / 4))
size=3000
late=2500		# behind what the agent looks at

# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base tools
agent_config 'audit:
  mode: off
flows:
  period: 1s
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

base="tallyman-test/base:1"
docker network create far >/dev/null
docker run -d --name server -p 8080:8080 -p 8081:8081/udp $base sh -c \
    'traffic echo udp 8081 & exec traffic echo tcp 8080' >/dev/null
docker run -d --name far --network far $base traffic echo tcp 8080 >/dev/null
docker run -d --name client $base sleep 1000 >/dev/null
far_ip=$(container_ip far)
server_ip=$(container_ip server)
docker create --name relay tallyman-test/tools:1 socat \
    TCP-LISTEN:9000,fork,backlog=64 "TCP:$far_ip:8080" >/dev/null
docker network connect far relay
docker start relay >/dev/null
docker run -d --name both $base traffic echo tcp 9100 >/dev/null
relay_ip=$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' \
    relay)
both_ip=$(container_ip both)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' client)

both_ready() {
	(($(docker logs server 2>&1 | grep -c ready) == 2)) &&
	    docker logs far 2>&1 | grep -q ready &&
	    docker logs both 2>&1 | grep -q ready &&
	    docker exec relay sh -c 'grep -q ":2328 .* 0A " /proc/net/tcp*' &&
	    [[ $(tm status --json | jq '[.. | objects |
	    select(.name? == "stream.flow")][0].received') != null ]]
}
ok "servers and relay are ready" wait_for 60 both_ready
# What the agent saw as its first connection is not judged with certainty.
sleep 2.2

in_client() {
	docker exec client traffic token "$@"
}
outside() {
	on_outside "$TH_TRAFFIC" token "$@"
}
{
	in_client tcp "$TH_HOST_IP" 8080 "$n" $size 4 0
} >"$tmp/proxy"
outside tcp "$TH_HOST_IP6" 8080 "$few" $size 4 0 >"$tmp/outside6"
# docker-proxy answers a datagram from the bridge's address.
in_client udp "$gateway" 8081 "$few" 500 4 0 >"$tmp/udp"
in_client tcp "$relay_ip" 9000 "$few" $size 4 0 >"$tmp/socat"
in_client tcp "$TH_HOST_IP" 8080 "$few" $size 4 $late >"$tmp/late"
in_client tcp "$relay_ip" 9000 "$few" $size 4 $late >"$tmp/socatlate"
# A server that is a client at the same time, and says the same: no relay.
docker exec both traffic token tcp "$server_ip" 8080 "$n" $size 2 $late \
    >"$tmp/own" &
own=$!
in_client tcp "$both_ip" 9100 "$n" $size 2 $late >"$tmp/asked"
wait $own

classes="proxy outside6 udp socat late socatlate"
awk '{ print $8 }' "$tmp"/{proxy,outside6,udp,socat,late,socatlate,own,asked} |
    sort >"$tmp/tokens"
is "every token is there once" "$(uniq -d "$tmp/tokens")" ""
docker logs server >"$tmp/served" 2>&1
docker logs far >>"$tmp/served" 2>&1

# TOKEN A, where A is "proto ip port ip port" of the first connection
for class in $classes; do
	awk -v c="$class" '{ print $8, c, $1, $2, $3, $4, $5 }' "$tmp/$class"
done | sort >"$tmp/first"
# TOKEN and where the second connection came from
awk 'NF == 8 { print $8, $1, $4, $5 }' "$tmp/served" | sort >"$tmp/second"
# class A B-source, one a line
join "$tmp/first" "$tmp/second" | awk '{ print $2, $3, $4, $5, $6, $7, \
    $8, $9, $10 }' >"$tmp/pairs"
is "every connection was carried on" "$(wc -l <"$tmp/pairs")" \
    "$(cat "$tmp"/{proxy,outside6,udp,socat,late,socatlate} | wc -l)"

# A port of UDP that is used again soon is one flow.
total=$({
	awk '{ print $1, $2, $3, $4, $5 }' "$tmp"/{own,asked}
	awk '{ print $2, $3, $4, $5, $6 "\n" $7, $8, $9 }' "$tmp/pairs"
} | sort -u | wc -l)
collect() {
	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true and
	    .network.iana_number != "58") |
	    [.network.transport, .source.ip, .source.port, .destination.ip,
	    .destination.port, .tallyman.flow.id,
	    .tallyman.flow.relay_of // "-",
	    .tallyman.flow.relay.confidence // "-",
	    .tallyman.flow.payload.sent, .tallyman.flow.payload.received] |
	    map(tostring) | join(" ")' "$tmp/flows" >"$tmp/final"
	(($(grep -cE '^(tcp|udp) ' "$tmp/final") >= total))
}
ok "all flows got their final report, two for each relayed connection" \
    wait_for 120 collect
diag "$(wc -l <"$tmp/final") final reports, $total at least expected"

# Per class: pairs, flows A and B found with exact payload, links right and
# high, right and not high, wrong but low, wrong, none.
awk '
NR == FNR {
	id[$1 " " $2 " " $3 " " $4 " " $5] = $6
	b = $1 " " $2 " " $3
	if ($5 == 8080 || $5 == 8081)
		if (!(b in of) || $7 != "-") {
			of[b] = $7
			conf[b] = $8
		}
	bytes[$6] = $9 " " $10
	idb[b] = $6
	next
}
{
	a = id[$2 " " $3 " " $4 " " $5 " " $6]
	b = $7 " " $8 " " $9
	n[$1]++
	if (a != "" && b in idb && bytes[a] == bytes[idb[b]])
		both[$1]++
	if (of[b] == a && a != "")
		k = conf[b] == "high" ? "high" : conf[b]
	else if (of[b] == "" || of[b] == "-")
		k = "none"
	else
		k = "wrong-" conf[b]
	got[$1 " " k]++
}
END {
	for (c in n)
		print c, "pairs", n[c], "both", both[c] + 0
	for (k in got)
		print k, got[k]
}' "$tmp/final" "$tmp/pairs" | sort >"$tmp/judged"
diag "$(cat "$tmp/judged")"

count() {
	awk -v c="$1" -v k="$2" '$1 == c && $2 == k { n = $3 } END {
	    print n + 0 }' "$tmp/judged"
}
for class in $classes; do
	is "$class: both flows of each pair, with the same payload" \
	    "$(awk -v c="$class" '$1 == c && $2 == "pairs" { print $5 }' \
	    "$tmp/judged")" "$(wc -l <"$tmp/$class")"
	is "$class: no link that is wrong and certain" \
	    "$(count "$class" wrong-high)$(count "$class" wrong-medium)" 00
done
for class in proxy outside6 udp socat; do
	is "$class: every pair is linked, with confidence high" \
	    "$(count "$class" high)" "$(wc -l <"$tmp/$class")"
done
for class in late socatlate; do
	is "$class: what cannot be told apart is linked, but not for certain" \
	    "$(count "$class" none)" 0
done
# Flows of "own" carry nothing on.
is "no certain link for a server that is a client by itself" "$(awk '
NR == FNR {
	own[$2 " " $3] = 1
	next
}
$2 " " $3 in own && $8 == "high"' "$tmp/own" "$tmp/final")" ""
is "nobody carries on what a plain server answered" "$(awk '
FILENAME == ARGV[1] { asked[$2 " " $3] = 1; next }
FILENAME == ARGV[2] { if ($2 " " $3 in asked) id[$6] = 1; next }
$7 in id && $8 == "high"' "$tmp/asked" "$tmp/final" "$tmp/final")" ""

tm status --json >"$tmp/status"
diag "$(jq -c '[.. | objects | select(.name? == "stream.flow")][0].noted' \
    "$tmp/status")"
is "no packet was lost" "$(jq '[.. | objects |
    select(.name? == "packet.copies")][0].outside.ring_drops // 0' \
    "$tmp/status")" 0
is "status adds up in every stage" "$(jq -r '[.. | objects |
    select(has("received") and has("delivered")) |
    select(.received != .delivered + .pending + ([.dropped[]?] | add // 0)) |
    .name] | join(" ")' "$tmp/status")" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
