#!/bin/bash
# The Debian package in a fresh Debian: installed, started as its unit says,
# used, stopped, purged; then nothing of it is left. No systemd runs there, so
# the unit's ExecStartPre and ExecStart are run by hand, with the unit's
# bounding set and directories.
# shellcheck disable=SC2317 # ok and wait_for call the functions
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/packaging/root.sh
. "$top_srcdir/tests/packaging/root.sh"

need_root
why=$(root_needs)
[[ -z $why ]] || skip_all "$why"
need make dpkg-buildpackage dh dpkg-deb python3 auditctl setpriv
if ! "$tallyman" run --help >/dev/null 2>&1; then
	skip_all "this tallyman has no run command yet"
fi

tmpdir
chmod 755 "$tmp"
root=$tmp/root
daemon=

test_at_exit() {
	[[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null
}

inside() {
	(root_exec "$root" "$@")
}

# unit KEY: its values, one a line, prefixes such as "-" taken off.
unit() {
	sed -n "s/^$1=[-+!:@]*//p" "$root/lib/systemd/system/tallyman.service"
}

# The unit's CapabilityBoundingSet as setpriv wants it.
bounding_set() {
	unit CapabilityBoundingSet | tr ' ' '\n' | grep . |
		sed 's/^CAP_/+/' | tr '[:upper:]' '[:lower:]' |
		tr '\n' ',' | sed 's/^/-all,/; s/,$//'
}

# One datagram after the other from the socket that sd_notify(3) speaks of.
listen() {
	python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
s.settimeout(60)
while True:
    print(s.recv(4096).decode(), flush=True)
' "$1"
}

# As the service manager would, but for the sandbox of file systems.
start_daemon() {
	local notify=$root/run/notify listener

	install -d -m 1770 "$root/run/tallyman"
	listen "$notify" >"$tmp/notified" 2>/dev/null 9>&- &
	listener=$!
	wait_for 5 test -S "$notify"
	# A network of its own: this machine's stays as it is.
	# shellcheck disable=SC2046 # a command line
	NOTIFY_SOCKET=/run/notify unshare --net bash -c '
		. "$1"
		shift
		root_exec "$@"
	' bash "$top_srcdir/tests/packaging/root.sh" "$root" \
	    setpriv --bounding-set "$(bounding_set)" --no-new-privs \
	    $(unit ExecStart) >"$tmp/daemon.log" 2>&1 </dev/null 9>&- &
	daemon=$!
	wait_for 30 grep -q READY=1 "$tmp/notified"
	started=$?
	kill "$listener"
	rm -f "$notify"
	return $started
}

stop_daemon() {
	local rc=0

	kill -TERM "$daemon" || return 1
	wait_for 30 has_ended "$daemon" || return 1
	wait "$daemon" || rc=$?
	daemon=
	return $rc
}

# Everything that has the package's name or belongs to its user.
remains() {
	local uid

	uid=$(awk -F: '$1 == "tallyman" { print $3 }' "$root/etc/passwd")
	{
		find "$root" -xdev -iname '*tallyman*'
		[[ -z $uid ]] || find "$root" -xdev -uid "$uid"
	} | sed "s|^$root||" | sort -u
}

processes_inside() {
	local pid

	for pid in /proc/[0-9]*; do
		[[ $(readlink "$pid/root" 2>/dev/null) != "$root"* ]] ||
			echo "${pid#/proc/}"
	done
}

build_package() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$top_builddir" deb 9>&-)
}

# --- the story --------------------------------------------------------------

ok "make deb builds the package" build_package
package=$(find "$top_builddir/dist" -name 'tallyman_*.deb' | head -n 1)
[[ -n $package ]] || done_testing
ok "a fresh Debian 12 can be made" root_make "$root"
cp "$package" "$root/tmp/tallyman.deb"

inside apt-get update >"$tmp/apt.log" 2>&1
ok "it installs with what it depends on" \
	inside apt-get install -y --no-install-recommends /tmp/tallyman.deb
rm -f "$root/tmp/tallyman.deb"
ok "its files are those of the list" inside dpkg --verify tallyman
ok "the engine's user was made" grep -q '^tallyman:' "$root/etc/passwd"
is "the engine's group may write the state directory" \
	"$(inside stat -c '%U %G %a' /var/lib/tallyman)" "root tallyman 1770"
ok "the unit is one that systemd reads without complaint" \
	inside systemd-analyze verify --man=no \
	/lib/systemd/system/tallyman.service
# shellcheck disable=SC2046 # a command line
ok "ExecStartPre accepts the shipped configuration" \
	inside $(unit ExecStartPre)
ok "the rules came with it" test -n \
	"$(find "$root/usr/share/tallyman/rules" -name '*.yml' 2>/dev/null)"

host_take_lock
audit_keep
# A rule that an agent left when it was killed is taken away by the next one.
audit_state | grep -v key=tallyman_ >"$tmp/audit.before"
if start_daemon; then
	pass "it starts and says READY=1"
	ok "tallyman status answers" inside tallyman status
	diag "$(inside tallyman status)"
	is "one of its processes runs as the engine's user" \
		"$(agent_pids "$daemon" | while read -r pid; do
			stat -c %U "/proc/$pid" 2>/dev/null
		done | sort -u | grep -vx root | grep -c .)" 1
	ok "the store is there" test -s "$root/var/lib/tallyman/tallyman.db"
	ok "SIGTERM ends it with status 0" stop_daemon
	diag "$(cat "$tmp/daemon.log")"
	# RuntimeDirectory is systemd's to remove; what is in it is ours.
	ok "its runtime directory is empty" rmdir "$root/run/tallyman"
else
	fail "it starts and says READY=1"
	diag "$(tail -n 40 "$tmp/daemon.log")"
	kill -KILL "$daemon" 2>/dev/null
fi
audit_state >"$tmp/audit.after"
is "the kernel's audit configuration is as it was" \
	"$(diff "$tmp/audit.before" "$tmp/audit.after")" ""
is "no process of it is left" "$(processes_inside)" ""

# What its owner changed outlives a second installation.
echo '# mine' >>"$root/etc/tallyman/tallyman.yaml"
cp "$package" "$root/tmp/tallyman.deb"
ok "it installs again over itself" \
	inside apt-get install -y --reinstall /tmp/tallyman.deb
rm -f "$root/tmp/tallyman.deb"
ok "the changed configuration was kept" \
	grep -qx '# mine' "$root/etc/tallyman/tallyman.yaml"

ok "it is purged" inside apt-get purge -y tallyman
inside apt-get clean
is "nothing of it is left" "$(remains)" ""
done_testing
