#!/bin/bash
# iperf3 between two containers on one bridge: with nothing, with the agent,
# with tcpdump writing headers to /dev/null.
. "$(dirname "$0")/bench.sh"

length=${BENCH_SECONDS:-4}
host_need iperf3 tcpdump jq
host_need_agent
host_begin tools
agent_config
docker run -d --name server tallyman-test/tools:1 iperf3 -s >/dev/null
docker run -d --name client tallyman-test/tools:1 sleep 100000 >/dev/null
ip=$(container_ip server)

once() {
	docker exec client iperf3 -c "$ip" -t "$length" -J |
	    jq .end.sum_received.bits_per_second
}
wait_for 10 docker exec client iperf3 -c "$ip" -t 1

losses=
for ((i = 0; i < rounds; i++)); do
	once >>"$tmp/nothing"
	if agent_start; then
		once >>"$tmp/agent"
		losses=$(agent_losses)
		agent_stop
	fi
	on_host_bg tcpdump -i any -s 256 -w /dev/null 2>"$tmp/tcpdump.err"
	pid=$!
	wait_for 10 grep -q 'listening on' "$tmp/tcpdump.err"
	once >>"$tmp/tcpdump"
	kill -TERM $pid
	wait $pid
done
base=$(best high <"$tmp/nothing")
printf 'live: iperf3 between two containers, %d s, best of %d\n' \
    "$length" "$rounds"
row "nothing" "$base" bit/s "$base"
[[ ! -s $tmp/agent ]] || row "tallyman" "$(best high <"$tmp/agent")" bit/s \
    "$base" "$losses"
row "tcpdump -i any -s 256" "$(best high <"$tmp/tcpdump")" bit/s "$base" \
    "$(grep -o '[0-9]* packets dropped by kernel' "$tmp/tcpdump.err")"
