#!/bin/bash
# The same processes when the agent comes after them, when dockerd is
# restarted below them, and when the agent is restarted in the middle.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
TALLYMAN_EXECS=${TALLYMAN_EXECS:-400}
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"

host_need jq
host_need_agent
host_need_audit

# shellcheck disable=SC2034 # host_begin looks at it
host_flags=(--live-restore)
host_begin base
mkdir "$tmp/go"
docker run -d --name target -v "$tmp/go:/go" tallyman-test/base:1 prober idle >/dev/null
scenarios_start ''
agent_config ""
if ! agent_start; then
	fail "the agent starts beside running containers"
	done_testing
fi
pass "the agent starts beside running containers"
pid_max 2000

# --- dockerd is restarted below them ------------------------------------------

scenarios_go 1
scenarios_exec exec target 1 3
"$testhost" -n "$TH_NAME" stop-dockerd
"$testhost" -n "$TH_NAME" start-dockerd
scenarios_exec exec target 4 3
scenarios_single single 1 3
scenarios_host 1
ok "round 1: all probes ended" scenarios_wait 1 120
ok "round 1: the agent came to the end" scenarios_marker one

# --- the agent is restarted -----------------------------------------------------

agent_stop
is "SIGTERM ends the agent with status" $? 0
agent_start
scenarios_go 2
scenarios_exec exec target 7 3
scenarios_single single 4 3
scenarios_host 2
ok "round 2: all probes ended" scenarios_wait 2 120
ok "round 2: the agent came to the end" scenarios_marker two

# --- in the middle of them ------------------------------------------------------

docker exec -e GO=/go/3 target prober vfork storm 300001 6000 >/dev/null 9>&- &
storm=$!
scenarios_expect storm 300001 6000 "$(docker inspect -f '{{.Id}}' target)"
scenarios_go 3
agent_stop
is "SIGTERM ends the agent in a storm with status" $? 0
agent_start
scenarios_exec exec target 10 3
scenarios_host 3
wait $storm
is "the storm ended with status" $? 0
ok "round 3: all probes ended" scenarios_wait 3 120
ok "no probe failed" test -z "$(cd "$tmp/go" && find . -name 'failed.*')"
ok "round 3: the agent came to the end" scenarios_marker three
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
host_release

scenarios_seen
# Of the third round only those are there that the agent was there for; the
# host's began after it was back. One that was gone before the agent came is
# known by its record alone: where that is not enough it has to say so.
of_round_3() {
	awk '$1 != "host" && $2 > 300000' "$@"
}
awk -F '\t' '$5 != "none" { print $1, $2, $3 }' "$tmp/seen.all" | sort |
    of_round_3 >"$tmp/have.3"
awk -F '\t' '$5 == "none" { print $1, $2 }' "$tmp/seen.all" |
    of_round_3 >"$tmp/unknown.3"
of_round_3 "$tmp/want" >"$tmp/want.3"
is "restarted in the middle: nothing has a wrong owner" \
    "$(comm -13 "$tmp/want.3" <(uniq "$tmp/have.3") | head -n 5)" ""
is "restarted in the middle: nothing is there twice" \
    "$(uniq -d "$tmp/have.3" | head -n 5)" ""
ok "restarted in the middle: not one in a hundred is unknown" \
    test $(($(wc -l <"$tmp/unknown.3") * 100)) -lt "$(wc -l <"$tmp/have.3")"
diag "$(wc -l <"$tmp/unknown.3") unknown: $(head -n 5 "$tmp/unknown.3")"
diag "$(wc -l <"$tmp/have.3") of $(wc -l <"$tmp/want.3") seen in that round"
for f in have want; do
	awk '$1 == "host" || $2 <= 300000' "$tmp/$f" >"$tmp/$f.rest"
	mv "$tmp/$f.rest" "$tmp/$f"
done
scenarios_compare
diag "methods: $(scenarios_methods)"
done_testing
