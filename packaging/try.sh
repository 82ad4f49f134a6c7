#!/bin/sh
# try.sh SRCDIR BUILDDIR: what "make run" does: the agent of this tree on this
# host, with the state, the control socket and the configuration in the build
# directory. Nothing is installed.
#
# The engine gives up root, so it must be able to reach its store and its
# rules. Below a home that is closed to others it cannot: then the state goes
# to /var/tmp/tallyman-run, with a copy of the rules.
set -eu

srcdir=$1
builddir=$2
state=$builddir/run
rules=$srcdir/rules/sigma
conf=$builddir/run.yaml

if [ "$(id -u)" -ne 0 ]; then
	echo "make run needs root to hear audit and packets: sudo make run" >&2
	exit 1
fi

user=tallyman
id "$user" >/dev/null 2>&1 || user=nobody

# reaches DIR: whether the engine's user can enter it.
reaches() {
	setpriv --reuid "$(id -u "$user")" --regid "$(id -g "$user")" \
	    --clear-groups test -x "$1" 2>/dev/null
}

if ! reaches "$builddir" || ! reaches "$rules"; then
	state=/var/tmp/tallyman-run
	# Not a directory or a link that somebody else has put there.
	[ -d "$state" ] || mkdir -m 755 "$state"
	if [ -L "$state" ] || [ "$(stat -c %u "$state")" -ne 0 ]; then
		echo "$state belongs to somebody else: remove it" >&2
		exit 1
	fi
	chmod 755 "$state"
	rm -rf "$state/rules"
	mkdir -m 755 "$state/rules"
	cp "$rules"/*.yml "$state/rules/"
	chmod 644 "$state/rules"/*
	rules=$state/rules
	state=$state/state
fi

cat >"$conf.tmp" <<END
# Made by make run.
agent:
  control: $state/control.sock
  user: $user
store:
  path: $state/tallyman.db
rules:
  paths: [$rules]
END
chmod 644 "$conf.tmp"
mv "$conf.tmp" "$conf"

cat <<END
Tallyman watches this host; ^C ends it. Alerts appear here as they come.
In a second terminal:
  sudo $builddir/tallyman -c $conf status     (flows, alerts, events, containers)
State: $state
END
exec "$builddir/tallyman" run -c "$conf" --state-dir "$state" --print-alerts
