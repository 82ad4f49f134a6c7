#!/bin/bash
# The two commands of the README in a fresh Debian 12 that has no build tools:
# what a stranger sees. Run by hand (make check-fresh): it installs hundreds
# of packages and takes as long as make check takes.
#
#	fresh-root.sh [run|check]...	both without an argument
#
# TESTS in the environment is passed on to make check.
# The tree that is tested is the last commit, not the working tree.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/packaging/root.sh
. "$top_srcdir/tests/packaging/root.sh"

((EUID == 0)) || { echo "fresh-root.sh: needs root" >&2; exit 1; }
why=$(root_needs)
[[ -z $why ]] || { echo "fresh-root.sh: $why" >&2; exit 1; }
(($# > 0)) || set -- run check

work=$(mktemp -d "${TALLYMAN_FRESH_DIR:-/var/tmp}/tallyman-fresh.XXXXXX") ||
	exit 1
chmod 755 "$work"
root=$work/root
# The root is only ever mounted on in namespaces that are gone by now;
# --one-file-system is for the day that this is not so.
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
	printf '\n=== %s\n' "$*"
}

inside() {
	(root_exec "$root" "$@")
}

say "a fresh Debian 12"
root_make "$root" || exit 1
git -C "$top_srcdir" bundle create -q "$root/root/tallyman.bundle" HEAD ||
	exit 1

say "apt-get install git make; git clone"
inside sh -ec '
	apt-get update -q
	apt-get install -q -y git make >/dev/null
	cd /root
	git clone -q tallyman.bundle tallyman
	cd tallyman
	git log -1 --oneline
	! command -v gcc
' || exit 1

# What make run prints in its first minute, and what the agent says of itself.
try_run() {
	local pid i answer=1

	# Only the building needs the network; the agent gets one of its own,
	# so that this machine's interfaces stay as they are.
	inside sh -c 'cd /root/tallyman && make' || return
	(unshare --net bash -c '
		. "$1"
		ip link set lo up
		root_exec "$2" sh -c "cd /root/tallyman && exec make run"
	' bash "$top_srcdir/tests/packaging/root.sh" "$root") &
	pid=$!
	for ((i = 0; i < 60; i++)); do
		if inside sh -c 'cd /root/tallyman && build/tallyman \
		    -c build/run.yaml status' >"$work/status" 2>/dev/null; then
			answer=0
			break
		fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 1
	done
	say "tallyman status"
	cat "$work/status"
	end_leaves "$pid"
	wait "$pid"
	return $answer
}

# end_leaves PID: SIGTERM to the first of its descendants that is tallyman.
end_leaves() {
	local child

	if [[ $(cat "/proc/$1/comm" 2>/dev/null) == tallyman ]]; then
		kill -TERM "$1"
		return
	fi
	for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
		end_leaves "$child"
	done
}

failed=0
for command; do
	say "make $command"
	case $command in
	run) try_run || failed=1 ;;
	check)
		inside make -C /root/tallyman check ${TESTS:+"TESTS=$TESTS"} ||
			failed=1
		((failed == 0)) ||
			tail -n 400 "$root/root/tallyman/build/test-suite.log"
		;;
	ci)
		inside sh -c 'cd /root/tallyman && CI=true bash .ci/run' ||
			failed=1
		;;
	*) echo "fresh-root.sh: run, check or ci" >&2; exit 1 ;;
	esac
	say "make $command: $( ((failed == 0)) && echo good || echo FAILED)"
done
exit $failed
