#!/bin/bash
# VXLAN between two hosts: the packets inside are flows of their own, the
# packets around them are counted once, and the ones name the others. With the
# VXLAN device in the host's namespace its inner packets are seen twice; with
# the device in a namespace of its own, as Docker's overlay networks have it,
# only inside the outer ones, and addresses may be those of another network.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack
host_need_agent

n=${TALLYMAN_FLOWS:-1000}
here=10.42.0.2
there=10.42.0.1
# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base
test_at_exit() {
	ip netns del "ovh-$TH_NAME_KEPT" 2>/dev/null
	ip netns del "ovo-$TH_NAME_KEPT" 2>/dev/null
}
TH_NAME_KEPT=$TH_NAME

# vxlan NAMESPACE UPLINK REMOTE NETWORK ADDRESS [NAMESPACE]: the device, and
# where it lives. Without IPv6, which talks by itself.
vxlan() {
	ip -n "$1" link add "vx$4" type vxlan id "$4" dev "$2" \
	    remote "$3" dstport 4789 &&
	    { [[ -z ${6:-} ]] || ip -n "$1" link set "vx$4" netns "$6"; } &&
	    nsenter --net="/run/netns/${6:-$1}" sh -c \
	    "echo 1 >/proc/sys/net/ipv6/conf/vx$4/disable_ipv6" &&
	    ip -n "${6:-$1}" addr add "$5/24" dev "vx$4" &&
	    ip -n "${6:-$1}" link set "vx$4" up
}
if ! ip -n "$TH_HOST" link add vxtry type vxlan id 1 dev eth0 dstport 4789
then
	skip_all "this kernel has no VXLAN"
fi
ip -n "$TH_HOST" link del vxtry
ip netns add "ovh-$TH_NAME"
ip netns add "ovo-$TH_NAME"
vxlan "$TH_HOST" eth0 "$TH_OUTSIDE_IP" 42 $here &&
    vxlan "$TH_OUTSIDE" wan0 "$TH_HOST_IP" 42 $there &&
    vxlan "$TH_HOST" eth0 "$TH_OUTSIDE_IP" 43 $here "ovh-$TH_NAME" &&
    vxlan "$TH_OUTSIDE" wan0 "$TH_HOST_IP" 43 $there "ovo-$TH_NAME"
made=$?
# The counters of outer flows have to be there at the end.
on_host sh -c 'echo 600 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout'
is "two networks between the hosts, one in namespaces of its own" $made 0

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

# serve NETNS NAME, in the background
serve() {
	nsenter --net="$1" "$TH_TRAFFIC" tcp-server 7100 5000 \
	    </dev/null >"$tmp/$2.tcp" 9>&- &
	nsenter --net="$1" "$TH_TRAFFIC" udp-server 7101 300 \
	    </dev/null >"$tmp/$2.udp" 9>&- &
	wait_for 60 grep -q ready "$tmp/$2.tcp" &&
	    wait_for 60 grep -q ready "$tmp/$2.udp"
}
serve "$TH_OUTSIDE_NETNS" out42
serve "/run/netns/ovo-$TH_NAME" out43
serve "$TH_HOST_NETNS" host42
# use NETNS NAME TO
use() {
	{
		nsenter --net="$1" "$TH_TRAFFIC" tcp-client "$3" 7100 \
		    "$n" 1000 7
		nsenter --net="$1" "$TH_TRAFFIC" tcp-client "$3" 7100 \
		    1 5000000 0
		nsenter --net="$1" "$TH_TRAFFIC" udp-client "$3" 7101 50 5 100
	} >"$tmp/$2.truth"
}
use "$TH_HOST_NETNS" host42 $there &
one=$!
use "/run/netns/ovh-$TH_NAME" host43 $there &
two=$!
wait $one $two
use "$TH_OUTSIDE_NETNS" out42 $here
truth_conntrack >"$tmp/conntrack"

collect() {
	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true and
	    (.tallyman.flow.tunnel.type == "vxlan" or
	    .destination.port == 4789)) |
	    [.tallyman.flow.tunnel.id // "outer", .network.transport // "-",
	    .source.ip, .source.port // 0, .destination.ip,
	    .destination.port // 0, .tallyman.flow.payload.sent,
	    .tallyman.flow.payload.received, .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes, .tallyman.flow.id,
	    (.tallyman.flow.tunnel.outer // [] | join(",")),
	    .tallyman.flow.left_host,
	    ([.tallyman.flow.points[].interface] | join(","))] |
	    map(tostring) | join(" ")' "$tmp/flows" >"$tmp/final"
	# What is around a packet: IPv4, UDP, VXLAN and Ethernet; ARP is no flow.
	tm status --json >"$tmp/status"
	arp=$(jq '[.. | objects | select(.name? == "stream.tunnel")][0].noted.arp' \
	    "$tmp/status")
	awk -v arp="$arp" '
	$1 == "outer" { p += $9 + $11; b += $10 + $12; next }
	{ p -= $9 + $11; b -= $10 + $12 + 50 * ($9 + $11); n++ }
	END {
		print p - arp, b - 78 * arp, n + 0
	}' "$tmp/final" >"$tmp/balance"
	[[ $(cut -d ' ' -f 1,2 "$tmp/balance") == "0 0" ]] &&
	    (($(cut -d ' ' -f 3 "$tmp/balance") >= 3 * n + 3)) || return 1
	# A source port that is used again later is another flow here.
	awk '$1 == "outer" { k = $2 " " $3 " " $4 " " $5 " " $6; p[k] += $9
	    b[k] += $10 } END { for (k in p) print k, p[k], b[k] }' \
	    "$tmp/final" | sort >"$tmp/outer.have"
	truth_conntrack | awk -F '\t' '$5 == 4789 { print $1, $2, $3, $4, $5,
	    $6, $7 }' | sort >"$tmp/outer.want"
	cmp -s "$tmp/outer.have" "$tmp/outer.want"
}
ok "inner packets and what is around them add up to the outer ones" \
    wait_for 120 collect
ok "every outer flow, with packets and bytes as conntrack counted" \
    same "$tmp/outer.want" "$tmp/outer.have"
diag "$(wc -l <"$tmp/outer.have") outer flows by tuple"
diag "packets, bytes over, inner flows: $(cat "$tmp/balance"), ARP: $arp"

for c in "host42 42" "host43 43" "out42 42"; do
	read -r name vni <<<"$c"
	awk -v v="$vni" '{ k = v " " $1 " " $2 " " $3 " " $4 " " $5
	    sent[k] += $6; received[k] += $7 } END { for (k in sent)
	    print k, sent[k], received[k] }' "$tmp/$name.truth" |
	    sort >"$tmp/$name.want"
	awk 'NR == FNR { mine[$1 " " $2 " " $3 " " $4 " " $5 " " $6] = 1
	    next }
	    ($1 " " $2 " " $3 " " $4 " " $5 " " $6) in mine' \
	    "$tmp/$name.want" "$tmp/final" | sort >"$tmp/$name.flows"
	is "$name: the client made as many flows as it was told" \
	    "$(wc -l <"$tmp/$name.truth")" $((n + 51))
	ok "$name: each inner flow once, with its payload" \
	    same "$tmp/$name.want" <(cut -d ' ' -f 1-8 "$tmp/$name.flows")
	is "$name: all left the host" \
	    "$(awk '$15 != "yes"' "$tmp/$name.flows" | head -n 3)" ""
done
is "seen at the device and inside the outer packets" \
    "$(cat "$tmp"/{host42,out42}.flows | cut -d ' ' -f 16 | sort -u |
    tr '\n' ' ')" "eth0,vx42 vx42,eth0 "
is "of the network in another namespace, only inside the outer ones" \
    "$(cut -d ' ' -f 16 "$tmp/host43.flows" | sort -u)" eth0

# Packets and bytes as conntrack counted, network 42.
cut -d ' ' -f 2-6,9-12 "$tmp"/{host42,out42}.flows | sort >"$tmp/inner.have"
awk -F '\t' '
NR == FNR {
	kernel[$1 " " $2 " " $3 " " $4 " " $5] = $6 " " $7 " " $12 " " $13
	next
}
{
	split($0, c, " ")
	k = c[2] " " c[3] " " c[4] " " c[5] " " c[6]
	print k, kernel[k]
}' "$tmp/conntrack" <(cat "$tmp"/{host42,out42}.want) | sort >"$tmp/inner.want"
ok "inner packets and bytes as conntrack counted" \
    same "$tmp/inner.want" "$tmp/inner.have"
# Every inner flow names an outer flow of each direction that it used.
awk '
NR == FNR {
	if ($1 == "outer")
		from[$13] = $3
	next
}
{
	split("", dirs)
	m = split($14, id, ",")
	for (i = 1; i <= m; i++)
		dirs[from[id[i]]]++
	print m, dirs["'"$TH_HOST_IP"'"] + 0, dirs["'"$TH_OUTSIDE_IP"'"] + 0
}' "$tmp/final" <(cat "$tmp"/{host42,host43,out42}.flows) | sort | uniq -c |
    awk '{ $1 = ""; print }' >"$tmp/links"
is "each is carried by one outer flow of each direction" \
    "$(cat "$tmp/links")" " 2 1 1"

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
