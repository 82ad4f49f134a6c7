#!/bin/bash
# Docker without its proxy: a container that dials a published port of its
# host reaches a container of the same bridge, or itself, through NAT in the
# bridge. Three tuples of one connection, counted once; and the bridge is not
# made promiscuous, as that would deliver packets twice.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/classes.sh
. "$top_srcdir/tests/support/classes.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need
host_need_agent

# shellcheck disable=SC2034 # read by host.sh
host_shares=1
# shellcheck disable=SC2034
host_flags=(--userland-proxy=false)
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

docker run -d --name client tallyman-test/base:1 sleep 1000 >/dev/null
docker run -d --name server -p 8000:7000 -p 8001:7001/udp \
    tallyman-test/base:1 sleep 1000 >/dev/null
serve server
server=$(container_ip server)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' client)
v_client=$(truth_veth client)
v_server=$(truth_veth server)

# A frame whose new neighbour is not fresh would take the way over docker0.
for name in client server; do
	ip -n "$TH_HOST" neigh replace "$(container_ip $name)" dev docker0 \
	    nud permanent lladdr "$(docker inspect \
	    -f '{{.NetworkSettings.MacAddress}}' $name)"
	on_host "$TH_TRAFFIC" ping "$(container_ip $name)" 1 2 56 >/dev/null
done

ok "the server's port is a hairpin port" grep -q 'hairpin on' \
    <(ip -n "$TH_HOST" -d link show "$v_server")
is "bridge-nf is on" \
    "$(on_host cat /proc/sys/net/bridge/bridge-nf-call-iptables)" 1
withheld() {
	tm status --json | jq -r '.. | .promiscuous_withheld? // empty |
	    .[] | select(.why | test("hairpin")) | .interface'
}
is "the bridge is not made promiscuous, and status says so" "$(withheld)" \
    docker0
ok "its port is, the bridge is not" \
    test "$(ip -n "$TH_HOST" -d link show docker0 |
	grep -c 'promiscuity 0')" -eq 1

talk hairpin client "$TH_HOST_IP" 8000 8001 :
talk itself server "$TH_HOST_IP" 8000 8001 :
talk published @outside "$TH_HOST_IP" 8000 8001 :
talk from_host @host "$TH_HOST_IP" 8000 8001 :
talk same client "$server"

ok "all flows got their final report" collect

judge hairpin "hairpin to another" snat=- dnat="$server" left=no \
    owner=client source=client destination=server \
    points="$v_client,$v_server"
# In and out at one port.
judge itself "hairpin to itself" passes=2 snat="$gateway" dnat="$server" \
    left=no owner=server source=server destination=server points="$v_server"
judge published "outside to published port" snat=- dnat="$server" left=yes \
    owner=server source=- destination=server points="eth0,docker0,$v_server"
judge from_host "host to published port" snat="$gateway" dnat="$server" \
    left=no owner=server source=- destination=server \
    points="docker0,$v_server"
# Some have the port of a hairpin flow, which became what these dial: NAT
# changes theirs.
judge same "same bridge" dnat=- left=no owner=client source=client \
    destination=server points="$v_client,$v_server"
judge_rest
judge_ledger
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
