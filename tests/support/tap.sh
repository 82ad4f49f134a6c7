# shellcheck shell=sh
# Test Anything Protocol for shell scripts. A test sources it:
#	. "$top_srcdir/tests/support/tap.sh"
# and ends with done_testing. A plan is not needed before.
#
#	ok NAME COMMAND...      one point; passes when the command exits 0
#	is NAME GOT WANT        one point; string equality, says both when not
#	pass NAME / fail NAME   one point
#	diag TEXT...            a comment in the log
#	skip NAME REASON        one point, not run
#	skip_all REASON         ends the whole test, not run
#	need TOOL...            skip_all when a tool is missing
#	need_root               skip_all when not root
#	tmpdir                  sets $tmp, a directory removed at exit
#
# A script that needs more at exit than the removal of $tmp defines the
# function at_exit. With CI=true a skip of a test below tests/host or
# tests/packaging is a failure: a machine for those is the point of CI.

tap_n=0
tap_bad=0
tmp=

: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir}"
export top_srcdir top_builddir

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

pass() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s\n' "$tap_n" "$1"
}

fail() {
	tap_n=$((tap_n + 1))
	tap_bad=$((tap_bad + 1))
	printf 'not ok %d - %s\n' "$tap_n" "$1"
}

ok() {
	tap_name=$1
	shift
	if "$@" >"${TMPDIR:-/tmp}/tap.$$" 2>&1; then
		pass "$tap_name"
	else
		fail "$tap_name"
		diag "failed: $*"
		sed 's/^/#   /' "${TMPDIR:-/tmp}/tap.$$"
	fi
	rm -f "${TMPDIR:-/tmp}/tap.$$"
}

is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		diag "got:  $2"
		diag "want: $3"
	fi
}

skip_is_failure() {
	[ "${CI:-}" = true ] || return 1
	case $0 in
	*tests/host/* | *tests/packaging/*) return 0 ;;
	esac
	return 1
}

skip() {
	if skip_is_failure; then
		fail "$1: skipped in CI: $2"
		return
	fi
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}

skip_all() {
	if skip_is_failure; then
		fail "skipped in CI: $*"
		done_testing
	fi
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

need() {
	for tap_tool; do
		command -v "$tap_tool" >/dev/null 2>&1 ||
			skip_all "$tap_tool is not installed"
	done
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
}

tmpdir() {
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/tallyman.XXXXXX") || exit 99
}

# shellcheck disable=SC2317 # called by the traps
tap_at_exit() {
	tap_status=$?
	trap - EXIT
	if command -v at_exit >/dev/null 2>&1; then
		at_exit
	fi
	[ -z "$tmp" ] || rm -rf --one-file-system "$tmp"
	exit "$tap_status"
}
trap tap_at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

done_testing() {
	printf '1..%d\n' "$tap_n"
	[ "$tap_bad" -eq 0 ] || exit 1
	exit 0
}
