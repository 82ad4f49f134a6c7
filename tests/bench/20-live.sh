#!/bin/bash
# What traffic loses by being watched: with nothing, with the agent, and with
# tcpdump writing headers to /dev/null, each in turn; p50 of the rounds.
#	between		iperf3 from one container to another
#	outside		iperf3 from a container to outside, through SNAT
#	small		UDP datagrams of 64 bytes between containers, received
#	connections	TCP connections a second through SNAT
# BENCH_SCENARIOS names those that are wanted, BENCH_CONFIG is more of the
# agent's configuration.
. "$(dirname "$0")/bench.sh"

rounds=${BENCH_ROUNDS:-5}
length=${BENCH_SECONDS:-2}
connections=${BENCH_CONNECTIONS:-1500}
scenarios=${BENCH_SCENARIOS:-between outside small connections}
host_need iperf3 tcpdump jq
host_need_agent
host_begin tools
agent_config "${BENCH_CONFIG:-}"
docker run -d --name server tallyman-test/tools:1 iperf3 -s >/dev/null
docker run -d --name client tallyman-test/tools:1 sleep 100000 >/dev/null
ip=$(container_ip server)
pid=$(docker inspect -f '{{.State.Pid}}' client)
on_outside_bg iperf3 -s >/dev/null
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 100 >/dev/null

iperf() {
	docker exec client iperf3 -J -t "$length" "$@"
}
between() {
	iperf -c "$ip" | jq .end.sum_received.bits_per_second
}
outside() {
	iperf -c "$TH_OUTSIDE_IP" | jq .end.sum_received.bits_per_second
}
small() {
	iperf -c "$ip" -u -l 64 -b 0 |
	    jq '.end.sum | (.packets - .lost_packets) / .seconds'
}
connections() {
	local took

	took=$(seconds nsenter --net="/proc/$pid/ns/net" "$TH_TRAFFIC" \
	    tcp-client "$TH_OUTSIDE_IP" 7100 "$connections" 100 0) &&
	    awk -v n="$connections" -v t="$took" 'BEGIN { print n / t }'
}
# with WHO: tcpdump takes part where it says something.
with() {
	local what

	for what in $scenarios; do
		[[ $1 != tcpdump || $what == between || $what == outside ]] &&
		    $what >>"$tmp/$1.$what"
	done
}
wait_for 10 iperf -c "$ip"
wait_for 10 iperf -c "$TH_OUTSIDE_IP"

losses=
for ((i = 0; i < rounds; i++)); do
	with nothing
	if agent_start; then
		with agent
		losses=$(agent_losses)
		agent_stop
	fi
	on_host_bg tcpdump -i any -s 256 -w /dev/null 2>"$tmp/tcpdump.err"
	dump=$!
	wait_for 10 grep -q 'listening on' "$tmp/tcpdump.err"
	with tcpdump
	kill -TERM $dump
	wait $dump
done
printf 'live: p50 of %d rounds of %d s\n' "$rounds" "$length"
for what in $scenarios; do
	base=$(median <"$tmp/nothing.$what")
	unit=bit/s
	[[ $what != small ]] || unit=packets/s
	[[ $what != connections ]] || unit=1/s
	for who in nothing agent tcpdump; do
		[[ ! -s $tmp/$who.$what ]] || row "$what, $who" \
		    "$(median <"$tmp/$who.$what")" $unit "$base"
	done
done
printf '  agent: %s; tcpdump: %s\n' "${losses:-did not start}" \
    "$(grep -o '[0-9]* packets dropped by kernel' "$tmp/tcpdump.err")"
