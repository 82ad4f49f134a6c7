# bench.sh: what the measurements share. They print ratios within one run and
# fail for nothing, least of all for being slow: what lacks is said and left
# out. BENCH_ROUNDS (default 3) is how often each thing is measured; the best
# round counts, which is the one that other work on the machine disturbed
# least.
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the scripts that source this

: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
rounds=${BENCH_ROUNDS:-3}
bench=$(basename "$0" .sh)

skip_all() {
	printf '%s: left out: %s\n' "$bench" "$*"
	exit 0
}

fail() {
	printf '%s: %s\n' "$bench" "$*"
}

done_testing() {
	exit 0
}

# seconds COMMAND...: wall time; false when the command fails.
seconds() {
	local start=$EPOCHREALTIME

	"$@" >"$tmp/output" 2>&1 || return 1
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf("%.3f", b - a) }'
}

# best low|high: of the numbers on standard input.
best() {
	sort -n | if [[ $1 == low ]]; then head -n 1; else tail -n 1; fi
}

# median: p50 of the numbers on standard input.
median() {
	sort -g | awk '{ v[NR] = $1 } END {
		low = v[int((NR + 1) / 2)]
		high = v[int(NR / 2) + 1]
		if (NR > 0)
			printf("%.6g\n", (low + high) / 2)
	}'
}

# row NAME VALUE UNIT BASE [NOTE]: VALUE and its ratio to BASE.
row() {
	awk -v n="$1" -v v="$2" -v u="$3" -v b="$4" -v m="${5:-}" 'BEGIN {
		printf("  %-32s %14.4g %-12s %7.2f  %s\n", n, v, u,
		    b > 0 ? v / b : 0, m)
	}'
}

# Dropped and outside losses of the running agent, by name.
agent_losses() {
	tm status --json 2>/dev/null | jq -r '[.. | objects |
	    select(has("received") and has("delivered")) | .name as $n |
	    ((.dropped // {}) + (.outside // {})) | to_entries[] |
	    select((.value | type) == "number" and .value > 0) |
	    "\($n).\(.key)=\(.value)"] | if length == 0 then "lost nothing"
	    else join(" ") end' 2>/dev/null
}
