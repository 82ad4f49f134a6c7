#!/bin/bash
# Networks that come and go. A container sends by itself as soon as an
# interface is there, before Docker says that it joined: its first packet has
# its container. And an address that is called all the time goes from one
# container to another: from 100 ms after Docker gave it on it is its new
# owner's, also where nothing but the address tells.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317,SC2034 # ok and wait_for call the functions

host_shares=1
host_need jq conntrack
host_need_agent

image='tallyman-test/base:1'
host_begin base
agent_config 'audit:
  mode: off
flows:
  idle_timeout: 3s'
docker network create second >/dev/null
docker network create --subnet 10.77.0.0/24 fixed >/dev/null
docker run -d --name older $image sleep 1000 >/dev/null
since=$(date +%s)
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"
docker run -d --name newer $image sleep 1000 >/dev/null

# Each time the interface has another name.
gateway=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' second)
docker run -d --name eager $image sh -c "for i in 1 2 3 4 5; do
    until traffic udp-from eth\$i $gateway 2220\$i; do :; done; done
    exec sleep 1000" >/dev/null
# What waits for an answer of ARP when its interface goes is never sent.
eager_arrived() {
	on_host conntrack -L -p udp --orig-port-dst "2220$1" 2>/dev/null |
	    grep -q dport
}
for i in 1 2 3 4 5; do
	docker network connect second eager
	! wait_for 10 eager_arrived $i || echo $i >>"$tmp/arrived"
	docker network disconnect second eager
done
ok "a network was joined, and at once sent to" test -s "$tmp/arrived"

# Docker keeps bridges apart: no other interface than the caller's sees it.
docker run -d --name caller $image sh -c 'p=40000; while [ $p -lt 60000 ]; do
    traffic udp-once 10.77.0.20 $p; usleep 15000; p=$((p + 1)); done' >/dev/null
for who in newer older newer older; do
	docker network connect --ip 10.77.0.20 fixed $who
	sleep 0.8
	docker network disconnect fixed $who
done
docker kill caller >/dev/null
for who in newer older eager; do
	echo "$(docker inspect -f '{{.Id}}' $who) $who"
done >"$tmp/ids"
# What Docker says of it, in seconds; that somebody left it says twice.
docker events --since "$since" --until $(($(date +%s) + 1)) \
    --filter type=network --format '{{.TimeNano}} {{.Action}} {{
    .Actor.Attributes.name}} {{.Actor.Attributes.container}}' | awk '
    NR == FNR { name[$1] = $2; next }
    { sub(/.........$/, ".&", $1) }
    $4 in name { print $1, $2, $3, name[$4] }' "$tmp/ids" - >"$tmp/changes"
grep ' fixed ' "$tmp/changes" >"$tmp/moves"
is "an address was given four times" "$(grep -c ' connect ' "$tmp/moves")" 4
docker logs caller >"$tmp/called" 2>/dev/null

# All reports: begin in seconds, port, containers of source and destination,
# how the destination's is known, whether it is the last report.
collect() {
	tm flows --json | jq -r 'select(.network.transport == "udp" and
	    (.destination.ip == "10.77.0.20" or
	    .destination.port > 22200 and .destination.port < 22206)) |
	    [(.event.start | sub("\\..*"; "Z") | fromdate | tostring) +
	    (.event.start | sub("[^.]*"; "") | sub("Z"; "")),
	    .destination.port, .tallyman.source.container.name // "none",
	    .tallyman.destination.container.name // "none",
	    .tallyman.destination.container.attribution.method // "none",
	    .tallyman.flow.final] | map(tostring) | join(" ")' >"$tmp/flows"
}
all_there() {
	collect && (($(awk '$6 == "true" { print $2 }' "$tmp/flows" |
	    sort -u | wc -l) >= $(cat "$tmp/arrived" "$tmp/called" | wc -l)))
}
ok "each datagram's flow got its final report" wait_for 30 all_there
is "every report on what was sent at once has its container" \
    "$(awk '$2 < 40000 { print $3 }' "$tmp/flows" | sort -u)" eager
is "every call has its caller" \
    "$(awk '$2 >= 40000 { print $3 }' "$tmp/flows" | sort -u)" caller
# Until an address is another's, who had it last may be named; just before
# Docker says that it went it may have gone.
awk '
NR == FNR { at[++n] = $1; now[n] = $2; who[n] = $4; next }
$2 >= 40000 && $6 == "true" {
	for (i = 0; i < n && at[i + 1] <= $1; i++)
		;
	if (now[i] == "connect" && $1 - at[i] >= 0.1 && i < n &&
	    at[i + 1] - $1 >= 0.3)
		print who[i], $4, $5
}' "$tmp/moves" "$tmp/flows" | sort | uniq -c >"$tmp/whose"
diag "calls, whose the address was, whose it is said to be:"
diag "$(cat "$tmp/whose")"
is "both owners were called" \
    "$(awk '{ print $2 }' "$tmp/whose" | sort -u | paste -sd ' ')" \
    "newer older"
is "from 100 ms after it was given on an address is its owner's" \
    "$(awk '$2 != $3' "$tmp/whose")" ""
diag "first packets after a network was joined, ms from Docker's event: $(
    grep ' connect second eager' "$tmp/changes" | paste -d ' ' - \
    <(awk '$2 < 40000 && $6 == "true"' "$tmp/flows" | sort) |
    awk '{ printf("%.1f ", ($5 - $1) * 1000) }')"
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
