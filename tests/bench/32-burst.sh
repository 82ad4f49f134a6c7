#!/bin/bash
# What the audit path keeps up with: programs started by three processes at
# once for BENCH_SECONDS, as fast as this machine starts them (10,000 a second
# are wanted), and 60,000 opens a second of a watched file for ten seconds.
# Nothing may be missing: not in the kernel, not in the serials, not on disk.
. "$(dirname "$0")/bench.sh"

seconds=${BENCH_SECONDS:-60}
host_need jq sqlite3
host_need_agent
host_need_audit
host_begin base
mkdir "$tmp/watched"
agent_config "audit:
  watch: [\"$tmp/watched:wa\"]
capture:
  enabled: off"
docker run -d --name box tallyman-test/base:1 sleep 100000 >/dev/null

stored() {
	sqlite3 "$agent_dir/state/tallyman.db" "select count(*) from events
	    where doc like '%$1%'"
}
# Until the store has as many, or no more come.
drain() {
	local n=-1 now

	while now=$(stored "$1"); [[ $now != "$2" && $now != "$n" ]]; do
		n=$now
		sleep 2
	done
	wait_for 7 audit_is_told
}
ticks() {
	local pid n=0

	for pid in $(agent_pids); do
		n=$((n + $(awk '{ print $14 + $15 }' "/proc/$pid/stat")))
	done
	echo "$n"
}
# show WHAT MADE SECONDS STORED TICKS
show() {
	awk -v w="$1" -v n="$2" -v s="$3" -v got="$4" -v c="$5" \
	    -v hz="$(getconf CLK_TCK)" -v lost="$(agent_losses)" \
	    -v odd="$(audit_ledger | paste -sd' ' -)" \
	    -v rss="$(for pid in $(agent_pids); do
		awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
	    done | awk '{ n += $1 } END { print int(n / 1024) }')" 'BEGIN {
		printf("  %-6s %8d in %5.1f s, %6.0f a second; %d on disk; ",
		    w, n, s, n / s, got)
		printf("%.1f ms CPU a 1,000; %d MiB; %s %s\n",
		    c * 1e6 / hz / n, rss, lost, odd)
	}'
}

echo "audit bursts:"
agent_start || exit 0
before=$(ticks)
# shellcheck disable=SC2016 # for the shell in the container
loop='end=$(($(date +%s) + '$seconds')); while [ $(date +%s) -lt $end ]; do
    traffic storm 2000 /bin/short/true; done'
start=$EPOCHREALTIME
for i in 1 2 3; do
	docker exec box sh -c "$loop" >"$tmp/storm.$i" &
	storms[i]=$!
done
wait "${storms[@]}"
took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
made=$(awk '/^storm/ { n += $2 } END { print n + 0 }' "$tmp"/storm.?)
drain '"/bin/short/true",' "$made"
after=$(ticks)
show execs "$made" "$took" "$(stored '"/bin/short/true",')" $((after - before))
agent_stop

rm -rf "$agent_dir/state" && mkdir "$agent_dir/state"
agent_start || exit 0
before=$(ticks)
read -r _ made took < <("$TH_TRAFFIC" opens 60000 10 "$tmp/watched/file")
drain '"path":"'"$tmp/watched/file"'"' "$made"
show opens "$made" "$took" "$(stored '"path":"'"$tmp/watched/file"'"')" \
    $(($(ticks) - before))
agent_stop
