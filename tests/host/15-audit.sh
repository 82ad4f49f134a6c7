#!/bin/sh
# Kernel audit, held for real both ways: every action comes as its event, and
# the kernel's rules and values are afterwards what they were.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"

need_root
need auditctl flock
live=$top_builddir/tests/host/audit_live
[ -x "$live" ] || skip_all "audit_live is not built"
auditctl -s >/dev/null 2>&1 || skip_all "no kernel audit here"
tmpdir

# Kernel audit has one owner: tests that use it take turns.
lock=${TALLYMAN_HOST_LOCK:-/run/lock/tallyman-host.lock}
mkdir -p "$(dirname "$lock")"
exec 9>"$lock"
flock 9

case $(auditctl -s) in
*"enabled 2"*) skip_all "the audit configuration is locked" ;;
esac
owner=$(auditctl -s | sed -n 's/^pid //p')
[ "$owner" = 0 ] || [ ! -d "/proc/$owner" ] ||
    skip_all "process $owner is the audit daemon"

# What changes by itself is left out: counters.
audit_state() {
	auditctl -s | grep -Ev '^(lost|backlog|backlog_wait_time_actual|pid) '
	auditctl -l
}

# The points of the program, under one name each. $in: a command to run it by.
in=
run_live() {
	# shellcheck disable=SC2086 # several words
	timeout -k 10 200 $in "$live" "$@" >"$tmp/live.out" 2>&1
	echo "# exit $?" >>"$tmp/live.out"
	while IFS= read -r line; do
		case $line in
		"ok "*) pass "$1: ${line#*- }" ;;
		"not ok "*) fail "$1: ${line#*- }" ;;
		"#"*) ;;
		"1.."*) ended=yes ;;
		*) diag "$line" ;;
		esac
	done <"$tmp/live.out"
}

if auditctl -l | grep -q tallyman_; then
	diag "rules that a killed run left are swept first"
	"$live" -n 1 unicast >/dev/null 2>&1
fi
audit_state >"$tmp/before"
for mode in unicast multicast; do
	ended=no
	run_live "$mode"
	is "$mode: it ran to its end" "$ended" yes
	audit_state >"$tmp/after"
	ok "$mode: rules and values are as before" \
	    diff -u "$tmp/before" "$tmp/after"
	# A registration that was not given back would still name somebody.
	is "$mode: nobody is registered" \
	    "$(auditctl -s | sed -n 's/^pid //p')" 0
done

# From another network namespace: the agent of a test, or of a container.
if command -v ip >/dev/null; then
	netns=tallyman-audit-$$
	# shellcheck disable=SC2317 # tap.sh calls it
	at_exit() {
		ip netns delete "$netns" 2>/dev/null
	}
	ip netns add "$netns"
	ip -n "$netns" link set lo up
	for mode in unicast multicast; do
		ended=no
		in="ip netns exec $netns"
		run_live "$mode"
		in=
		is "$mode in another network: it ran to its end" "$ended" yes
		audit_state >"$tmp/after"
		ok "$mode in another network: rules and values are as before" \
		    diff -u "$tmp/before" "$tmp/after"
	done
fi

# Killed in the middle (with its child, which holds the socket too), the next
# run sweeps and gives back what was found by the first.
setsid "$live" -n 100000 unicast >/dev/null 2>&1 &
pid=$!
i=0
while [ "$(auditctl -l | grep -c tallyman_)" -lt 20 ] && [ $i -lt 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
kill -9 "-$pid"
wait $pid 2>/dev/null
is "a killed run leaves its rules" \
    "$(auditctl -l | grep -c tallyman_process)" 2
ended=no
run_live unicast
is "the run after it ran to its end" "$ended" yes
audit_state >"$tmp/after"
ok "the run after it gives everything back" \
    diff -u "$tmp/before" "$tmp/after"

done_testing
