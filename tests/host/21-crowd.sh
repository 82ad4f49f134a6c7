#!/bin/bash
# Many containers at once: started as fast as dockerd can, each runs programs
# and connects from its first moment on, and all of them do so again when all
# are there. Every exec and every connection has its container: whose it is
# stands in its arguments, and in its source port.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq
host_need_agent
host_need_audit

n=${TALLYMAN_CONTAINERS:-60}	# 200 were tried by hand
each=20

host_begin base
agent_config 'flows:
  period: 1s
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 500 >"$tmp/server"
wait_for 5 grep -q ready "$tmp/server"
# Whoever reads from the gate waits until it is closed here, or is a file.
mkdir "$tmp/go"
chmod 777 "$tmp/go"
mkfifo "$tmp/go/gate"
: >"$tmp/go/open"
exec 7<>"$tmp/go/gate"

# run NUMBER...: containers, one after the other.
run() {
	local i

	for i; do
		docker run -d --name "c$i" -v "$tmp/go:/go" \
		    tallyman-test/base:1 sh -c "/bin/short/blip c$i 1
		    sender tcp-from $TH_OUTSIDE_IP 7100 $((20000 + i)) 100
		    /bin/short/blip c$i 2
		    touch /go/up.$i
		    read nothing </go/gate
		    prober vfork c$i 3 $each
		    sender tcp-from $TH_OUTSIDE_IP 7100 $((30000 + i)) 100
		    /bin/short/blip c$i 9999
		    touch /go/done.$i
		    exec prober idle" >"$tmp/id.$i" 9>&-
	done
}
# all WHAT: as many containers as there are have said it.
all() {
	local said=("$tmp/go/$1".*)

	((${#said[@]} == n))
}
shopt -s nullglob
began=$EPOCHREALTIME
lanes=()
for ((lane = 1; lane <= 8; lane++)); do
	# shellcheck disable=SC2046 # a word each
	run $(seq $lane 8 "$n") 2>>"$tmp/run.err" &
	lanes+=($!)
done
wait "${lanes[@]}"
ok "$n containers are there" wait_for 60 all up
diag "$(awk -v a="$began" -v b="$EPOCHREALTIME" -v n="$n" 'BEGIN {
    printf("%d containers in %.1f s", n, b - a) }')"
diag "$(head -n 3 "$tmp/run.err")"
mv "$tmp/go/open" "$tmp/go/gate"
exec 7>&-
ok "all of them came to their end" wait_for 60 all 'done'
for ((i = 1; i <= n; i++)); do
	id=$(cat "$tmp/id.$i")
	scenarios_expect "c$i" 1 $((each + 2)) "$id"
	scenarios_expect "c$i" 9999 1 "$id"
	echo "$((20000 + i)) c$i"
	echo "$((30000 + i)) c$i"
done >"$tmp/ports"

# Source port and container of each flow, in all that was said of it.
collect() {
	tm flows --json | jq -r 'select(.network.transport == "tcp" and
	    .destination.port == 7100) | [.source.port,
	    .container.name // "none",
	    .tallyman.source.container.name // "none",
	    .tallyman.source.container.attribution.confidence // "none"] |
	    map(tostring) | join(" ")' >"$tmp/flows"
}
all_flows() {
	collect && (($(cut -d ' ' -f 1 "$tmp/flows" | sort -u | wc -l) >= 2 * n))
}
ok "a flow for each connection" wait_for 30 all_flows
ok "each of its container, and of no other in any report" same \
    <(sort "$tmp/ports") <(cut -d ' ' -f 1,2 "$tmp/flows" | sort -u)
is "its source is that container" \
    "$(awk '$2 != $3' "$tmp/flows" | head -n 3)" ""
diag "how sure: $(cut -d ' ' -f 4 "$tmp/flows" | sort | uniq -c | paste -sd ,)"

ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
is "all containers are known by name" "$(tm containers --json | jq -r '
    select(.tallyman.docker.state == "running") | .container.name' |
    grep -c '^c[0-9]*$')" "$n"
agent_stop
is "SIGTERM ends the agent with status" $? 0
host_release

scenarios_seen
ok "$(wc -l <"$tmp/want") execs, each once, each with its container" \
    same "$tmp/want" "$tmp/have"
is "each with its container's name" \
    "$(awk -F '\t' '$4 != $1' "$tmp/seen.all" | head -n 5)" ""
diag "methods: $(scenarios_methods)"
done_testing
