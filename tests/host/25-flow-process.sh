#!/bin/bash
# Every flow has its container and the process that opened it, also when that
# lived a few milliseconds: connections, datagrams with and without a connect,
# echoes. The truth is in argv: each process dials a port of its own, or prints
# the port that it got. And each connection has who accepted it.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/owners.sh
. "$top_srcdir/tests/support/owners.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq
host_need_agent
host_need_audit

n=${TALLYMAN_CONNECTIONS:-100}
many=${TALLYMAN_FLOWS:-300}
apart=100

host_begin base
# What is known of a flow is in its last report at the latest, also when audit
# was behind at the first: a few seconds later here.
agent_config 'flows:
  idle_timeout: 5s'
docker run -d --name older tallyman-test/base:1 sleep 1000 >/dev/null
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"
docker run -d --name newer tallyman-test/base:1 sleep 1000 >/dev/null
docker run -d --name sharer --net container:newer tallyman-test/base:1 \
    sleep 1000 >/dev/null
docker run -d --name hostnet --net host tallyman-test/base:1 sleep 1000 \
    >/dev/null

# Nobody listens: a SYN, a RST, and the process is gone. $1 first port.
loop() {
	echo "i=0; while [ \$i -lt $n ]; do nc -w 1 $TH_OUTSIDE_IP \$(($1 + i)) \
	    </dev/null >/dev/null 2>&1; i=\$((i + 1)); done"
}

declare -A base=([older]=20000 [newer]=21000 [sharer]=22000 [hostnet]=23000)
pids=()
for who in older newer sharer hostnet; do
	docker exec "$who" sh -c "$(loop "${base[$who]}")" 9>&- &
	pids+=($!)
done
nsenter --net="$TH_HOST_NETNS" busybox sh -c "$(loop 24000)" 9>&- &
pids+=($!)
wait "${pids[@]}"

# port, container, args, method of the process, confidence; the last report.
collect() {
	tm flows --json | jq -r '
	    select(.network.transport == "tcp" and
	        .destination.port >= 20000 and .destination.port < 25000) |
	    [.destination.port, .container.name // "none",
	        ((.process.args // []) | join(" ")),
	        .tallyman.flow.process.method // "none",
	        .tallyman.flow.process.confidence // "none",
	        .tallyman.flow.id, .tallyman.flow.final] | @tsv' |
	    awk -F '\t' '{ last[$6] = $0 } END { for (k in last) print last[k] }' \
	    >"$tmp/flows"
}
all_there() {
	collect && (($(grep -c 'true$' "$tmp/flows") >= 5 * n))
}
wait_for 60 all_there
is "one flow for each connection" "$(wc -l <"$tmp/flows")" $((5 * n))

# of WHO FIRST: flows of its ports that are not given to it.
not_of() {
	awk -F '\t' -v w="$1" -v a="$2" -v b=$(($2 + n)) \
	    '$1 >= a && $1 < b && $2 != w' "$tmp/flows" | wc -l
}
for who in older newer sharer hostnet; do
	is "$who: each flow has its container" "$(not_of $who \
	    "${base[$who]}")" 0
done
is "host: no flow has a container" "$(not_of none 24000)" 0

# Right: the port stands in the arguments. Wrong with high confidence is a lie.
right=$(awk -F '\t' 'index($3, " " $1) > 0' "$tmp/flows" | wc -l)
lies=$(awk -F '\t' '$3 != "" && index($3, " " $1) == 0 && $5 == "high"' \
    "$tmp/flows" | wc -l)
diag "$right of $((5 * n)) have their process: $(awk -F '\t' '{
    n[$4 " (" $5 ")"]++ } END { for (k in n) printf("%s %d; ", k, n[k]) }' \
    "$tmp/flows")"
ok "at least 97 of 100 have their process" test $((right * 100)) -ge \
    $((5 * n * 97))
is "none has another's with high confidence" "$lies" 0

# Short processes, one after the other, in three places at a time, those of a
# place to one destination (echoes to one each). Nobody answers. Some time
# apart, so that each can be told from the next on a machine of any speed; then
# as fast as they go.
block=0
port=9
kinds=(udp udp-connected tcp icmp ping)
for kind in "${kinds[@]}"; do
	for who in older newer host; do
		to=$TH_OUTSIDE_IP
		[[ $kind != icmp && $kind != ping ]] || to=10.99.$block.1
		block=$((block + 4))
		# A ping socket is nobody's on the host, as shipped.
		[[ $kind/$who == ping/host ]] ||
			owners_swarm $kind $who $apart 0 $kind "$to" $port 0
		port=$((port + 1))
	done
	owners_wait
done
for kind in udp udp-connected tcp; do
	for who in older newer host; do
		owners_swarm $kind-dense $who "$many" 1 $kind \
		    "$TH_OUTSIDE_IP" $port 0
		port=$((port + 1))
	done
	owners_wait
done
# Several of one container at a time: what cannot be told is not claimed.
owners_swarm udp-crowd older "$many" 4 udp "$TH_OUTSIDE_IP" 50 0
owners_swarm tcp-crowd newer "$many" 4 tcp "$TH_OUTSIDE_IP" 51 0
owners_wait
ok "each flow is there" wait_for 60 owners_all_final
owners_show
for kind in "${kinds[@]}"; do
	for who in older newer host; do
		[[ $kind/$who == ping/host ]] ||
			ok "$kind, $who: 97 of 100 are right" \
			    test "$(owners_right $kind $who)" -ge 97
	done
done
is "no flow has another's container" "$(awk -F '\t' '$3 != "missing" &&
    $2 != $7' "$tmp/judged" | wc -l)" 0
# A command line of before its exec would count as a lie, too.
is "none is given to another process for sure" \
    "$(cut -f 3 "$tmp/judged" | grep -cx lie)" 0

# Who accepted: connections from the outside to published ports, one server
# that asks who comes, and one that does not.
docker run -d --name server -p 7000:7000 tallyman-test/base:1 \
    traffic tcp-server 7000 10 >/dev/null
docker run -d --name sink -p 7001:7001 tallyman-test/base:1 \
    traffic http-sink 7001 >/dev/null
on_outside "$TH_TRAFFIC" tcp-client "$TH_HOST_IP" 7000 100 10 0 >"$tmp/in"
on_outside "$TH_TRAFFIC" tcp-client "$TH_HOST_IP" 7001 100 10 0 >>"$tmp/in"
accepted() {
	tm flows --json | jq -r 'select(.destination.port >= 7000 and
	    .destination.port <= 7001 and
	    .tallyman.flow.final and .source.ip == "'"$TH_OUTSIDE_IP"'") |
	    [.tallyman.destination.container.name // "none",
	    .tallyman.destination.process.name // "none",
	    .tallyman.destination.process.method // "none",
	    .tallyman.destination.process.confidence // "none",
	    (.process.args // [] | join(" "))] | join(" ")' >"$tmp/accepted"
	(($(wc -l <"$tmp/accepted") == 200))
}
ok "connections from the outside" wait_for 60 accepted
diag "$(sort "$tmp/accepted" | uniq -c)"
is "who accepted them, by record" "$(grep -cx \
    'server traffic accept high traffic tcp-server 7000 10' \
    "$tmp/accepted")" 100
is "who accepted them, by socket" "$(grep -cxE \
    'sink traffic (listener|socket) high traffic http-sink 7001' \
    "$tmp/accepted")" 100

agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
