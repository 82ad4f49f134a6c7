# host.sh: what the host tests share, on top of tap.sh.  A test sources it:
#	. "$top_srcdir/tests/support/host.sh"
#
# The test host (one at a time on a machine: kernel audit has one owner; a
# test whose agents leave audit alone says host_shares=1 before host_begin and
# runs beside its like)
#	host_need TOOL...        skip the test when a tool or right is missing
#	host_begin IMAGE...      lock, keep the audit state, bring a host up,
#	                         its dockerd with what the array host_flags has,
#	                         and the line host_subids as its /etc/subuid
#	on_host COMMAND...       in the host's network namespace
#	on_outside COMMAND...    in the outside's
#	on_host_bg, on_outside_bg COMMAND...   in the background, pid in $!
#	docker ARGUMENT...       against the test host's daemon
#	at_terminal COMMAND...   with a terminal at which nobody types
#	host_end                 take all of it away (also done at exit), after
#	                         test_before_down if the test defines that
#	host_release             the same and the lock, but tm can read what the
#	                         agent stored: for long looks at it
#
# The agent under test, in the host's network namespace or in $agent_netns
#	agent_config [YAML]      writes $agent_conf, with more sections if given
#	agent_start [ARG...]     returns when it said READY=1; $agent_pid
#	agent_stop               SIGTERM; returns its exit status. Before that the
#	                         ledger of audit has to add up (a failed point)
#	agent_kill               SIGKILL to all of it
#	tm ARGUMENT...           the command line, with the same configuration
#	                         or that of $tm_conf; tm_bg in the background
#
# Truth that owes nothing to the agent
#	truth_conntrack          tab separated, see there
#	truth_destroyed          of what is there no more, truth_destroyed_start
#	truth_eth0 CONTAINER     rx_bytes rx_packets tx_bytes tx_packets
#	truth_veth CONTAINER     name of its interface in the host
#	truth_dump_start NAME IFACE FILTER... / truth_dump_stop NAME
#	truth_payload NAME       payload of each TCP direction, by sequence
#
#	wait_for SECONDS COMMAND...   polls; false when time is up
#	same FILE FILE                diff, cut after 12 lines
#	audit_state              rules and settings of the kernel, one a line
#	audit_adds_up            says what in the agent's ledger of audit does
#	                         not agree with itself or the kernel
# shellcheck shell=bash
# shellcheck disable=SC2034 # TH_* and agent_* are for the tests

: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"

export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
# Where no package has made the engine's user.
id -u tallyman >/dev/null 2>&1 ||
    export TALLYMAN_AGENT_USER="${TALLYMAN_AGENT_USER:-nobody}"
testhost=$top_srcdir/tests/support/testhost
tallyman=${TALLYMAN:-$top_builddir/tallyman}
host_lock=${TALLYMAN_HOST_LOCK:-/run/lock/tallyman-host.lock}
agent_pid=
tm_conf=
agent_netns=
audit_saved=
host_shares=
host_locked=
host_flags=()
host_subids=
audit_lost=
TH_NAME=

# wait_for SECONDS COMMAND...: longer than it takes on an idle machine. A busy
# one gets up to four times as long, a minute more at most, and three looks.
wait_for() {
	local end=$((SECONDS + 1 + $1 + ($1 < 20 ? $1 * 3 : 60))) looks=0

	shift
	until "$@" >/dev/null 2>&1; do
		((++looks < 3 || SECONDS < end)) || return 1
		sleep 0.05
	done
}

same() {
	diff -u "$1" "$2" | cut -c 1-200 | head -n 12
	return "${PIPESTATUS[0]}"
}

# A zombie has ended.
has_ended() {
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	[[ ${stat##*) } == Z* ]]
}

# --- kernel audit -----------------------------------------------------------

audit_rules() {
	auditctl -l | grep -v '^No rules$'
}

audit_settings() {
	auditctl -s | grep -E '^(enabled|failure|pid|rate_limit|backlog_limit|backlog_wait_time) '
}

audit_state() {
	audit_settings
	audit_rules
}

audit_keep() {
	audit_saved=$tmp/audit
	mkdir -p "$audit_saved"
	audit_rules >"$audit_saved/rules"
	audit_settings >"$audit_saved/settings"
}

audit_counter() {
	auditctl -s | awk -v k="$1" '$1 == k { print $2 }'
}

# What the kernel lost since the agent was started is what its status says;
# every record and event is somewhere; not more than one record is not
# understood (seen once beside auditd; the agent's log has it); and without a
# loss that was told no serial is missing.
audit_ledger() {
	local lost=$(($(audit_counter lost) - audit_lost))

	tm status --json 2>/dev/null | jq -r --argjson lost "$lost" '
	    [.ledger.stages[] | select(.name == "audit.records" or
		.name == "audit.events")] as $all |
	    ($all[] | select(.received != .delivered + .pending +
		([.dropped[]] | add // 0)) | "\(.name) does not balance"),
	    ($all[] | .dropped | to_entries[] | select(.key != "late" and
		.value > (if .key == "malformed" then 1 else 0 end)) |
		"\(.value) \(.key)"),
	    ($all[] | .outside | select(has("kernel_lost")) |
		select(.kernel_lost != $lost) |
		"the kernel lost \($lost), status says \(.kernel_lost)"),
	    ($all[] | .outside | select(has("serial_gaps")) |
		select(.serial_gaps > 0 and .kernel_lost == 0 and
		.socket_overruns == 0) |
		"\(.serial_gaps) serials are missing, no loss was told")'
}

audit_is_told() {
	[[ -z $(audit_ledger) ]]
}

# The agent asks the kernel for its counter every five seconds.
audit_adds_up() {
	[[ -n $audit_lost && -n $agent_pid ]] || return 0
	wait_for 7 audit_is_told || audit_ledger
}

audit_setting() {
	awk -v k="$1" '$1 == k { print $2 }' "$audit_saved/settings"
}

# Gives back what the test or the agent changed: the rules that came are
# deleted, those that went are added, the settings are set.
audit_give_back() {
	local rule

	[[ -n $audit_saved && $(audit_setting enabled) != 2 ]] || return 0
	audit_rules >"$audit_saved/now"
	while read -r rule; do
		# shellcheck disable=SC2086 # a line of arguments
		auditctl ${rule/#-a/-d}
	done < <(grep -vxFf "$audit_saved/rules" "$audit_saved/now")
	while read -r rule; do
		# shellcheck disable=SC2086
		auditctl $rule
	done < <(grep -vxFf "$audit_saved/now" "$audit_saved/rules")
	auditctl -b "$(audit_setting backlog_limit)"
	auditctl -r "$(audit_setting rate_limit)"
	auditctl -f "$(audit_setting failure)"
	auditctl --backlog_wait_time "$(audit_setting backlog_wait_time)"
	auditctl -e "$(audit_setting enabled)"
}

# --- the test host ----------------------------------------------------------

host_need() {
	local why

	why=$("$testhost" needs)
	[[ -z $why ]] || skip_all "$why"
	need "$@"
}

# Takes the lock, so that another test's agent is not taken for the owner.
host_need_audit() {
	need auditctl
	auditctl -s >/dev/null 2>&1 || skip_all "kernel audit is not usable"
	host_take_lock
	[[ $(auditctl -s | awk '$1 == "pid" { print $2 }') == 0 ]] ||
		skip_all "another daemon owns kernel audit"
	[[ $(auditctl -s | awk '$1 == "enabled" { print $2 }') != 2 ]] ||
		skip_all "the audit rules are locked until reboot"
}

host_need_agent() {
	[[ -x $tallyman ]] || skip_all "$tallyman is not built"
	if ! "$tallyman" run --help >/dev/null 2>&1; then
		skip_all "this tallyman has no run command yet"
	fi
}

# Whoever waits holds the turn, so that an exclusive test is not kept waiting
# by an endless row of sharing ones.
host_take_lock() {
	[[ -z $host_locked ]] || return 0
	host_locked=yes
	mkdir -p "$(dirname "$host_lock")"
	exec 8>"$host_lock.turn" 9>"$host_lock"
	flock 8
	if [[ -n $host_shares ]]; then
		flock --shared 9
	else
		flock 9
	fi
	exec 8>&-
}

host_begin() {
	local image flag args=()

	for image; do
		args+=(--image "$image")
	done
	for flag in "${host_flags[@]}"; do
		args+=(--daemon-flag "$flag")
	done
	tmpdir
	# The unprivileged half of the agent has to get through.
	chmod 755 "$tmp"
	[[ -z $host_subids ]] || args+=(--subids "$host_subids")
	host_take_lock
	"$testhost" sweep >/dev/null 2>&1
	[[ -n $host_shares ]] || ! command -v auditctl >/dev/null ||
	    audit_keep 2>/dev/null
	TH_NAME=$("$testhost" up --owner $$ "${args[@]}" 2>"$tmp/up.log" 9>&-)
	if [[ -z $TH_NAME ]]; then
		diag "$(cat "$tmp/up.log")"
		fail "the test host came up"
		done_testing
	fi
	eval "$("$testhost" -n "$TH_NAME" env)"
}

on_host() {
	nsenter --net="$TH_HOST_NETNS" "$@"
}

on_outside() {
	nsenter --net="$TH_OUTSIDE_NETNS" "$@"
}

# The same in the background; $! is the command's own pid, which it would not
# be with "on_host ... &".
on_host_bg() {
	nsenter --net="$TH_HOST_NETNS" "$@" </dev/null 9>&- &
}

on_outside_bg() {
	nsenter --net="$TH_OUTSIDE_NETNS" "$@" </dev/null 9>&- &
}

docker() {
	"$testhost" -n "$TH_NAME" docker "$@"
}

# The keyboard is a pipe that stays open: at the end of its input script(1)
# types control characters, whose echo would stand among what is said.
at_terminal() {
	local keys rc

	keys=$(mktemp -u "$tmp/keys.XXXXXX")
	mkfifo "$keys"
	script -qec "$(printf '%q ' "$@")" /dev/null <>"$keys" 9>&-
	rc=$?
	rm -f "$keys"
	return $rc
}

container_ip() {
	docker inspect -f \
	    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}

host_end() {
	agent_kill
	# What still runs in the background ends without a word.
	jobs -p | xargs -r kill 2>/dev/null
	disown -a
	if [[ -n $TH_NAME ]]; then
		! declare -F test_before_down >/dev/null || test_before_down
		"$testhost" -n "$TH_NAME" down
		TH_NAME=
	fi
	audit_give_back >/dev/null 2>&1
	audit_saved=
}

# After agent_stop.
host_release() {
	local kept=$tmp/kept

	mkdir -p "$kept"
	cp -a "$agent_dir/state" "$kept/state"
	cp "$agent_dir/log" "$kept/log"
	sed "s|^  path: .*tallyman\.db$|  path: $kept/state/tallyman.db|" \
	    "$agent_conf" >"$kept/tallyman.yaml"
	host_end
	agent_dir=$kept
	agent_conf=$kept/tallyman.yaml
	flock --unlock 9
}

# Called by tap.sh when the script ends, however it ends.
at_exit() {
	if [[ -n $agent_pid && $tap_bad -gt 0 ]]; then
		diag "the agent's last words:"
		diag "$(tail -n 25 "$agent_dir/log" 2>/dev/null)"
	fi
	host_end
	! declare -F test_at_exit >/dev/null || test_at_exit
}

# --- the agent --------------------------------------------------------------

agent_config() {
	agent_dir=$TH_DIR/agent
	agent_conf=$agent_dir/tallyman.yaml
	mkdir -p "$agent_dir/state"
	# A copy, because the engine gives up root and the clone may lie below
	# a home that is closed to others.
	rm -rf "$agent_dir/rules"
	mkdir -m 755 "$agent_dir/rules"
	cp "$top_srcdir"/rules/sigma/*.yml "$agent_dir/rules/"
	chmod 644 "$agent_dir/rules"/*
	cat >"$agent_conf" <<-YAML
		docker:
		  socket: $TH_SOCKET
		store:
		  path: $agent_dir/state/tallyman.db
		rules:
		  paths: [$agent_dir/rules]
		${1:-}
	YAML
}

agent_start() {
	local notify=$agent_dir/notify waiter

	[[ -n $host_shares ]] || ! command -v auditctl >/dev/null ||
	    audit_lost=$(audit_counter lost)
	rm -f "$notify"
	"$TH_TRAFFIC" notify "$notify" 120 >"$agent_dir/notified" 9>&- &
	waiter=$!
	wait_for 30 test -S "$notify"
	# With the priority that its unit gives it.
	NOTIFY_SOCKET=$notify nice -n -10 \
	    nsenter --net="${agent_netns:-$TH_HOST_NETNS}" \
	    "$tallyman" run -c "$agent_conf" --state-dir "$agent_dir/state" \
	    "$@" </dev/null >>"$agent_dir/out" 2>>"$agent_dir/log" 9>&- &
	agent_pid=$!
	until has_ended $waiter; do
		if has_ended $agent_pid; then
			kill $waiter
			diag "the agent ended while it started:"
			diag "$(tail -n 25 "$agent_dir/log")"
			agent_pid=
			return 1
		fi
		sleep 0.05
	done
	wait $waiter
}

# All processes of the agent: itself and what it forked.
agent_pids() {
	local pid=${1:-$agent_pid} child

	[[ -n $pid ]] || return 0
	echo "$pid"
	cat "/proc/$pid/task/"*/children 2>/dev/null | tr ' ' '\n' |
	    while read -r child; do
		agent_pids "$child"
	done
}

agent_stop() {
	local pid=$agent_pid rc=0 wrong

	wrong=$(audit_adds_up)
	if [[ -n $wrong ]]; then
		fail "the ledger of audit adds up"
		diag "$wrong"
	fi
	kill -TERM "$pid" || return 1
	if ! wait_for 60 has_ended "$pid"; then
		diag "the agent did not stop within 60 s of SIGTERM"
		agent_kill
		return 124
	fi
	wait "$pid" || rc=$?
	agent_pid=
	return $rc
}

agent_kill() {
	local pids pid

	[[ -n $agent_pid ]] || return 0
	pids=$(agent_pids)
	# So that the shell says no word about it.
	disown "$agent_pid" 2>/dev/null
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	for pid in $pids; do
		wait_for 30 has_ended "$pid"
	done
	agent_pid=
}

tm() {
	local command=$1 in=()

	shift
	[[ -z $TH_NAME ]] || in=(nsenter --net="$TH_HOST_NETNS")
	"${in[@]}" "$tallyman" "$command" \
	    -c "${tm_conf:-$agent_conf}" --state-dir "$agent_dir/state" \
	    "$@" 9>&-
}

# The same in the background; $! is the command's own pid.
tm_bg() {
	local command=$1

	shift
	nsenter --net="$TH_HOST_NETNS" "$tallyman" "$command" \
	    -c "${tm_conf:-$agent_conf}" --state-dir "$agent_dir/state" \
	    "$@" </dev/null 9>&- &
}

# --- truth ------------------------------------------------------------------

# One connection a line, tab separated: protocol, original source, sport,
# destination, dport, packets, bytes, then the same six of the reply. The port
# of who asks for an echo is its id. Arguments: of conntrack, to choose some.
truth_conntrack() {
	{
		on_host conntrack -L -o extended -f ipv4 "$@"
		on_host conntrack -L -o extended -f ipv6 "$@"
	} 2>/dev/null | conntrack_lines
}

# The same of entries that are gone, with their last counters: their time was
# over, or the kernel let a closed one go whose port another was to have.
truth_destroyed_start() {
	on_host_bg conntrack -E -e DESTROY -o extended -b 8388608 \
	    >"$tmp/destroyed" 2>/dev/null
	wait_for 30 someone_hears_destroy
}

# Netfilter's protocol, and group 3 (NFNLGRP_CONNTRACK_DESTROY) alone.
someone_hears_destroy() {
	on_host awk '$2 == 12 && $4 == "00000004" { found = 1 }
	    END { exit !found }' /proc/net/netlink
}

truth_destroyed() {
	sed 's/^ *\[DESTROY\] *//' "$tmp/destroyed" | conntrack_lines
}

conntrack_lines() {
	awk '
	{
		n = 0
		split("", v)
		for (i = 1; i <= NF; i++)
			if (split($i, kv, "=") == 2)
				v[++c[kv[1], NR] "," kv[1]] = kv[2]
		line = $3 == "icmpv6" ? "ipv6-icmp" : $3
		for (d = 1; d <= 2; d++) {
			if (d "," "id" in v) {
				v[d ",sport"] = d == 1 ? v[d ",id"] : 0
				v[d ",dport"] = d == 1 ? 0 : v[d ",id"]
			}
			line = line "\t" v[d ",src"] "\t" v[d ",sport"] "\t" \
			    v[d ",dst"] "\t" v[d ",dport"] "\t" \
			    v[d ",packets"] "\t" v[d ",bytes"]
		}
		print line
	}'
}

truth_eth0() {
	# shellcheck disable=SC2016 # for the shell in the container
	docker exec "$1" sh -c 'cd /sys/class/net/eth0/statistics && echo \
	    $(cat rx_bytes rx_packets tx_bytes tx_packets)'
}

truth_veth() {
	local index

	index=$(docker exec "$1" cat /sys/class/net/eth0/iflink)
	ip -n "$TH_HOST" -o link | sed -n "s/^$index: \\([^@:]*\\).*/\\1/p"
}

# truth_dump_start NAME IFACE FILTER...: in the host's namespace.
truth_dump_start() {
	local name=$1 iface=$2

	shift 2
	on_host_bg tcpdump -i "$iface" -n -s 128 -U -B 16384 --immediate-mode \
	    -w "$tmp/$name.pcap" "$@" 2>"$tmp/$name.err"
	echo $! >"$tmp/$name.pid"
	wait_for 60 grep -q 'listening on' "$tmp/$name.err"
}

# What is still in the kernel's buffer is written before tcpdump is told to
# end, which would leave it there.
truth_dump_stop() {
	local pid size=-1

	while [[ $(stat -c %s "$tmp/$1.pcap") != "$size" ]]; do
		size=$(stat -c %s "$tmp/$1.pcap")
		sleep 0.5
	done
	pid=$(cat "$tmp/$1.pid")
	kill -TERM "$pid" && wait "$pid"
	if ! grep -q '^0 packets dropped by kernel' "$tmp/$1.err"; then
		diag "the independent capture lost packets"
		return 1
	fi
}

# One direction of a TCP connection a line: source.port destination.port and
# its payload, which is where its highest segment ends less where its SYN
# stood. Less than 4 GiB a direction; needs the SYN in the capture.
truth_payload() {
	tcpdump -n -S -r "$tmp/$1.pcap" tcp 2>/dev/null | awk '
	/ seq [0-9]/ {
		k = $3 " " substr($5, 1, length($5) - 1)
		seq = $0
		sub(/.* seq /, "", seq)
		sub(/,.*/, "", seq)
		if (split(seq, part, ":") == 2)
			seq = part[2]
		if ($7 ~ /S/)
			syn[k] = seq + 1
		if (!(k in syn))
			next
		n = (seq - syn[k] + 4294967296) % 4294967296
		if ($7 !~ /S/ && n > most[k])
			most[k] = n
	}
	END {
		for (k in syn)
			print k, most[k] + 0
	}'
}
