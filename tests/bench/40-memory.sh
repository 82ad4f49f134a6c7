#!/bin/bash
# Resident memory of all processes of the agent: idle, and with 50 containers.
. "$(dirname "$0")/bench.sh"

containers=${BENCH_CONTAINERS:-50}
host_need jq
host_need_agent
host_begin base
agent_config
agent_start || skip_all "the agent did not start"

# Proportional set size where pages are shared between its processes.
memory() {
	local pid

	for pid in $(agent_pids); do
		awk '/^Pss:/ { p = $2 } /^Rss:/ { r = $2 } END { print r, p }' \
		    "/proc/$pid/smaps_rollup"
	done | awk '{ r += $1; p += $2 } END { printf("%d %d\n", r, p) }'
}
known() {
	(($(tm containers --json | jq -r .container.id | sort -u | wc -l) >=
	    containers))
}
sleep 3
read -r rss pss < <(memory)
for ((i = 0; i < containers; i++)); do
	docker run -d tallyman-test/base:1 sleep 100000 >/dev/null
done
wait_for 30 known
read -r rss50 pss50 < <(memory)
printf 'memory of the agent, %d processes\n' "$(agent_pids | wc -l)"
row "idle, resident" "$rss" KiB "$rss" "proportional $pss KiB"
row "with $containers containers, resident" "$rss50" KiB "$rss" \
    "proportional $pss50 KiB"

# In the tables of stream, offline: at 100,000 flows.
make -s -C "$top_builddir" tests/bench/bench_stream >/dev/null &&
    "$top_builddir/tests/bench/bench_stream" 100000 2 | grep memory |
    sed 's/^/  /'
