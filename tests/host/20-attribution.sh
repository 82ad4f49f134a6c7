#!/bin/bash
# Every exec event has its container, also when the process lived less than a
# millisecond. The truth is in argv: "/bin/true WHO N".
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq
host_need_agent
host_need_audit

n=${TALLYMAN_EXECS:-1000}

host_begin base
agent_config
docker run -d --name older tallyman-test/base:1 sleep 1000 >"$tmp/older"
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"
docker run -d --name newer tallyman-test/base:1 sleep 1000 >"$tmp/newer"

# shellcheck disable=SC2016 # for the shells that run it
loop='i=0; while [ $i -lt '$n' ]; do i=$((i + 1)); /bin/true WHO $i; done'

# All at once, so that process ids interleave.
docker exec older sh -c "${loop//WHO/older}" 9>&- &
a=$!
docker exec newer sh -c "${loop//WHO/newer}" 9>&- &
b=$!
docker run --name short tallyman-test/base:1 sh -c "${loop//WHO/short}" 9>&- &
c=$!
sh -c "${loop//WHO/host}" 9>&- &
wait $a $b $c $!
docker inspect -f '{{.Id}}' short >"$tmp/short"
# A container that is one short command, and one short docker exec.
for i in 1 2 3 4 5 6 7 8 9 10; do
	docker run --cidfile "$tmp/single.$i" tallyman-test/base:1 \
	    /bin/true single "$i"
	docker exec older /bin/true exec "$i"
done

collect() {
	tm events --json | jq -r '
	    select(.event.dataset == "tallyman.process" and
	        .event.action == "exec" and
	        (.process.args[0] // "") == "/bin/true" and
	        (.process.args | length) == 3) |
	    [.process.args[1], .process.args[2], .container.id // "none",
	        .container.name // "none",
	        .tallyman.container.attribution.method // "none",
	        .tallyman.container.attribution.confidence // "none"] |
	    join("\t")' >"$tmp/execs"
}
all_there() {
	collect && (($(wc -l <"$tmp/execs") >= 4 * n + 20))
}
wait_for 30 all_there

# of WHO: "N ID" of each of its execs, in the order of N.
of() {
	awk -F '\t' -v w="$1" '$1 == w { print $2, $3 }' "$tmp/execs" |
	    sort -n
}
expected() {
	local i

	for ((i = 1; i <= n; i++)); do
		echo "$i $1"
	done
}

for who in older newer short; do
	ok "$who: $n execs, each once, each with its container" \
	    same <(expected "$(cat "$tmp/$who")") <(of $who)
done
ok "host: $n execs, each once, each without a container" \
    same <(expected none) <(of host)
ok "ten containers of one short command" same <(for i in 1 2 3 4 5 6 7 8 9 10
    do
	echo "$i $(cat "$tmp/single.$i")"
    done) <(of single)
ok "ten docker exec of one short command" same <(for i in 1 2 3 4 5 6 7 8 9 10
    do
	echo "$i $(cat "$tmp/older")"
    done) <(of exec)

is "each says how it is known" "$(awk -F '\t' '$5 == "none" || $6 == "none"' \
    "$tmp/execs" | wc -l)" 0
is "what runs on the host is said to, not unknown" "$(awk -F '\t' \
    '$1 == "host" && $5 != "host"' "$tmp/execs" | wc -l)" 0
is "the name goes with the id" "$(awk -F '\t' '($1 == "older" ||
    $1 == "newer" || $1 == "short") && $4 != $1' "$tmp/execs" | wc -l)" 0
diag "methods: $(awk -F '\t' '{ n[$1 " by " $5 " (" $6 ")"]++ }
    END { for (k in n) printf("%s %d; ", k, n[k]) }' "$tmp/execs")"

# explain knows every method that there is here.
tm events --json | jq -r 'select(.event.id != null) |
    [.tallyman.container.attribution.method // "-", .event.id] |
    join("\t")' | sort -u -k 1,1 >"$tmp/methods"
while IFS=$'\t' read -r method id; do
	[[ $method != - ]] || continue
	is "explain of an event with the method $method" \
	    "$(tm explain --json "$id" | jq -r --arg m "$method" \
	    '.attributions[0] | .of == "container" and .method == $m and
	    .means != ""')" true
done <"$tmp/methods"

is "the kernel lost nothing" "$(($(audit_counter lost) - audit_lost))" 0
agent_stop
is "SIGTERM ends the agent with status" $? 0

# From the store alone: what the container ran, below the shell that ran it,
# which a docker exec began.
tm tree older --json >"$tmp/tree"
ok "tree: $n of the loop in older, each once, below one shell" same \
    <(seq "$n") <(jq -r 'select(.process.command_line // "" |
	startswith("/bin/true older ")) |
	[.process.command_line, .process.parent.entity_id] |
	join(" ")' "$tmp/tree" | awk '{ print $3; parent[$4] }
	END { if (length(parent) != 1) print "several parents" }' | sort -n)
is "tree: who asked for the shell" "$(jq -r 'select(.process.command_line //
    "" | test("^sh -c .*/bin/true older")) |
    .tallyman.entry.by.command_line | test("exec older sh -c")' \
    "$tmp/tree")" true
is "tree: nothing of the others" "$(grep -cE '/bin/true (newer|short|host) ' \
    "$tmp/tree")" 0
state_of() {
	tm tree "$1" --json | jq -r --arg c "$2" 'select((.process.command_line
	    // "") | startswith($c)) | .tallyman.tree.state' | sort -u
}
is "tree: what runs still is said to run" "$(state_of newer 'sleep 1000')" \
    running
is "tree: what has ended is said to have ended" \
    "$(state_of newer '/bin/true newer')" ended
tm tree older >"$tmp/drawn"
diag "$(head -n 8 "$tmp/drawn")"
is "tree: they are folded" \
    "$(grep -cE "and $((n - 2)) more /bin/true," "$tmp/drawn")" 1
ok "tree: the drawing is short" test "$(wc -l <"$tmp/drawn")" -lt 60
done_testing
