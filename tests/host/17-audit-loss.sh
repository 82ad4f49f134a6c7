#!/bin/bash
# A loss that is forced: the engine is stopped, the kernel may keep 64 records
# and waits for nobody, and a storm of execs goes by. The agent says how much
# the kernel lost, finds the gaps in the serials that the kernel does not count,
# the ledger adds up, and the alerts of that time name it.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq script sqlite3
host_need_agent
host_need_audit

execs=${LOSS_EXECS:-16000}
host_begin base
docker run -d --name box tallyman-test/base:1 sleep 1000 >/dev/null
before=$(audit_state)
agent_config 'capture:
  enabled: off'
agent_start

shell_in_box() {
	at_terminal "$testhost" -n "$TH_NAME" docker exec -it box \
	    sh -c 'exit 0' >/dev/null
}
# alerts FILTER: how many alerts there are for which it holds.
alerts() {
	tm alerts --json | jq -n "[inputs | select($1)] | length"
}
has_alerts() {
	(($(alerts "$2") >= $1))
}
outside() {
	tm status --json | jq -r --arg n "$1" '[.ledger.stages[] |
	    select(.name == "audit.records") | .outside[$n]] | first'
}
storm_events() {
	sqlite3 "$agent_dir/state/tallyman.db" "select count(*) from events
	    where doc like '%\"/bin/short/true\",%'"
}

shell_in_box
ok "before the loss a shell raises an alert" wait_for 15 has_alerts 1 true
is "which names no gap" "$(alerts '.tallyman.gaps != {}')" 0

# --- the loss ---------------------------------------------------------------

engine=$(agent_pids | tail -n 1)
backlog=$(audit_counter backlog_limit)
patience=$(audit_counter backlog_wait_time)
kill -STOP "$engine"
auditctl -b 64 >/dev/null
auditctl --backlog_wait_time 0 >/dev/null
# What fits the receive buffer is not lost, so this has to be more.
docker exec box traffic storm "$execs" /bin/short/true >/dev/null
auditctl -b "$backlog" >/dev/null
auditctl --backlog_wait_time "$patience" >/dev/null
kill -CONT "$engine"
shell_in_box

told() {
	(($(outside serial_gaps) > 0 && $(storm_events) > 0))
}
ok "the serials have gaps" wait_for 20 told
drained() {
	local n

	n=$(storm_events)
	sleep 1
	(($(storm_events) == n))
}
wait_for 30 drained
lost=$(($(audit_counter lost) - audit_lost))
diag "kernel lost $lost records, $(outside serial_gaps) serials are missing," \
    "$(storm_events) of $execs execs arrived"
ok "the kernel lost records" test "$lost" -gt 0
ok "the agent says how many" wait_for 10 audit_is_told
ok "the ledger balances" eval "tm status --json | jq -e .ledger.balances"
# The kernel counts an event that it could not begin; one that began and found
# no room later is a missing serial. Nothing else is missing.
missing=$((execs - $(storm_events)))
ok "execs are missing" test "$missing" -gt 0
ok "and no more than the agent says" \
    test "$missing" -le $(($(outside kernel_lost) + $(outside serial_gaps)))
named='.tallyman.gaps | tostring | test("overruns|serial_gaps|kernel_lost")'
ok "the alert of that time names the gap" wait_for 15 has_alerts 1 "$named"
diag "$(tm alerts --json | jq -c .tallyman.gaps | tail -n 1)"

# --- after it ---------------------------------------------------------------

later() {
	shell_in_box
	has_alerts 1 ".tallyman.gaps == {} and .[\"@timestamp\"] > \"$since\""
}
since=$(date -u +%Y-%m-%dT%H:%M:%S)
ok "an alert long after it names none" wait_for 60 later
agent_stop
is "SIGTERM ends the agent with" $? 0
is "no rule or setting is left" "$(audit_state)" "$before"
done_testing
