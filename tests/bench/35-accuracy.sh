#!/bin/bash
# Whose exec was it? The same programs with the agent and with auditd and
# laurel (on the agent's rules, laurel configured as packaged), one after the
# other. The truth is in argv: /bin/true WHO N, and what Docker says of WHO.
. "$(dirname "$0")/bench.sh"
# shellcheck source=tests/support/auditd.sh
. "$top_srcdir/tests/support/auditd.sh"

n=${BENCH_PROBES:-500}
few=$((n / 10))
host_need jq
host_need_agent
host_need_audit
for tool in auditd laurel; do
	command -v $tool >/dev/null || skip_all "no $tool"
done
host_begin base
agent_config
docker run -d --name older tallyman-test/base:1 sleep 100000 >"$tmp/older"
test_at_exit() {
	[[ -z $auditd_pid ]] || kill -KILL "$auditd_pid" 2>/dev/null
}

# Each prints "WHO N ID" for what it did; ID "none": on the host.
# shellcheck disable=SC2016 # for the shells that run it
loop='i=0; while [ $i -lt '$n' ]; do i=$((i + 1)); /bin/true WHO $i; done'
# shellcheck disable=SC2016
orphans='i=0; while [ $i -lt '$n' ]; do i=$((i + 1));
    (/bin/true WHO $i &); done; sleep 1'
truth() {
	seq "$2" | sed "s|.*|$1 & $3|"
}
host_loop() {
	sh -c "${loop//WHO/host-loop}"
	truth host-loop "$n" none
}
sh_loop() {
	docker exec older sh -c "${loop//WHO/loop}"
	truth loop "$n" "$(cat "$tmp/older")"
}
double_fork() {
	docker exec older sh -c "${orphans//WHO/double-fork}"
	truth double-fork "$n" "$(cat "$tmp/older")"
}
one_exec() {
	local i

	for ((i = 1; i <= few; i++)); do
		docker exec older /bin/true docker-exec "$i"
	done
	truth docker-exec "$few" "$(cat "$tmp/older")"
}
one_run() {
	local i

	for ((i = 1; i <= few; i++)); do
		rm -f "$tmp/cid"
		docker run --rm --cidfile "$tmp/cid" tallyman-test/base:1 \
		    /bin/true docker-run "$i"
		echo "docker-run $i $(cat "$tmp/cid")"
	done
}
scenarios=(host_loop sh_loop double_fork one_exec one_run)
run_all() {
	local s

	for s in "${scenarios[@]}"; do
		$s
	done >"$1"
}

# "WHO N ID" of what was heard.
agent_heard() {
	tm events --json | jq -r 'select(.event.action == "exec" and
	    .process.args[0] == "/bin/true" and
	    (.process.args | length) == 3) |
	    "\(.process.args[1]) \(.process.args[2]) \(
	    .container.id // "none")"'
}
laurel_heard() {
	jq -r 'select(.EXECVE.ARGV[0]? == "/bin/true" and
	    (.EXECVE.ARGV | length) == 3) |
	    "\(.EXECVE.ARGV[1]) \(.EXECVE.ARGV[2]) \(
	    .CONTAINER_INFO.ID // "none")"' "$laurel_log" 2>/dev/null
}
all=$((3 * n + 2 * few))
heard_all() {
	(($("$1"_heard | sort -u | wc -l) >= all))
}

# judge TRUTH HEARD: "WHO right wrong without missing" for each.
judge() {
	awk 'NR == FNR { want[$1 " " $2] = $3; total[$1]++; next }
	{
		k = $1 " " $2
		if (!(k in want) || seen[k]++)
			next
		if ($3 == want[k]) right[$1]++
		else if ($3 == "none") without[$1]++
		else wrong[$1]++
		got[$1]++
	}
	END {
		for (w in total)
			print w, right[w] + 0, wrong[w] + 0, without[w] + 0,
			    total[w] - got[w]
	}' "$1" "$2" | sort
}

agent_start || { fail "the agent did not start"; exit 0; }
audit_rules | grep tallyman_ | grep -v 'tallyman_self\|uring' >"$tmp/rules"
run_all "$tmp/truth.agent"
wait_for 20 heard_all agent
agent_heard >"$tmp/heard.agent"
losses=$(agent_losses)
agent_stop

auditd_start laurel || { fail "auditd did not start"; exit 0; }
auditd_rules "$tmp/rules" >/dev/null
run_all "$tmp/truth.laurel"
wait_for 20 heard_all laurel
laurel_heard >"$tmp/heard.laurel"
auditd_stop

printf 'accuracy: right, wrong, without container, missing, of each scenario\n'
printf '  %-16s %26s %26s\n' "" tallyman "auditd and laurel"
join <(judge "$tmp/truth.agent" "$tmp/heard.agent") \
    <(judge "$tmp/truth.laurel" "$tmp/heard.laurel") |
    awk '{ printf("  %-16s %8d %5d %5d %5d %8d %5d %5d %5d\n", $1, $2, $3,
	$4, $5, $6, $7, $8, $9) }'
printf '  tallyman %s\n' "$losses"
