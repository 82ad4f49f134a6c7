# auditd.sh: auditd and laurel beside the agent, on top of host.sh. Both run in
# the foreground, as Debian configures them otherwise, with a configuration
# and a log of their own below $tmp/auditd.
#	auditd_start [laurel]    as the audit daemon; $auditd_pid
#	auditd_stop              SIGTERM; the log stays
#	auditd_rules FILE        rules as `auditctl -l` writes them; the number
#	                         of those that the kernel took is said
#	$auditd_log, $laurel_log
# The caller has kept the audit state (host_begin does).
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the scripts that source this

auditd_pid=
auditd_log=
laurel_log=

auditd_config() {
	local dir=$tmp/auditd

	rm -rf "$dir"
	mkdir -p "$dir/plugins.d"
	chmod 700 "$dir"
	auditd_log=$dir/audit.log
	laurel_log=$dir/laurel.log
	cat >"$dir/auditd.conf" <<-CONF
		log_file = $auditd_log
		log_format = ENRICHED
		log_group = root
		write_logs = yes
		flush = INCREMENTAL_ASYNC
		freq = 50
		max_log_file = 1024
		max_log_file_action = IGNORE
		num_logs = 2
		space_left = 75
		space_left_action = IGNORE
		admin_space_left = 50
		admin_space_left_action = IGNORE
		disk_full_action = IGNORE
		disk_error_action = IGNORE
		plugin_dir = $dir/plugins.d
		q_depth = 65536
		local_events = yes
	CONF
}

# The configuration of the package, with another directory and no rotation.
laurel_config() {
	local dir=$tmp/auditd

	cat >"$dir/plugins.d/laurel.conf" <<-CONF
		active = yes
		direction = out
		type = always
		format = string
		path = $(command -v laurel)
		args = --config $dir/laurel.toml
	CONF
	sed -e "s|^directory = .*|directory = \"$dir\"|" \
	    -e 's|^user = .*|user = "root"|' \
	    -e 's|^file = .*|file = "laurel.log"|' \
	    -e 's|^size = .*|size = 4000000000|' \
	    /etc/laurel/config.toml >"$dir/laurel.toml"
	chmod 600 "$dir/laurel.toml" "$dir/plugins.d/laurel.conf"
}

audit_owner() {
	auditctl -s | awk '$1 == "pid" { print $2 }'
}

auditd_owns() {
	[[ $(audit_owner) == "$auditd_pid" ]]
}

auditd_decided() {
	auditd_owns || has_ended "$auditd_pid"
}

auditd_start() {
	auditd_config
	[[ ${1:-} != laurel ]] || laurel_config
	auditd -n -s enable -c "$tmp/auditd" >"$tmp/auditd/out" 2>&1 9>&- &
	auditd_pid=$!
	wait_for 10 auditd_decided
	if ! auditd_owns; then
		diag "auditd did not start: $(tail -n 3 "$tmp/auditd/out")"
		auditd_stop
		return 1
	fi
	[[ ${1:-} != laurel ]] ||
	    wait_for 10 pgrep -P "$auditd_pid" -x laurel
	auditctl -b 8192 >/dev/null
}

auditd_stop() {
	local pid=$auditd_pid

	[[ -n $pid ]] || return 0
	auditd_pid=
	kill -TERM "$pid" 2>/dev/null
	wait_for 20 has_ended "$pid" || kill -KILL "$pid"
	wait "$pid" 2>/dev/null
}

auditd_rules() {
	local rule n=0

	while read -r rule; do
		# shellcheck disable=SC2086 # a line of arguments
		auditctl $rule >/dev/null 2>&1 && n=$((n + 1))
	done <"$1"
	echo "$n"
}

# Ticks of CPU that processes had so far; those that ended count as nothing.
cpu_of() {
	local pid sum=0 stat

	for pid; do
		stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
		# shellcheck disable=SC2086
		set -- ${stat##*) }
		sum=$((sum + ${12} + ${13}))
	done
	echo "$sum"
}
