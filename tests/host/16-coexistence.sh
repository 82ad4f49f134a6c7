#!/bin/bash
# Kernel audit is not the agent's alone: auditd before it, beside it and after
# it, a reader of the multicast group such as systemd-journald, a second agent,
# rules that silence or are locked, kernels that lack a part. Each time the
# agent does what it can, takes nothing from others, and doctor has a sentence.
#
# A kernel with locked rules, booted with audit=0 or without conntrack cannot be
# had and given back here: see the seam in tests/support/fake_kernel.c.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/auditd.sh
. "$top_srcdir/tests/support/auditd.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq python3 auditd
host_need_agent
host_need_audit

test_at_exit() {
	[[ -z $auditd_pid ]] || kill -KILL "$auditd_pid" 2>/dev/null
}

n=20
# run WORD: n times the program with this argument and a number.
run() {
	local i

	for ((i = 1; i <= n; i++)); do
		"$tmp/true" "$1-$i"
	done
}
# heard WORD: how many of them the agent has, each once.
heard() {
	tm events --json | jq -n --arg w "$1-" '[inputs |
	    select(.event.action == "exec") | .process.args[1] // "" |
	    select(startswith($w))] | unique | length'
}
heard_all() {
	(($(heard "$1") == n))
}
# logged WORD: how many of them auditd has.
logged() {
	grep -c "type=EXECVE.*a1=\"$1-" "$auditd_log"
}
logged_all() {
	(($(logged "$1") == n))
}
# keyed WORD KEY: how many of the events are under that key in auditd's log.
keyed() {
	awk -v w="$1-" -v k="key=\"$2\"" '
	    match($0, /:[0-9]+\):/) { s = substr($0, RSTART, RLENGTH) }
	    /^type=SYSCALL/ && index($0, k) { has[s] = 1 }
	    /^type=EXECVE/ && index($0, "a1=\"" w) { n += has[s] }
	    END { print n + 0 }' "$auditd_log"
}
log_says() {
	grep -qE "$1" "$agent_dir/log"
}
part() {
	tm status --json | jq -r --arg p "$1" \
	    '.parts[] | select(.name == $p) | "\(.state): \(.why)"'
}
part_is() {
	# shellcheck disable=SC2053 # a pattern
	[[ $(part "$1") == $2 ]]
}
balances() {
	tm status --json | jq -e .ledger.balances
}
# doctor_says PATTERN
doctor_says() {
	tm doctor >"$tmp/doctor" 2>&1
	grep -qE "$1" "$tmp/doctor" && return
	cat "$tmp/doctor"
	return 1
}
fresh_log() {
	: >"$agent_dir/log"
}

host_begin base
cp "$TH_TRAFFIC" "$tmp/true"
docker run -d --name box tallyman-test/base:1 sleep 1000 >/dev/null
before=$(audit_state)
capture_off='capture:
  enabled: off'
agent_config "$capture_off"
# The multicast group is the first network namespace's.
# shellcheck disable=SC2034 # agent_start looks at it
agent_netns=/proc/$$/ns/net
# shellcheck disable=SC2054 # one argument
site=(always,exit -F arch=b64 -S execve -F "exe=$tmp/true" -k site)

# --- auditd was there first -------------------------------------------------

auditd_start || fail "auditd starts"
auditctl -a "${site[@]}"
run first
ok "auditd alone logs what its rule says" wait_for 10 logged_all first
limit=$(auditctl -s | awk '$1 == "backlog_limit" { print $2 }')
ok "doctor: who has audit, what that costs, what to do" doctor_says \
    "note  audit +process $auditd_pid is the audit daemon: .*can lose.*stop it"
ok "doctor: packets are switched off here" grep -q \
    '^note  packets *capture.enabled is off' "$tmp/doctor"
ok "the agent starts beside auditd" agent_start
is "auditd stays the audit daemon" "$(audit_owner)" "$auditd_pid"
ok "status: multicast, and whose the audit daemon is" \
    part_is audit "there: multicast,*process $auditd_pid is the audit daemon*"
run beside
ok "the agent hears what auditd hears" wait_for 15 heard_all beside
ok "auditd's log has all of it" wait_for 10 logged_all beside
is "under the key that it had before" "$(keyed beside site)" "$n"
ok "the ledger balances" balances

# --- auditd ends, and comes again -------------------------------------------

# The other reader of the group is there all the time from now on.
cat >"$tmp/reader.py" <<'PY'
import signal, socket, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)	# NETLINK_AUDIT
s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)	# SO_RCVBUFFORCE
s.bind((0, 1))					# AUDIT_NLGRP_READLOG
def end(*_):
	sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
	print(s.recv(16384)[16:].decode("latin-1").strip("\0\n"), flush=True)
PY
python3 "$tmp/reader.py" >"$tmp/read" 9>&- &
reader=$!
wait_for 10 grep -q ready "$tmp/read"

auditd_stop
agent_owns() {
	[[ " $(agent_pids | paste -sd' ' -) " == *" $(audit_owner) "* ]]
}
ok "auditd ended: the agent takes its place" wait_for 30 agent_owns
ok "status: unicast" wait_for 5 part_is audit "there: unicast*"
run alone
ok "and hears everything" wait_for 15 heard_all alone
read_all() {
	(($(grep -c "a1=\"$1-" "$tmp/read") == n))
}
ok "a reader of the multicast group, as journald is, hears it too" \
    wait_for 10 read_all alone

# The kernel refuses whoever comes while the place is taken; the service
# manager starts him again.
again() {
	for _ in 1 2 3 4 5; do
		auditd_start 2>/dev/null >&2 && return
		sleep 0.5
	done
	return 1
}
ok "auditd starts later: the agent steps aside" again
ok "status: multicast again" wait_for 10 part_is audit "there: multicast*"
replace_told() {
	tm events --json | jq -e -n 'first(inputs |
	    select(.event.action == "audit-replace"))'
}
ok "that somebody wanted audit is an event" wait_for 10 replace_told
auditctl -D -k site >/dev/null 2>&1
auditctl -A "${site[@]}"
run later
ok "auditd has its log again" wait_for 10 logged_all later
is "with its key" "$(keyed later site)" "$n"
ok "and the agent hears on" wait_for 15 heard_all later
ok "the ledger balances through all that" balances
lost() {
	tm status --json | jq -r '[.ledger.stages[] |
	    select(.name == "audit.records") | .outside | to_entries[] |
	    select(.value > 0) | "\(.key)=\(.value)"] | join(" ")'
}
is "nothing was lost on the way" "$(lost)" ""
rules=$(audit_rules | grep -v key=tallyman | sort)
agent_stop
is "SIGTERM: the agent ends with" $? 0
is "auditd goes on" "$(audit_owner)" "$auditd_pid"
is "its rules are as before" "$(audit_rules | sort)" "$rules"
is "its backlog limit too" \
    "$(auditctl -s | awk '$1 == "backlog_limit" { print $2 }')" "$limit"
run after
ok "and its log" wait_for 10 logged_all after
auditd_stop
kill "$reader"
wait "$reader"
audit_give_back >/dev/null 2>&1

# --- a second agent ---------------------------------------------------------

agent_start
first=$agent_pid
rules=$(audit_rules | sort)
ok "doctor: another agent has audit" doctor_says \
    "note  audit +process [0-9]+ is an agent that uses audit already"
mkdir -p "$tmp/second"
chmod 777 "$tmp/second"
sed "s|^  path: .*|  path: $tmp/second/tallyman.db|" "$agent_conf" \
    >"$tmp/second.yaml"
"$tallyman" run -c "$tmp/second.yaml" --state-dir "$tmp/second" \
    >"$tmp/second.out" 2>&1 9>&- &
second=$!
ok "a second agent says that it hears no audit, and why" wait_for 15 \
    grep -q 'audit: missing: .*agent that uses audit already' "$tmp/second.out"
kill "$second"
wait "$second"
is "it ends with" $? 0
is "the first one's rules are as before" "$(audit_rules | sort)" "$rules"
run two
ok "and it hears on" wait_for 15 heard_all two
agent_pid=$first
agent_stop

# --- rules that silence -----------------------------------------------------

auditctl -a never,task
ok "doctor: -a never,task silences every rule" doctor_says \
    'BAD   audit +the rule -a never,task silences'
agent_start
ok "status says it too" part_is audit "there:*never,task*"
agent_stop
auditctl -d never,task
is "no rule or setting is left by all this" "$(audit_state)" "$before"

# --- kernels that lack something --------------------------------------------

${CC:-cc} -shared -fPIC -o "$tmp/fake_kernel.so" \
    "$top_srcdir/tests/support/fake_kernel.c"
chmod 755 "$tmp/fake_kernel.so"
real=$tallyman
# on_kernel WHAT: the agent finds a kernel that refuses this.
on_kernel() {
	tallyman=$tmp/tallyman
	cat >"$tallyman" <<-SH
		#!/bin/sh
		FAKE_KERNEL=$1 LD_PRELOAD=$tmp/fake_kernel.so
		export FAKE_KERNEL LD_PRELOAD
		exec $real "\$@"
	SH
	chmod 755 "$tallyman"
	fresh_log
}

auditctl -a "${site[@]}"
auditctl -e 1 >/dev/null
locked=$(audit_state)
on_kernel locked
ok "locked rules: doctor says what is seen" doctor_says \
    'BAD   audit +the audit configuration is locked .*until the next boot'
ok "locked rules: the agent starts" agent_start
ok "locked rules: status says it" part_is audit "there: *locked*"
is "locked rules: nothing was changed" "$(audit_state | grep -v '^pid ')" \
    "$(grep -v '^pid ' <<<"$locked")"
run locked
ok "locked rules: what they say is heard" wait_for 15 heard_all locked
ok "locked rules: the ledger balances" balances
agent_stop
is "locked rules: SIGTERM ends it with" $? 0
is "locked rules: they are as before" "$(audit_state)" "$locked"
auditctl -d "${site[@]}"
auditctl -e "$(audit_setting enabled)" >/dev/null

# said WHAT: how often the log tells that this part is missing.
said() {
	grep -c "main: $1: missing: " "$agent_dir/log"
}
asked_again() {
	sleep 11	# one RETRY of the engine
}
on_kernel no-audit,no-conntrack
ok "audit=0: doctor says what to do" doctor_says \
    'BAD   audit +the kernel has no audit .*audit=0.*boot with audit=1'
ok "no conntrack: doctor says what to do" grep -qE -A1 \
    'BAD   conntrack|load nf_conntrack' "$tmp/doctor"
agent_config
ok "without audit and conntrack the agent starts" agent_start
asked_again
is "audit=0 is said once" "$(said audit)" 1
is "no conntrack is said once" "$(said conntrack)" 1
ok "audit=0: with what it costs" log_says \
    'audit: missing: .*audit=0.*no process, file and privilege events'
ok "no conntrack: with what it costs" log_says \
    'conntrack: missing: .*counted once on each side'
ok "status names both" test "$(part audit | cut -d: -f1) $(part conntrack |
    cut -d: -f1)" = "missing missing"
ok "and balances" balances
has_container() {
	tm containers --json | jq -e -n 'first(inputs | select(
	    .container.name // .name == "box"))'
}
ok "the other parts work" wait_for 10 has_container
agent_stop
is "SIGTERM ends that agent with" $? 0
tallyman=$real
is "no rule or setting is left in the end" "$(audit_state)" "$before"
done_testing
