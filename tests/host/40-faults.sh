#!/bin/bash
# What goes wrong on a real host: the agent is killed, Docker is not there yet,
# a reload brings a broken file, another daemon owns audit. The agent keeps
# what it had, says what is missing, and picks it up when it comes.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq script
host_need_agent
host_need_audit

promiscuous() {
	ip -n "$TH_HOST" -d -o link |
	    grep -o '^[0-9]*: [^@:]*\|promiscuity [1-9]*' | paste -sd' ' -
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
log_says() {
	grep -qiE "$1" "$agent_dir/log"
}
# saw WORD: an exec event of "/bin/true WORD" is in the store.
saw() {
	tm events --json | jq -e --arg w "$1" -n 'first(inputs |
	    select(.process.args == ["/bin/true", $w]))'
}
# saw_in WORD CONTAINER-ID
saw_in() {
	tm events --json | jq -e --arg w "$1" --arg id "$2" -n 'first(inputs |
	    select(.process.args == ["/bin/true", $w] and
	    .container.id == $id))'
}
# all_ended PID...
all_ended() {
	local pid

	for pid; do
		has_ended "$pid" || return 1
	done
}

host_begin base
docker run -d --name box tallyman-test/base:1 sleep 1000 >"$tmp/box"
box=$(cat "$tmp/box")
before=$(audit_state)
promiscuous_before=$(promiscuous)

# --- no Docker at the start -------------------------------------------------

agent_config
sed -i "s|^  socket: .*|  socket: $agent_dir/late.sock|" "$agent_conf"
if ! agent_start; then
	fail "the agent starts without a Docker socket"
	done_testing
fi
pass "the agent starts without a Docker socket"
ok "the log names the socket that is missing" \
    wait_for 5 log_says 'late\.sock'
ln -s "$TH_SOCKET" "$agent_dir/late.sock"
knows_box() {
	tm containers --json | grep -q "$box"
}
ok "when the socket comes, its containers are known" wait_for 60 knows_box
docker exec box /bin/true late
ok "and execs have their container" wait_for 10 saw_in late "$box"
is "the missing socket was said once" \
    "$(grep -ci 'late\.sock' "$agent_dir/log" |
	awk '{ print ($1 <= 2) ? "once or twice" : $1 }')" "once or twice"

# --- kill -9 ----------------------------------------------------------------

shell_in box
ok "a docker exec shell raises an alert" wait_for 10 more_alerts_than 0
alert_ids >"$tmp/ids"
ours=$(audit_rules | wc -l)
pids=$(agent_pids | paste -sd' ' -)
disown "$agent_pid"
kill -KILL "$agent_pid"
# shellcheck disable=SC2086 # a list of pids
ok "kill -9 of the parent ends all of the agent" wait_for 10 all_ended $pids
agent_pid=
ok "it starts again" agent_start
alert_ids >"$tmp/ids-after"
ok "no stored alert is lost" same "$tmp/ids" "$tmp/ids-after"
is "its audit rules are there once, not twice" "$(audit_rules | wc -l)" "$ours"
docker exec box /bin/true again
ok "it hears execs again" wait_for 10 saw_in again "$box"
shell_in box
ok "it raises alerts again" wait_for 10 more_alerts_than \
    "$(wc -l <"$tmp/ids")"

# --- kill -9 in the middle of a burst ---------------------------------------

for _ in 1 2 3 4 5; do
	shell_in box
done &
burst=$!
wait_for 10 more_alerts_than $(($(wc -l <"$tmp/ids") + 1))
alert_ids >"$tmp/ids"
agent_kill
wait $burst
agent_start
alert_ids >"$tmp/ids-after"
is "killed in a burst: what was in the store is in the store" \
    "$(comm -23 "$tmp/ids" "$tmp/ids-after")" ""
is "killed in a burst: nothing is there twice" \
    "$(uniq -d "$tmp/ids-after")" ""
ok "the store is sound" test "$(sqlite3 "$agent_dir/state/tallyman.db" \
    'PRAGMA integrity_check')" = ok

# --- a broken configuration -------------------------------------------------

# From here on the command line reads a copy that stays good.
cp "$agent_conf" "$tmp/good.yaml"
printf 'capture:\n  snaplen: many\n' >>"$agent_conf"
line=$(wc -l <"$agent_conf")
tm check >"$tmp/check" 2>&1
is "check: exit status of a broken file" $? 1
ok "check: names file, line and column" \
    grep -qF "$agent_conf:$line:12" "$tmp/check"
diag "$(cat "$tmp/check")"
# shellcheck disable=SC2034 # tm looks at it
tm_conf=$tmp/good.yaml
kill -HUP "$agent_pid"
ok "SIGHUP with a broken file: the log names the line" \
    wait_for 10 log_says "tallyman.yaml:$line:12"
docker exec box /bin/true kept
ok "SIGHUP with a broken file: the agent goes on" \
    wait_for 10 saw_in kept "$box"
shell_in box
ok "SIGHUP with a broken file: the rules go on" \
    wait_for 10 more_alerts_than "$(wc -l <"$tmp/ids-after")"

cp "$tmp/good.yaml" "$agent_conf"
mkdir "$agent_dir/rules"
printf 'title: broken\nid: [\n' >"$agent_dir/rules/broken.yml"
sed -i "s|^  paths: .*|  paths: [$agent_dir/rules]|" "$agent_conf"
kill -HUP "$agent_pid"
ok "SIGHUP with a broken rule: the log names the file and line" \
    wait_for 10 log_says 'broken\.yml:[23]:'
n=$(alert_ids | wc -l)
shell_in box
ok "SIGHUP with a broken rule: the old rules go on" \
    wait_for 10 more_alerts_than "$n"

rm "$agent_dir/rules/broken.yml"
cat >"$agent_dir/rules/own.yml" <<'RULE'
title: A program called true
id: 6a6f0f2c-0a3c-4f5e-9d1f-0c5d1b6f7a10
status: test
description: Only for the test of a reload.
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        CommandLine|contains: 'true by-own-rule'
    condition: selection
level: low
RULE
kill -HUP "$agent_pid"
own_rule() {
	docker exec box /bin/true by-own-rule
	tm alerts --json |
	    grep -q 6a6f0f2c-0a3c-4f5e-9d1f-0c5d1b6f7a10
}
ok "SIGHUP with a good file: the new rule works" wait_for 15 own_rule

# --- SIGTERM ----------------------------------------------------------------

pids=$(agent_pids | paste -sd' ' -)
agent_stop
is "SIGTERM ends the agent with status" $? 0
# shellcheck disable=SC2086
ok "no process is left" all_ended $pids
is "no audit rule or setting is left" "$(audit_state)" "$before"
is "no interface is left promiscuous" "$(promiscuous)" "$promiscuous_before"
is "no socket, journal or temporary file is left" \
    "$(cd "$agent_dir" && find . -type s ! -name notify -o -name '*-wal' -o \
	-name '*-shm' -o -name '*.pid' -o -name '*.tmp')" ""

# --- another daemon owns audit ----------------------------------------------

# The kernel gives audit records to a second listener in its first network
# namespace only, so that is where this agent runs, without its packet half.
cp "$tmp/good.yaml" "$agent_conf"
printf 'capture:\n  enabled: off\n' >>"$agent_conf"
# shellcheck disable=SC2034 # agent_start looks at it
agent_netns=/proc/$$/ns/net
"$TH_TRAFFIC" audit-owner >"$tmp/owner" 9>&- &
owner=$!
wait_for 5 grep -q ready "$tmp/owner"
audit_pid() {
	auditctl -s | awk '$1 == "pid" { print $2 }'
}
is "another process owns audit" "$(audit_pid)" "$owner"
tm doctor >"$tmp/doctor" 2>&1
ok "doctor says who owns audit" grep -qw "$owner" "$tmp/doctor"
: >"$agent_dir/log"
ok "the agent starts beside another audit daemon" agent_start
is "it does not take audit away from that" "$(audit_pid)" "$owner"
ok "it says so" wait_for 5 log_says 'audit'
tm status >"$tmp/status"
ok "status says who owns audit" grep -qw "$owner" "$tmp/status"
docker exec box /bin/true beside
ok "it hears execs beside the other" wait_for 15 saw_in beside "$box"
kill -TERM "$owner"
wait "$owner"
hears() {
	docker exec box /bin/true freed && saw_in freed "$box"
}
ok "when the other is gone, it hears execs" wait_for 60 hears
agent_stop
is "SIGTERM ends that agent with status" $? 0
is "no audit rule or setting is left by that one" "$(audit_state)" "$before"
done_testing
