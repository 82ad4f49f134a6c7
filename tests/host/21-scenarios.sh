#!/bin/bash
# Every kind of process that is hard to attribute, all at once, beside CPU
# burners and with process ids that are used again after seconds: each exec
# event has its container, once.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"

host_need jq
host_need_agent
host_need_audit

host_begin base
agent_config ""
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
docker run -d --name target tallyman-test/base:1 prober idle >/dev/null
scenarios_start ''
ok "the containers started" wait_for 1 test \
    "$(docker ps -q | wc -l)" -eq $((${#scenario_names[@]} + 1))

pid_max 2000
"$TH_DIR/prober" burn 9>&- &
"$TH_DIR/prober" burn 9>&- &
before=$EPOCHREALTIME
scenarios_go 1
scenarios_exec exec target 1 10 9>&- &
execs=$!
scenarios_exec exec target 11 10 9>&- &
execs="$execs $!"
scenarios_single single 1 10 9>&- &
execs="$execs $!"
scenarios_host 1
ok "all probes ended" scenarios_wait 1 60
after=$EPOCHREALTIME
# shellcheck disable=SC2086 # a list of pids
wait $execs
ok "no probe failed" test -z "$(cd "$tmp/go" && find . -name 'failed.*')"
ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
host_release

scenarios_seen
diag "$(wc -l <"$tmp/want") execs in $(awk -v a="$before" -v b="$after" \
    'BEGIN { printf("%.1f s", b - a) }')"
scenarios_compare
is "each says how it is known" "$(awk -F '\t' '$5 == "none" || $6 == "none"' \
    "$tmp/seen.all" | wc -l)" 0
is "what runs on the host is said to, not unknown" "$(awk -F '\t' \
    '$1 == "host" && $5 != "host"' "$tmp/seen.all" | wc -l)" 0
is "the name goes with the id" "$(awk -F '\t' '$1 != "host" && $1 != "exec" &&
    $1 != "single" && $4 != $1' "$tmp/seen.all" | wc -l)" 0
diag "methods: $(scenarios_methods)"
done_testing
