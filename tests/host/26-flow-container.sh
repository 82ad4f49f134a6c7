#!/bin/bash
# Whose a flow end is, by the network namespace behind its interface: from a
# container's first packet, when an address moves on, when networks come and
# go, when several containers share one network, with a forged address, and
# on all addresses of all networks. The truth is the destination port, which
# each container is told to dial.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317,SC2034 # ok and wait_for call the functions

host_shares=1
host_need jq
host_need_agent

starts=${TALLYMAN_STARTS:-200}	# a multiple of 20
image='tallyman-test/base:1'

host_begin base
agent_config 'audit:
  mode: off
flows:
  idle_timeout: 3s'
docker network create second >/dev/null
docker network create --ipv6 --subnet 2001:db8:d0d::/64 six >/dev/null
docker run -d --name older --network six $image sleep 1000 >/dev/null
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

# One datagram to each of $2 ports from $1 on.
send() {
	echo "i=0; while [ \$i -lt $2 ]; do traffic udp-once $TH_OUTSIDE_IP \
	    \$(($1 + i)); i=\$((i + 1)); done"
}

# 1. The entrypoint's first act is to send; it ends at once, and its address
# goes to another. 20 containers start again and again, each next to others.
many=20
rounds=$((starts / many))
for ((i = 0; i < many; i++)); do
	docker create --name "first$i" $image traffic udp-next /n \
	    "$TH_OUTSIDE_IP" $((20000 + i * rounds))
done >/dev/null
go() {
	local round

	for ((round = 0; round < rounds; round++)); do
		docker start "$@" && docker wait "$@"
	done
}
halves=()
for half in 0 1; do
	names=()
	for ((i = half; i < many; i += 2)); do
		names+=("first$i")
	done
	go "${names[@]}" >"$tmp/half$half" 2>&1 9>&- &
	halves+=($!)
done
wait "${halves[@]}"
is "all containers ran $rounds times" \
    "$(cat "$tmp"/half? | grep -c '^0$')" $((many * rounds))

# 2. One address, two containers, one second.
docker network create --subnet 10.77.0.0/24 fixed >/dev/null
docker run --rm --name mover1 --network fixed --ip 10.77.0.9 $image \
    sh -c "$(send 21000 20)" >/dev/null
docker run --rm --name mover2 --network fixed --ip 10.77.0.9 $image \
    sh -c "$(send 21100 20)" >/dev/null

# 3. Networks come and go: the new interface's first packets, at once.
docker run -d --name joiner $image sleep 1000 >/dev/null
for i in 0 1 2 3 4 5 6 7 8 9; do
	docker network connect second joiner
	address=$(docker inspect -f \
	    '{{.NetworkSettings.Networks.second.IPAddress}}' joiner)
	docker exec joiner traffic udp-from "$address" "$TH_OUTSIDE_IP" \
	    $((22000 + i)) >/dev/null
	docker network disconnect second joiner
	docker exec joiner traffic udp-once "$TH_OUTSIDE_IP" $((22100 + i)) >/dev/null
done

# 4. A shared network: who is not told apart is not claimed.
docker run -d --name landlord $image sleep 1000 >/dev/null
docker run -d --name lodger --network container:landlord $image \
    sh -c "sleep 1; $(send 23000 50); sleep 1000" >/dev/null

# 5. A forged source address, and one that Docker never gave.
docker run -d --name forger --cap-add NET_ADMIN $image sleep 1000 >/dev/null
forged=$(container_ip landlord)
docker exec forger sh -c "ip addr add 172.17.99.99/16 dev eth0
    ip addr add $forged/32 dev lo"
docker exec forger traffic udp-from 172.17.99.99 "$TH_OUTSIDE_IP" 24000 \
    >/dev/null
docker exec forger traffic udp-from "$forged" "$TH_OUTSIDE_IP" 24001 >/dev/null

# 6. IPv6, two networks at once, and a container older than the agent.
docker exec older traffic udp-once "$TH_OUTSIDE_IP6" 25000 >/dev/null
docker network connect second older
n=25001
for a in $(docker inspect -f '{{range .NetworkSettings.Networks}}
{{.Gateway}} {{end}}' older); do
	docker exec older traffic udp-once "$a" $n >/dev/null
	n=$((n + 1))
done
# To it: from another container, by both families and both networks.
docker run -d --name peer --network six $image sleep 1000 >/dev/null
docker network connect second peer
addresses=$(docker inspect -f '{{range .NetworkSettings.Networks}}
{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}' older)
n=25100
for a in $addresses; do
	docker exec peer traffic udp-once "$a" $n >/dev/null
	n=$((n + 1))
done
is "older has three addresses" $((n - 25100)) 3

# port, source, destination, method, confidence, names of candidates
collect() {
	tm flows --json | jq -r '
	    select(.network.transport == "udp" and
	        .destination.port >= 20000 and .destination.port < 26000) |
	    [.destination.port,
	        .tallyman.source.container.name // "none",
	        .tallyman.destination.container.name // "none",
	        .tallyman.source.container.attribution.method // "none",
	        .tallyman.source.container.attribution.confidence // "none",
	        (.tallyman.source.container.candidates // [] | length),
	        .container.name // "none",
	        .tallyman.flow.id, .tallyman.flow.final] | @tsv' |
	    tee "$tmp/all" |
	    awk -F '\t' '{ last[$8] = $0 } END { for (k in last) print last[k] }' \
	    >"$tmp/flows"
}
expected=$((starts + 40 + 20 + 50 + 2 + 3 + 3))
all_there() {
	collect && (($(cut -f 1 "$tmp/flows" | sort -u | wc -l) >= expected))
}
ok "one flow for each datagram" wait_for 30 all_there
diag "ports: $(cut -f 1 "$tmp/flows" | sort -u | awk '{
    n[int($1 / 100)]++ } END { for (k in n) printf("%d00 %d; ", k, n[k]) }')"
sort -n "$tmp/all" >"$tmp/sorted"

# wrong FIRST LAST NAME: reports of those ports whose source is another.
wrong() {
	awk -F '\t' -v a="$1" -v b="$2" -v w="$3" \
	    '$1 >= a && $1 <= b && ($2 != w || $7 != w)' "$tmp/all" | wc -l
}
is "each first packet has its own container, in every report" "$(awk -F '\t' \
    -v r=$rounds '$1 < 21000 && $2 != "first" int(($1 - 20000) / r)' \
    "$tmp/all" | wc -l)" 0
is "an address that moved on is its new owner's" \
    "$(wrong 21000 21019 mover1) $(wrong 21100 21119 mover2)" "0 0"
is "a network that was just joined, and what is left after it went" \
    "$(wrong 22000 22199 joiner)" 0
is "a shared network: one of the two, with both as candidates" "$(awk -F '\t' \
    '$1 >= 23000 && $1 < 23050 && (($2 != "landlord" && $2 != "lodger") ||
    ($5 == "high" && $2 != "lodger") || ($5 != "high" && $6 != 2))' \
    "$tmp/all" | wc -l)" 0
is "addresses that Docker did not give" "$(wrong 24000 24001 forger)" 0
is "IPv6, and each of two networks" "$(wrong 25000 25002 older)" 0
is "both ends, by each address" "$(awk -F '\t' '$1 >= 25100 &&
    ($2 != "peer" || $3 != "older")' "$tmp/all" | wc -l)" 0
diag "$(awk -F '\t' '{ n[$4 " (" $5 ")"]++ } END {
    for (k in n) printf("%s %d; ", k, n[k]) }' "$tmp/flows")"
is "the interface tells in nearly all" "$(awk -F '\t' '{ n++
    if ($4 == "interface" || $4 == "process") m++ }
    END { print (m * 100 >= n * 95) }' "$tmp/flows")" 1

agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
