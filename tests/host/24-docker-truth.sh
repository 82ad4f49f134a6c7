#!/bin/bash
# The agent's containers are Docker's, at most 2 s after whatever kept it from
# hearing: it was stopped for 5 s, dockerd was restarted, the socket was cut,
# each while containers start and stop. And no event of that time lacks its
# container: each runs "blip NAME 1".
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq socat
host_need_agent
host_need_audit

n=${TALLYMAN_STARTS:-40}

# shellcheck disable=SC2034 # host_begin looks at it
host_flags=(--live-restore)
host_begin base
# Between the agent and dockerd, so that it can be cut.
proxy_start() {
	socat "UNIX-LISTEN:$TH_DIR/proxy.sock,fork,unlink-early" \
	    "UNIX-CONNECT:$TH_SOCKET" 2>/dev/null 9>&- &
	proxy=$!
	wait_for 5 test -S "$TH_DIR/proxy.sock"
}
proxy_stop() {
	local pids

	pids="$proxy $(cat "/proc/$proxy/task/$proxy/children")"
	disown "$proxy"
	# shellcheck disable=SC2086 # a list of pids
	kill -KILL $pids
}
proxy_start
agent_config ""
sed -i "s|^  socket: .*|  socket: $TH_DIR/proxy.sock|" "$agent_conf"
docker run -d --name older tallyman-test/base:1 prober idle >/dev/null
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi

# one NAME KIND: a container that starts and ends, and what may come of it.
# Its id, also when it could not start.
one() {
	local id

	id=$(docker create --network none --name "$1" tallyman-test/base:1 \
	    /bin/short/blip "$1" 1) || return
	echo "$1 1 $id" >>"$tmp/created"
	docker start "$id" >/dev/null || return
	echo "$1 1 $id" >>"$tmp/truth"
	docker wait "$id" >/dev/null
	case $2 in
	0)	docker rm -f "$id" ;;
	1)	docker rename "$id" "renamed-$1" ;;
	2)	docker restart "$id" || return ;;
	esac >/dev/null
	[[ $2 != 2 ]] || echo "$1 1 $id" >>"$tmp/truth"
}
# storm PREFIX COUNT: three at a time, and one that goes on living. In a shell
# of its own, which waits for nothing else.
storm() (
	local i

	docker run -d --network none --name "$1-lives" tallyman-test/base:1 \
	    prober idle >/dev/null
	for ((i = 1; i <= $2; i++)); do
		one "$1-$i" $((i % 4)) &
		((i % 3 != 0)) || wait
	done 2>>"$tmp/storm.err"
	wait
)
docker_says() {
	docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort
}
agent_says() {
	tm containers --json | jq -r 'select(.tallyman.docker.state != "removed") |
	    [.container.id, .container.name, .tallyman.docker.state] |
	    join(" ")' | sort
}
# A look takes a second on a busy machine: when it began is what counts.
is_same() {
	docker_says >"$tmp/docker"
	looked=$EPOCHREALTIME
	agent_says >"$tmp/agent" &&
	    cmp -s "$tmp/docker" "$tmp/agent"
}
# same_soon NAME: nothing starts or stops any more.
same_soon() {
	local begin=$EPOCHREALTIME looked=

	wait_for 10 is_same
	ok "$1: the same containers as docker ps -a" \
	    same "$tmp/docker" "$tmp/agent"
	ok "$1: within 2 s" awk -v a="$begin" -v b="$looked" \
	    'BEGIN { exit !(b - a <= 2.0 + 0.5) }'
	diag "$1: $(wc -l <"$tmp/docker") containers, $(awk -v a="$begin" \
	    -v b="$looked" 'BEGIN { printf("%.2f s", b - a) }')"
}
stop_agent() {
	local pids

	pids=$(agent_pids)
	# shellcheck disable=SC2086 # a list of pids
	kill -STOP $pids
	sleep 5
	# shellcheck disable=SC2086
	kill -CONT $pids
}

storm quiet 4
same_soon "undisturbed"

storm stopped "$n" 9>&- &
storm=$!
wait_for 20 grep -q '^stopped-3 ' "$tmp/truth"
stop_agent
wait $storm
same_soon "stopped for 5 s in the middle"

storm hidden 12 9>&- &
storm=$!
stop_agent
wait $storm
same_soon "stopped while all of it happened"

# Some end and some are gone while dockerd is not there.
docker run -d --name ends tallyman-test/base:1 sleep 2 >/dev/null
storm restart 12 9>&- &
storm=$!
wait_for 20 grep -q '^restart-3 ' "$tmp/truth"
"$testhost" -n "$TH_NAME" stop-dockerd KILL
sleep 2
"$testhost" -n "$TH_NAME" start-dockerd
wait $storm
same_soon "dockerd killed and started"

storm cut 12 9>&- &
storm=$!
wait_for 20 grep -q '^cut-3 ' "$tmp/truth"
proxy_stop
wait $storm
storm blind 4
proxy_start
same_soon "the socket was cut"

ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
kill $proxy
host_release
diag "$(sort "$tmp/storm.err" | uniq -c | head -n 5)"

scenarios_seen
ok "$(grep -vc '^restart-' "$tmp/want") execs, each once, each with its container" \
    same <(grep -v '^restart-' "$tmp/want") <(grep -v '^restart-' "$tmp/have")
# What dockerd was asked for when it was killed it may have done.
is "dockerd killed: no exec is missing" \
    "$(comm -23 "$tmp/want" "$tmp/have" | grep '^restart-')" ""
is "dockerd killed: each has its container" \
    "$(grep '^restart-' "$tmp/have" | sort -u |
	comm -23 - <(sort "$tmp/created"))" ""
is "where Docker could be asked each has its container's name" \
    "$(awk -F '\t' '$1 !~ /^(cut|blind|restart)-/ && $4 != $1 &&
	$4 != "renamed-" $1' "$tmp/seen.all" | head -n 5)" ""
diag "without a name: $(awk -F '\t' '$4 == "none"' "$tmp/seen.all" | wc -l)"
done_testing
