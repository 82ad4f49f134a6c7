#!/bin/bash
# A console that is dead, comes, breaks and comes back, while the agent is
# killed: every alert of the store arrives there, and none twice. The console
# is a test double, see tests/support/mock_es.py.
# shellcheck disable=SC2317 # ok and wait_for call the functions
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_need jq script python3 curl
host_need_agent
host_need_audit

console_pid=
# console_start FAULT...: on the outside, with what it had stored before.
console_start() {
	local faults

	rm -f "$tmp/hold"
	mkfifo "$tmp/hold"
	# It ends with its standard input, which is held open here.
	exec 8<>"$tmp/hold"
	: >"$tmp/console"
	nsenter --net="$TH_OUTSIDE_NETNS" python3 \
	    "$top_srcdir/tests/support/mock_es.py" --address "$TH_OUTSIDE_IP" \
	    --port 9200 --state "$tmp/console.json" <"$tmp/hold" \
	    >"$tmp/console" 2>&1 8>&- 9>&- &
	console_pid=$!
	wait_for 10 grep -q '^port' "$tmp/console" || return 1
	faults=$(printf '"%s",' "$@")
	[[ $# == 0 ]] || on_outside curl -fsS -d "[${faults%,}]" \
	    "http://$TH_OUTSIDE_IP:9200/_mock/faults" >/dev/null
}
console_kill() {
	[[ -n $console_pid ]] || return 0
	kill -KILL "$console_pid" 2>/dev/null
	wait "$console_pid" 2>/dev/null
	console_pid=
	exec 8>&-
}
test_at_exit() {
	console_kill
}
console_docs() {
	on_outside curl -fsS "http://$TH_OUTSIDE_IP:9200/_mock/docs"
}
# Ids of the alerts that it has, once for each time it took one.
console_ids() {
	console_docs | jq -r '.docs | to_entries[] |
	    select(.key | startswith("logs-tallyman.alert-default/")) |
	    (.key | sub(".*/"; "")) as $id | range(.value) | $id' | sort
}
shell_in() {
	at_terminal "$testhost" -n "$TH_NAME" docker exec -it "$1" \
	    sh -c 'exit 0' >/dev/null
}
alert_ids() {
	tm alerts --json | jq -r .event.id | sort
}
more_alerts_than() {
	(($(alert_ids | wc -l) > $1))
}
arrived() {
	[[ $(console_ids) == "$(alert_ids)" ]]
}
# owed N: the ledger says that so many wait, or with + at least so many.
owed() {
	tm status --json | jq -e --argjson n "$1" \
	    'first(.. | objects | select(.name? == "output.console")) |
	    .pending >= $n'
}
in_file() {
	[[ $(jq -r .event.id "$agent_dir/state/alerts.ndjson" | sort -u) == \
	    "$(alert_ids)" ]]
}

host_begin base
docker run -d --name box tallyman-test/base:1 sleep 1000 >/dev/null
agent_config "outputs:
  - type: elasticsearch
    name: console
    url: http://$TH_OUTSIDE_IP:9200
    manage_template: true
    timeout: 3s
  - type: file
    path: $TH_DIR/agent/state/alerts.ndjson"

# --- dead from the start, and the agent is killed ---------------------------

if ! agent_start; then
	fail "the agent starts with a console that is dead"
	done_testing
fi
pass "the agent starts with a console that is dead"
shell_in box
shell_in box
ok "alerts are stored meanwhile" wait_for 10 more_alerts_than 1
ok "the ledger says that they are owed" wait_for 5 owed 2
ok "the file has them" wait_for 5 in_file
agent_kill
ok "it starts again after kill -9" agent_start
ok "they are still owed" wait_for 5 owed 2

# --- the console comes ------------------------------------------------------

console_start 503 truncate
ok "when the console comes, it gets every alert" wait_for 90 arrived
ok "it has the index template" test \
    "$(console_docs | jq -r '.template.index_patterns[0]')" = \
    'logs-tallyman.*-*'

# --- and goes, in the middle of a burst, with the agent ----------------------

for _ in 1 2 3 4 5 6; do
	shell_in box
done &
burst=$!
wait_for 20 more_alerts_than $(($(console_ids | wc -l) + 1))
console_kill
sleep 0.5
agent_kill
wait $burst
agent_start
shell_in box
console_start item429 reset
ok "killed in a burst, both: every alert arrives" wait_for 90 arrived
is "none of them twice" "$(console_ids | uniq -d)" ""
ok "the file has every alert" wait_for 5 in_file
is "there are no dead letters" "$(tm output dead --json 2>&1)" ""

# --- what a person sees -----------------------------------------------------

tm output test console >"$tmp/test" 2>&1
is "output test ends with" $? 0
ok "and says what the console answered" grep -q 'console.*ok: .*1 created' \
    "$tmp/test"
diag "$(cat "$tmp/test")"
diag "$(alert_ids | wc -l) alerts, $(console_docs | jq -c '{requests, dupes}')"
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
