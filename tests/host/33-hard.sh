#!/bin/bash
# Traffic that is hard to count once, exact: fragments, segments, queues,
# twins, ports used again, losses on the way, 5 GB in one connection. Truth
# is what the two ends and conntrack counted.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/hard.sh
. "$top_srcdir/tests/support/hard.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack iptables ip6tables tc
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

ipt() {
	on_host iptables -w "$@"
}
ipt6() {
	on_host ip6tables -w "$@"
}
in_a() {
	docker exec alpha "$@"
}
in_b() {
	docker exec beta "$@"
}

# at_once N COMMAND...: side by side, waits for all.
at_once() {
	local n=$1 pids=()

	shift
	while ((n-- > 0)); do
		"$@" &
		pids+=($!)
	done
	wait "${pids[@]}"
}

docker network create --subnet 172.30.0.0/24 own >/dev/null
docker run -d --name alpha tallyman-test/base:1 sleep 1000 >/dev/null
docker run -d --name beta tallyman-test/base:1 sleep 1000 >/dev/null
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 5000 >"$tmp/server"
on_outside_bg "$TH_SENDER" udp-sink 7101 >"$tmp/sink"
on_outside_bg "$TH_TRAFFIC" udp-server 7102 3300 >"$tmp/udp"
on_outside_bg "$TH_SENDER" tcp-drain 7103 0 >"$tmp/drain"
# What a server sends again after its report would be nowhere: this one is
# silent.
on_outside_bg "$TH_TRAFFIC" tcp-server 7104 0 >"$tmp/silent"
for f in server sink udp drain silent; do
	wait_for 60 grep -q ready "$tmp/$f"
done
out=$TH_OUTSIDE_IP
out6=$TH_OUTSIDE_IP6
# Routed by Docker, masqueraded here: IPv6 through NAT as well.
ipt6 -t nat -A POSTROUTING -s 2001:db8:d0c::/64 -o eth0 -j MASQUERADE
ipt6 -P FORWARD ACCEPT
# An address of a container that is not yet checked for twins may not be used.
for c in alpha beta; do
	wait_for 60 docker exec $c sender ping "$TH_HOST_IP6" 1 1 10
done

truth_destroyed_start

# --- fragments: three or more for each packet, both ways --------------------
{
	in_a traffic udp-client "$out" 7102 10 100 4000
	in_a traffic udp-client "$out6" 7102 10 100 4000
} >"$tmp/fragments.truth"
{
	in_a sender ping "$out" 7 500 3000
	in_a sender ping "$out6" 7 500 3000
} >"$tmp/pings.truth"
remember

# --- datagrams that are all alike and have no IP ID -------------------------
{
	in_a sender udp-blast "$out" 7101 6001 20000 64 64 same
	in_a sender udp-blast "$out6" 7101 6001 20000 64 64 same
} >"$tmp/alike.truth"

# --- two containers, one source port, one destination -----------------------
# shellcheck disable=SC2016 # for the shell in the container
pairs='for p in $(seq 20000 20149); do sender tcp-from '$out' 7100 $p $1; done
    sender udp-blast '$out' 7101 6002 2000 100 64 numbered'
dropped=$(clashes)
in_a sh -c "$pairs" sh 3000 >"$tmp/twin-a" &
pid=$!
in_b sh -c "$pairs" sh 4000 >"$tmp/twin-b"
wait $pid
dropped=$(($(clashes) - dropped))
cat "$tmp/twin-a" "$tmp/twin-b" >"$tmp/twins.truth"
remember

# --- a container that comes back on the same tuple --------------------------
for size in 1000 20000 300000; do
	docker run --rm --network own --ip 172.30.0.10 tallyman-test/base:1 \
	    sender tcp-from "$out" 7100 5555 $size
done >"$tmp/restart.truth"

# --- NAT ports used again while they are in TIME_WAIT -----------------------
ipt -t nat -I POSTROUTING -o eth0 -p tcp --dport 7100 -j MASQUERADE \
    --to-ports 30000-30099
in_a traffic tcp-client "$out" 7100 1500 100 7 >"$tmp/reuse.truth"
ipt -t nat -D POSTROUTING 1

# --- MSS clamped on the way -------------------------------------------------
ipt -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 900
in_a traffic tcp-client "$out" 7100 10 200000 1111 >"$tmp/mss.truth"
ipt -t mangle -F FORWARD
remember

# --- lost between two points ------------------------------------------------
ipt -I FORWARD -p tcp -m statistic --mode random --probability 0.03 -j DROP
ipt -I FORWARD -p udp -m statistic --mode nth --every 7 --packet 0 -j DROP
at_once 8 in_a traffic tcp-client "$out" 7104 2 400000 9999 \
    >"$tmp/between.truth"
in_a sender udp-blast "$out" 7101 6003 7000 200 64 numbered >"$tmp/gaps.truth"
ipt -D FORWARD 1
ipt -D FORWARD 1

# --- segments cut anew on the uplink, and lost behind it --------------------
on_host "$TH_SENDER" offload eth0 off
in_a traffic tcp-client "$out" 7100 5 3000000 333333 >"$tmp/cut.truth"
in_a sender udp-gso "$out" 7101 6004 500 12000 1200 >"$tmp/cutgso.truth"
remember
on_outside iptables -w -t raw -A PREROUTING -i wan0 -p tcp -m statistic \
    --mode random --probability 0.03 -j DROP
at_once 8 in_a traffic tcp-client "$out" 7104 2 400000 9999 \
    >"$tmp/behind.truth"
on_outside iptables -w -t raw -F PREROUTING

# --- seconds of queue on the uplink -----------------------------------------
on_host tc qdisc add dev eth0 root tbf rate 8mbit burst 4000 limit 8000000
{
	in_a sender udp-blast "$out" 7101 6005 2500 900 0 numbered
	in_a sender udp-blast "$out" 7101 6006 500 100 0 same
	in_a traffic tcp-client "$out" 7100 1 300000 0
} >"$tmp/queue.truth"
on_host tc -s qdisc show dev eth0 >"$tmp/queue.log"
on_host tc qdisc del dev eth0 root
on_host "$TH_SENDER" offload eth0 on
in_a sender udp-gso "$out" 7101 6007 500 12000 1200 >"$tmp/gso.truth"
remember

# --- when it was: a thousand datagrams with a millisecond between them -----
before=$(date +%s%N)
in_a sender udp-blast "$out" 7101 6008 1000 10 1 numbered >"$tmp/time.truth"
after=$(date +%s%N)

# --- sequence numbers that go round -----------------------------------------
in_a sender tcp-big "$out" 7103 5000000000 >"$tmp/wrap.truth"
remember

settle 120
[[ -z ${TALLYMAN_KEEP:-} ]] || cp -r "$tmp" "$TALLYMAN_KEEP"
judge fragments 20 "fragmented UDP" payload datagrams conntrack left=yes
judge pings 2 "fragmented ICMP" payload datagrams conntrack left=yes
judge alike 2 "alike and without an ID" payload datagrams
judge twins 302 "two containers with one source port" payload
diag "the kernel dropped $dropped packets of both that wanted one port at once"
ok "two containers with one source port: conntrack" agrees twins "$dropped"
judge restart 3 "a container on the same tuple" payload
judge reuse 1500 "NAT ports used again" payload
judge mss 10 "MSS clamped" payload conntrack
judge between 16 "lost between two points" payload again
ok "lost between two points: something was" points gaps '.[2] < .[1]'
judge gaps 1 "datagrams lost between two points" payload datagrams
judge cut 5 "cut on the uplink" payload
judge cutgso 1 "UDP GSO cut on the uplink" payload datagrams
ok "cut on the uplink: it was" points cut '.[2] > .[0]'
judge behind 16 "lost behind the uplink" payload again
ok "lost behind the uplink: something was" \
    awk '{ n += $10 } END { exit n == 0 }' "$tmp/behind.truth"
judge queue 3 "seconds of queue" payload
is "seconds of queue: it was longer than two" "$(jq 'select(.source.port ==
    6005 and .tallyman.flow.final) | .event.duration > 2000000000' \
    "$tmp/flows")" true
judge gso 1 "UDP GSO" payload datagrams
judge time 1 "a second of datagrams" payload datagrams
read -r start end duration < <(jq -r 'select(.source.port == 6008 and
    .tallyman.flow.final) | "\(.event.start) \(.event.end) \(.event.duration)"' \
    "$tmp/flows")
start=$(date -d "$start" +%s%N)
end=$(date -d "$end" +%s%N)
diag "it took $(((after - before) / 1000000)) ms, the flow $((duration / 1000000))"
ok "its start and end lie between those of the sender" \
    test "$before" -lt "$start" -a "$end" -lt "$after"
ok "its duration is that of the packets" \
    test "$duration" -ge 1000000000 -a "$duration" -eq $((end - start))
judge wrap 1 "5 GB in one connection" payload conntrack
nothing_else 7100 7104
no_loss
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
