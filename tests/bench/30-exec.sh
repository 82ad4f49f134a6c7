#!/bin/bash
# An exec storm in a container, one process after the other: wall time, CPU and
# events lost with nothing, with the agent, with auditd writing its log (its
# usual two exec rules, then the very rules that the agent installs), and with
# auditd and laurel on the agent's rules. BENCH_EXECS programs each, in slices;
# the wall time is that of the best slice times their number, since other work
# on the machine seldom disturbs all of them.
. "$(dirname "$0")/bench.sh"
# shellcheck source=tests/support/auditd.sh
. "$top_srcdir/tests/support/auditd.sh"

execs=${BENCH_EXECS:-20000}
slices=50
host_need jq
host_need_agent
host_need_audit
host_begin base
agent_config
docker run -d --name box tallyman-test/base:1 sleep 100000 >/dev/null
kauditd=$(pgrep -x kauditd)

# shellcheck disable=SC2016 # for the shell in the container
loop='i=0; while [ $i -lt '$slices' ]; do i=$((i + 1))
    traffic storm '$((execs / slices))' /bin/short/true; done'
storm() {
	docker exec box sh -c "$loop" | awk -v n="$slices" '
	    /^storm/ && (min == 0 || $3 < min) { min = $3 }
	    END { print min * n }'
}
lost() {
	auditctl -s | awk '$1 == "lost" { print $2 }'
}
test_at_exit() {
	[[ -z $auditd_pid ]] || kill -KILL "$auditd_pid" 2>/dev/null
}
heard() {
	sqlite3 "$agent_dir/state/tallyman.db" "select count(*) from events
	    where doc like '%\"/bin/short/true\",%'" 2>/dev/null
}
heard_all() {
	(($(heard) >= execs))
}
logged() {
	grep -c 'type=EXECVE.*a0="/bin/short/true"' "$auditd_log"
}
logged_all() {
	(($(logged) >= execs))
}
settled() {
	local before

	before=$(stat -c %s "$laurel_log")
	sleep 0.5
	[[ $(stat -c %s "$laurel_log") == "$before" ]]
}

# measure NAME PID...: a storm while these run; $settle says when they are
# done with it.
settle=true
measure() {
	local name=$1 cpu kernel took

	shift
	cpu=$(cpu_of "$@")
	kernel=$(cpu_of "$kauditd")
	took=$(storm)
	wait_for 30 $settle
	cpu=$(($(cpu_of "$@") - cpu))
	kernel=$(($(cpu_of "$kauditd") - kernel))
	echo "$took" >>"$tmp/$name.times"
	awk -v c="$cpu" -v k="$kernel" -v n="$execs" -v hz="$(getconf CLK_TCK)" \
	    'BEGIN { printf("%.1f %.1f\n", c * 1e6 / hz / n, k * 1e6 / hz / n) }' \
	    >>"$tmp/$name.cpu"
}

with_agent() {
	local before

	rm -rf "$agent_dir/state" && mkdir "$agent_dir/state"
	agent_start || return
	before=$(lost)
	audit_rules | grep tallyman_ | grep -v 'tallyman_self\|uring' \
	    >"$tmp/rules"
	settle=heard_all
	# shellcheck disable=SC2046 # a list of pids
	measure tallyman $(agent_pids)
	note tallyman "$(heard)" "$(($(lost) - before))" "; $(agent_losses)"
	agent_stop
}

# with_auditd NAME COMMAND...: COMMAND gives it rules.
with_auditd() {
	local name=$1 before

	shift
	auditd_start "$([[ $name != laurel ]] || echo laurel)" || return
	"$@" >/dev/null
	before=$(lost)
	settle=logged_all
	[[ $name != laurel ]] || settle=settled
	# shellcheck disable=SC2046
	measure "$name" "$auditd_pid" $(pgrep -P "$auditd_pid")
	note "$name" "$(logged)" "$(($(lost) - before))" "$(
	    [[ $name != laurel ]] || printf '; %s of them from laurel' \
		"$(grep -c '"ARGV":\["/bin/short/true"' "$laurel_log")")"
	auditd_stop
	audit_give_back >/dev/null 2>&1
	rm -rf "$tmp/auditd"
}
note() {
	echo "$2 of $execs events, kernel lost $3$4" >"$tmp/$1.note"
}
usual_rules() {
	auditctl -a always,exit -F arch=b64 -S execve -S execveat -k bench
	auditctl -a always,exit -F arch=b32 -S execve -S execveat -k bench
}

storm >/dev/null
for ((i = 0; i < rounds; i++)); do
	measure nothing
	with_agent
	command -v auditd >/dev/null || continue
	with_auditd auditd usual_rules
	with_auditd same auditd_rules "$tmp/rules"
	! command -v laurel >/dev/null ||
	    with_auditd laurel auditd_rules "$tmp/rules"
done

# show NAME TEXT
show() {
	[[ -s $tmp/$1.times ]] || return 0
	row "$2" "$(best low <"$tmp/$1.times")" s "$base" \
	    "$(sort -n "$tmp/$1.cpu" |
		awk 'NR == 1 { print $1 " ms CPU a 1,000, kauditd " $2 }')$(
	    [[ ! -s $tmp/$1.note ]] || printf '; %s' "$(cat "$tmp/$1.note")")"
}
base=$(best low <"$tmp/nothing.times")
printf 'exec storm: %d execs in a container, best of %d\n' "$execs" "$rounds"
show nothing nothing
show tallyman tallyman
show auditd "auditd, two exec rules"
show same "auditd, the agent's rules"
show laurel "auditd and laurel, agent's rules"
