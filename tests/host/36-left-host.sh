#!/bin/bash
# Whether a packet left the host: yes, no, or attempted, for IPv4 and IPv6:
# rules on the way, no route, nobody there, another bridge.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/hard.sh
. "$top_srcdir/tests/support/hard.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack iptables ip6tables
host_need_agent

# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base
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

docker network create --subnet 172.30.0.0/24 other >/dev/null
docker run -d --name alpha tallyman-test/base:1 sleep 1000 >/dev/null
docker run -d --name beta -p 7200:7101/udp tallyman-test/base:1 \
    sender udp-sink 7101 >/dev/null
docker run -d --name gamma --network other tallyman-test/base:1 \
    sender udp-sink 7101 >/dev/null
on_outside_bg "$TH_SENDER" udp-sink 7101 >"$tmp/sink"
on_host_bg "$TH_SENDER" udp-sink 7101 >"$tmp/here"
for f in sink here; do
	wait_for 60 grep -q ready "$tmp/$f"
done
wait_for 60 docker exec alpha sender ping "$TH_HOST_IP6" 1 1 10

# IPv4, IPv6 in turn: what stands between veth and uplink.
on_host iptables -w -I FORWARD -p udp --dport 7301 -j DROP
on_host iptables -w -I FORWARD -p udp --dport 7302 -j REJECT
on_host ip6tables -w -P FORWARD ACCEPT
on_host ip6tables -w -I FORWARD -p udp --dport 7301 -j DROP
on_host ip6tables -w -I FORWARD -p udp --dport 7302 -j REJECT
on_host ip route add unreachable 203.0.113.0/24
on_host ip route add blackhole 192.0.2.0/24
on_host ip -6 route add unreachable 2001:db8:9::/64
on_outside iptables -w -I INPUT -p tcp --dport 7303 -j DROP

blast() {
	docker exec alpha sender udp-blast "$1" "$2" 6001 20 100 0 numbered
}
gamma_ip=$(container_ip gamma)
out=$TH_OUTSIDE_IP
out6=$TH_OUTSIDE_IP6
{
	blast "$out" 7101
	blast "$out6" 7101
	blast "$out" 7304		# nobody listens
	blast "$out6" 7304
} >"$tmp/yes.truth"
# A SYN to which nothing comes back: the client gives up, so its port is
# asked of the kernel's own table.
docker exec alpha timeout 3 sender tcp-from "$out" 7303 6001 1
echo "tcp $(container_ip alpha) 6001 $out 7303 0 0 1 0 0" >>"$tmp/yes.truth"
{
	blast "$(container_ip beta)" 7101
	blast "$TH_HOST_IP" 7101
	blast "$TH_HOST_IP" 7200	# published, through docker-proxy
	blast 172.17.0.1 7101
	blast "$gamma_ip" 7101		# Docker keeps bridges apart
	blast 172.30.0.77 7101		# and nobody is there
	blast "$TH_HOST_IP6" 7305
} >"$tmp/no.truth"
{
	blast "$out" 7301
	blast "$out" 7302
	blast "$out6" 7301
	blast "$out6" 7302
	blast 203.0.113.9 7101
	blast 192.0.2.9 7101
	blast 2001:db8:9::9 7101
	blast 198.18.0.77 7101		# no neighbour answers on the uplink
	blast 2001:db8:18::77 7101
} >"$tmp/attempted.truth"

settle 120
judge yes 5 "out" left=yes
judge no 7 "inside" payload left=no
judge attempted 9 "kept back" payload left=attempted

# The errors that came of it, from the host and through NAT: as many as the
# container's own kernel says, and none on a translated address.
heard() {
	docker exec alpha awk '
	FILENAME ~ /snmp6/ { if ($1 == "Icmp6InDestUnreachs") six = $2; next }
	$1 == "Icmp:" && !at {
		for (at = 2; $at != "InDestUnreachs"; at++)
			;
		next
	}
	$1 == "Icmp:" { print $at, six + 0 }' \
	    /proc/net/snmp6 /proc/net/snmp
}
alpha_ip=$(container_ip alpha)
errors() {
	collect || return 1
	got=$(awk -v ip="$alpha_ip" '
	$1 == "icmp" && $4 == ip { four += $8 }
	# Neighbour discovery is smaller than an error with its datagram.
	$1 == "ipv6-icmp" && $4 ~ /^2001:db8:d0c:/ && $8 > 0 &&
	    $9 / $8 > 150 { six += $8 }
	END { print four + 0, six + 0 }' "$tmp/final")
	[[ $got == "$(heard)" ]]
}
ok "ICMP errors are counted once" wait_for 120 errors
diag "errors by the container's kernel $(heard), by flows $got"
ok "there were some of both" grep -qE '^[1-9][0-9]* [1-9]' <(heard)
is "none to the host's own address" "$(grep -c "^icmp .* $TH_HOST_IP " \
    "$tmp/final")" 0
no_loss
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
