#!/bin/bash
# Classes of traffic that do not go over a bridge alone, exact: macvlan, the
# host's network and another container's, docker-proxy, ICMP errors.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/classes.sh
. "$top_srcdir/tests/support/classes.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need ip6tables sysctl
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

docker network create -d macvlan -o parent=eth0 --subnet 198.18.0.0/24 \
    --gateway "$TH_OUTSIDE_IP" mac >/dev/null
start() {
	local name=$1

	shift
	docker run -d --name "$name" "$@" tallyman-test/base:1 sleep 1000 \
	    >/dev/null
}
start client &
start server -p 8000:7010 -p 8001:7011/udp -p 8009:7009/udp &
start mac1 --network mac --ip 198.18.0.51 &
start mac2 --network mac --ip 198.18.0.52 &
start hostnet --network host &
wait -n && wait -n && wait -n && wait -n && wait -n
start partner --network container:client
for place in server mac1 mac2 @host @outside; do
	serve $place
done
serve server 7010 7011
serve @outside 7010 7011
# Kernels limit the rate of ICMP errors, newer ones each network's own.
unlimited() {
	"$@" sysctl -qw net.ipv4.icmp_ratelimit=0
	"$@" sysctl -qw net.ipv4.icmp_msgs_per_sec=100000 \
	    net.ipv4.icmp_msgs_burst=100000 2>/dev/null
}
unlimited on_host
unlimited on_outside
for name in client server; do
	unlimited nsenter --net="/proc/$(docker inspect -f '{{.State.Pid}}' \
	    $name)/ns/net"
done

server=$(container_ip server)
client=$(container_ip client)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' client)
v_client=$(truth_veth client)
v_server=$(truth_veth server)

# Not in conntrack: macvlan goes past it.
truth_dump_start mac eth0 host 198.18.0.51
talk mac_out mac1 "$TH_OUTSIDE_IP"
talk mac_in @outside 198.18.0.51
talk mac_mac mac2 198.18.0.51
truth_dump_stop mac
for class in mac_out mac_in mac_mac; do
	dumped $class mac
done

talk host_out @host "$TH_OUTSIDE_IP"
talk host_in @outside "$TH_HOST_IP"
talk hostnet hostnet "$TH_OUTSIDE_IP" 7010 7011 :
talk hostnet_in hostnet "$server"
talk partner partner "$TH_OUTSIDE_IP"

# The proxy's connections to the server are flows of their own.
on_host ip6tables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
talk proxied client "$gateway" 8000 8001 :
talk proxied6 @outside "$TH_HOST_IP6" 8000 8001 :
relayed relayed server 7010 7011

# Errors: of the other end, through NAT both ways; of a router out there and
# of the host itself, which cannot send on what is too big.
truth_dump_start errors_client "$v_client" icmp
truth_dump_start errors_server "$v_server" icmp
refuse() {
	say "$1" "$2" "traffic $3 $4 $5 40 5 ${6:-100}"
	sent "$1"
}
refuse refused client udp-refused "$TH_OUTSIDE_IP" 7777
refuse refused_in @outside udp-refused "$TH_HOST_IP" 8009
refuse refused_same client udp-refused "$server" 7777
ip -n "$TH_OUTSIDE" route add 198.51.100.0/24 via 198.18.0.77 mtu lock 1280
ip -n "$TH_OUTSIDE" neigh add 198.18.0.77 lladdr 02:00:00:00:00:77 dev wan0
on_outside sysctl -qw net.ipv4.ip_forward=1
refuse too_big client udp-too-big 198.51.100.9 7777 1300
ip -n "$TH_HOST" route add 203.0.113.0/24 via "$TH_OUTSIDE_IP" mtu lock 1280
refuse too_big_here client udp-too-big 203.0.113.9 7777 1300
truth_dump_stop errors_client
truth_dump_stop errors_server

# Routed in, not translated.
on_host iptables -I DOCKER-USER -j ACCEPT
ip -n "$TH_OUTSIDE" route add 172.17.0.0/16 via "$TH_HOST_IP"
talk routed_in @outside "$server"

ok "all flows got their final report" collect

judge mac_out "macvlan to outside" snat=- dnat=- left=yes owner=mac1 \
    source=mac1 destination=- points=eth0
judge mac_in "outside to macvlan" snat=- dnat=- left=yes owner=mac1 \
    source=- destination=mac1 points=eth0
judge mac_mac "macvlan to macvlan" snat=- dnat=- left=no owner=mac2 \
    source=mac2 destination=mac1 points=eth0
judge host_out "host to outside" snat=- dnat=- left=yes source=- \
    destination=- points=eth0
judge host_in "outside to host" snat=- dnat=- left=yes source=- \
    destination=- points=eth0
judge hostnet "container of the host's network to outside" snat=- dnat=- \
    left=yes destination=- points=eth0
judge hostnet_in "container of the host's network to a container" snat=- \
    dnat=- left=no destination=server points="docker0,$v_server"
judge partner "container in another's network to outside" \
    snat="$TH_HOST_IP" dnat=- left=yes destination=- \
    points="$v_client,docker0,eth0"
judge proxied "container to docker-proxy" snat=- dnat=- left=no \
    owner=client source=client destination=- points="$v_client,docker0"
judge proxied6 "outside to docker-proxy, IPv6" snat=- dnat=- left=yes \
    source=- destination=- points=eth0
judge relayed "docker-proxy to its container" snat=- dnat=- left=no \
    owner=server source=- destination=server points="docker0,$v_server"

judge refused "refused outside" snat="$TH_HOST_IP" dnat=- left=yes \
    owner=client points="$v_client,docker0,eth0"
judge refused_in "refused by a container" snat=- dnat="$server" left=yes \
    owner=server points="eth0,docker0,$v_server"
judge refused_same "refused on the bridge" snat=- dnat=- left=no \
    owner=client destination=server points="$v_client,docker0,$v_server"
judge too_big "too big for a router outside" snat="$TH_HOST_IP" dnat=- \
    left=yes owner=client points="$v_client,docker0,eth0"
judge too_big_here "too big for the host's route" snat=- dnat=- \
    left=attempted owner=client points="$v_client,docker0"
error_flow "port unreachable from outside" errors_client icmp \
    "$TH_OUTSIDE_IP" "$client" left=yes owner=client destination=client \
    points="eth0,docker0,$v_client"
error_flow "port unreachable from a container" errors_server icmp "$server" \
    "$TH_OUTSIDE_IP" left=yes owner=server source=server \
    points="$v_server,docker0,eth0"
error_flow "port unreachable on the bridge" errors_client icmp "$server" \
    "$client" left=no owner=server source=server destination=client \
    points="$v_server,docker0,$v_client"
error_flow "fragmentation needed by the host" errors_client icmp "$gateway" \
    "$client" left=no owner=client destination=client \
    points="docker0,$v_client"

judge routed_in "routed from outside" snat=- dnat=- left=yes owner=server \
    source=- destination=server points="eth0,docker0,$v_server"
judge_rest
judge_ledger
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
