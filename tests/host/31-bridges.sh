#!/bin/bash
# Every class of traffic over bridges, exact, with IPv4 and IPv6: within a
# bridge, to and from the host, to and from outside with and without NAT,
# across bridges, and what goes to all ports.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/classes.sh
. "$top_srcdir/tests/support/classes.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need ip6tables
host_need_agent

# shellcheck disable=SC2034 # read by host.sh
host_shares=1
host_begin base
agent_config 'audit:
  mode: off
flows:
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

# wide is routed from and to other bridges without translation.
docker network create -o com.docker.network.bridge.name=br-wide \
    -o com.docker.network.bridge.enable_ip_masquerade=false wide >/dev/null
docker network create -o com.docker.network.bridge.name=br-in \
    --internal inner >/dev/null
start() {
	local name=$1

	shift
	docker run -d --name "$name" "$@" tallyman-test/base:1 sleep 1000 \
	    >/dev/null
}
start client &
start server -p 8000:7000 -p 8001:7001/udp &
start wide1 --network wide &
start wide2 --network wide &
start in1 --network inner &
start in2 --network inner &
wait -n && wait -n && wait -n && wait -n && wait -n && wait -n
on_host iptables -I DOCKER-USER -j ACCEPT
for place in server wide2 in2 @host @outside; do
	serve $place
done

server=$(container_ip server)
server6=$(container_ip6 server)
wide2=$(container_ip wide2)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' client)
gateway6=$(docker inspect -f '{{.NetworkSettings.IPv6Gateway}}' client)
for name in client server wide1 wide2 in1 in2; do
	declare "v_$name=$(truth_veth $name)"
done

talk same client "$server"
talk wide wide1 "$wide2"
talk internal in1 "$(container_ip in2)"
talk to_host client "$gateway"
talk from_host @host "$server"
talk snat client "$TH_OUTSIDE_IP"
talk dnat @outside "$TH_HOST_IP" 8000 8001 :
talk crossed wide1 "$server"
talk crossed_nat client "$wide2"

# conntrack has no hooks for IPv6 before a rule asks for them: not translated
# and not known to it.
truth_dump_start same6 "$v_server" ip6
talk same6 client "$server6"
truth_dump_stop same6
dumped same6 same6
truth_dump_start routed6 eth0 ip6
talk routed6 client "$TH_OUTSIDE_IP6"
truth_dump_stop routed6
dumped routed6 routed6
on_host ip6tables -t nat -A POSTROUTING -s 2001:db8:d0c::/64 ! -o docker0 \
    -j MASQUERADE
on_host ip6tables -t nat -A PREROUTING -d "$TH_HOST_IP6" -p tcp --dport 8200 \
    -j DNAT --to-destination "[$server6]:7000"
on_host ip6tables -t nat -A PREROUTING -d "$TH_HOST_IP6" -p udp --dport 8201 \
    -j DNAT --to-destination "[$server6]:7001"
talk to_host6 client "$gateway6"
talk into6 @outside "$server6"
# Another address, as a flow to the first has no NAT already.
ip -n "$TH_OUTSIDE" addr add 2001:db8:18::9/64 dev wan0 nodad
talk masked6 client 2001:db8:18::9
talk dnat6 @outside "$TH_HOST_IP6" 8200 8201 :

# To all ports of a bridge, then with more ports than a flow tells apart.
cast() {
	say "$1" client "traffic udp-send 172.17.255.255 $2 10 20 100
	    traffic udp-send 255.255.255.255 $2 10 20 200
	    traffic udp-send 239.9.9.9 $2 10 20 300
	    traffic udp-send ff15::9 $2 10 20 400"
	sent "$1"
}
cast cast 8900
for i in 1 2 3 4 5 6 7 8 9; do
	ip -n "$TH_HOST" link add "port$i" type veth peer name "far$i"
	ip -n "$TH_HOST" link set "far$i" up
	ip -n "$TH_HOST" link set "port$i" master docker0 up
done
cast wide_cast 8901
docker exec client arping -c 3 -I eth0 172.17.0.99 >/dev/null

ok "all flows got their final report" collect

judge same "same bridge" snat=- dnat=- left=no owner=client source=client \
    destination=server points="$v_client,docker0,$v_server"
judge wide "user-defined bridge" snat=- dnat=- left=no owner=wide1 \
    source=wide1 destination=wide2 points="$v_wide1,br-wide,$v_wide2"
judge internal "internal network" snat=- dnat=- left=no owner=in1 \
    source=in1 destination=in2 points="$v_in1,br-in,$v_in2"
judge to_host "container to host" snat=- dnat=- left=no owner=client \
    source=client destination=- points="$v_client,docker0"
judge from_host "host to container" snat=- dnat=- left=no owner=server \
    source=- destination=server points="docker0,$v_server"
judge snat "container to outside" snat="$TH_HOST_IP" dnat=- left=yes \
    owner=client source=client destination=- points="$v_client,docker0,eth0"
judge dnat "outside to published port" snat=- dnat="$server" left=yes \
    owner=server source=- destination=server points="eth0,docker0,$v_server"
judge crossed "across bridges" snat=- dnat=- left=no owner=wide1 \
    source=wide1 destination=server \
    points="$v_wide1,br-wide,docker0,$v_server"
judge crossed_nat "across bridges, masqueraded" \
    snat="$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' wide)" \
    dnat=- left=no owner=client source=client destination=wide2 \
    points="$v_client,docker0,br-wide,$v_wide2"

judge same6 "IPv6, same bridge" snat=- dnat=- left=no owner=client \
    source=client destination=server points="$v_client,docker0,$v_server"
judge to_host6 "IPv6, container to host" snat=- dnat=- left=no owner=client \
    source=client destination=- points="$v_client,docker0"
judge routed6 "IPv6, routed to the outside" snat=- dnat=- left=yes \
    owner=client source=client destination=- points="$v_client,docker0,eth0"
judge into6 "IPv6, routed from outside" snat=- dnat=- left=yes \
    owner=server source=- destination=server points="eth0,docker0,$v_server"
judge masked6 "IPv6, masqueraded" snat="$TH_HOST_IP6" dnat=- left=yes \
    owner=client source=client destination=- points="$v_client,docker0,eth0"
judge dnat6 "IPv6, published by ip6tables" snat=- dnat="$server6" left=yes \
    owner=server source=- destination=server points="eth0,docker0,$v_server"
judge cast "broadcast and multicast" snat=- dnat=- left=no owner=client \
    source=client destination=- points="$v_client,docker0,$v_server"
judge wide_cast "broadcast and multicast to eleven ports" snat=- dnat=- \
    left=no owner=client source=client destination=-
judge_rest
judge_ledger
is "ARP is no flow" "$(jq -r 'select(.network.type != "ipv4" and
    .network.type != "ipv6") | .network.type' "$tmp/flows")" ""
ok "ARP is on the ledger, every port's" test "$(jq '[.. | objects |
    select(.name? == "stream.decode") | .noted.arp] | add' \
    "$tmp/status")" -ge 36
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
