#!/bin/bash
# An exec storm in a container: wall time and events lost with nothing, with
# the agent, and with auditd writing its log (started by hand with a private
# configuration, the kernel's audit state is given back).
. "$(dirname "$0")/bench.sh"

execs=${BENCH_EXECS:-20000}
host_need jq
host_need_agent
host_need_audit
host_begin base
agent_config
docker run -d --name box tallyman-test/base:1 sleep 100000 >/dev/null

storm() {
	docker exec box traffic storm "$execs" /bin/short/true |
	    awk '/^storm/ { print $3 }'
}
lost() {
	auditctl -s | awk '$1 == "lost" { print $2 }'
}

# auditd with the same two rules, as Debian configures it otherwise.
start_auditd() {
	mkdir -p "$tmp/auditd/plugins.d"
	chmod 700 "$tmp/auditd"
	cat >"$tmp/auditd/auditd.conf" <<-CONF
		log_file = $tmp/auditd/audit.log
		log_format = ENRICHED
		log_group = root
		write_logs = yes
		flush = INCREMENTAL_ASYNC
		freq = 50
		max_log_file = 512
		max_log_file_action = IGNORE
		num_logs = 2
		space_left = 75
		space_left_action = IGNORE
		admin_space_left = 50
		admin_space_left_action = IGNORE
		disk_full_action = IGNORE
		disk_error_action = IGNORE
		plugin_dir = $tmp/auditd/plugins.d
		local_events = yes
	CONF
	auditd -n -s enable -c "$tmp/auditd" >"$tmp/auditd/out" 2>&1 9>&- &
	auditd=$!
	wait_for 10 audit_is_owned_by $auditd || return 1
	auditctl -b 8192 >/dev/null
	auditctl -a always,exit -F arch=b64 -S execve -S execveat -k bench
}
audit_is_owned_by() {
	[[ $(auditctl -s | awk '$1 == "pid" { print $2 }') == "$1" ]]
}
stop_auditd() {
	auditctl -d always,exit -F arch=b64 -S execve -S execveat -k bench
	kill -TERM "$auditd"
	wait "$auditd"
}
auditd=
test_at_exit() {
	[[ -z $auditd ]] || kill -KILL "$auditd" 2>/dev/null
}

heard() {
	tm events --json | jq -n '[inputs |
	    select(.process.args[0] == "/bin/short/true")] | length'
}
heard_all() {
	(($(heard) >= execs))
}

storm >/dev/null
for ((i = 0; i < rounds; i++)); do
	storm >>"$tmp/nothing"
	rm -rf "$agent_dir/state" && mkdir "$agent_dir/state"
	if agent_start; then
		before=$(lost)
		storm >>"$tmp/agent"
		wait_for 20 heard_all
		note="$(heard) of $execs events, kernel lost"
		note+=" $(($(lost) - before)); $(agent_losses)"
		agent_stop
	fi
	if command -v auditd >/dev/null && start_auditd; then
		before=$(lost)
		storm >>"$tmp/auditd-times"
		after=$(lost)
		stop_auditd
		auditd=
		n=$(grep -c 'type=EXECVE.*a0="/bin/short/true"' \
		    "$tmp/auditd/audit.log")
		auditd_note="$n of $execs events, kernel lost $((after - before))"
		rm -rf "$tmp/auditd"
	fi
	audit_give_back >/dev/null
done
base=$(best low <"$tmp/nothing")
printf 'exec storm: %d execs in a container, best of %d\n' "$execs" "$rounds"
row "nothing" "$base" s "$base"
[[ ! -s $tmp/agent ]] ||
    row "tallyman" "$(best low <"$tmp/agent")" s "$base" "$note"
[[ ! -s $tmp/auditd-times ]] ||
    row "auditd writing its log" "$(best low <"$tmp/auditd-times")" s \
	"$base" "$auditd_note"
