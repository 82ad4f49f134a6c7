#!/bin/bash
# What never leaves a container: with capture.container_loopback its own
# traffic on 127.0.0.1 and its own address, that of a container which shares
# its network, and Docker's embedded DNS are seen, and are those containers'.
# Payload is what both ends counted; packets and bytes of a namespace are what
# its lo counted.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq
host_need_agent

n=${TALLYMAN_FLOWS:-1000}
names=40
image="tallyman-test/base:1"
# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base
docker network create names >/dev/null

configure() {
	agent_config "audit:
  mode: off
capture:
  container_loopback: $1
flows:
  period: 1s
  idle_timeout: 3s"
}
# The mapped rings of the engine that have the size of one for a container.
rings() {
	local pid

	for pid in $(agent_pids); do
		cat "/proc/$pid/maps" 2>/dev/null
	done | grep 'rw-s.*socket:' | tr - ' ' | while read -r from to _; do
		echo $((16#$to - 16#$from))
	done | grep -cx 2097152
}
rings_are() {
	[[ $(rings) == "$1" ]]
}
lo() {
	# shellcheck disable=SC2016 # for the shell in the container
	docker exec "$1" sh -c 'cd /sys/class/net/lo/statistics &&
	    echo $(cat rx_packets rx_bytes)'
}
serve() {
	docker run -d "$@" $image sh -c 'traffic udp-server 7001 300 &
	    exec traffic tcp-server 7000 5000'
}
serving() {
	(($(docker logs "$1" 2>&1 | grep -c ready) == 2))
}

# Switched off: nothing of it.
configure off
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
serve --name off >/dev/null
wait_for 60 serving off
docker exec off traffic tcp-client 127.0.0.1 7000 20 100 1 >"$tmp/off"
docker exec off traffic tcp-client \
    "$(container_ip off)" 7000 20 100 1 >>"$tmp/off"
is "the traffic of the first part was made" "$(wc -l <"$tmp/off")" 40
is "switched off, no ring is opened" "$(rings)" 0
agent_stop
is "SIGTERM ends the agent with status" $? 0
tm flows --json >"$tmp/flows"
is "switched off, nothing from inside is seen" "$(jq -r 'select(
    .destination.port == 7000 or .source.ip == "127.0.0.1" or
    .tallyman.flow.inside != null) | .tallyman.flow.id' "$tmp/flows")" ""
rm -f "$agent_dir"/state/tallyman.db*

# Switched on: two containers alike, a pair, and names. The bundle of it all.
configure on
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
wait_for 60 rings_are 1
tm_bg record -o "$tmp/bundle" >"$tmp/record.out" 2>&1
recording=$!
wait_for 60 test -s "$tmp/bundle/docker.ndjson"
for c in one two; do
	serve --name $c --network names >"$tmp/$c.id"
done
serve --name owner >"$tmp/owner.id"
docker run -d --name partner --net container:owner $image sleep 1000 \
    >"$tmp/partner.id"
docker run -d --name hosted --net host $image sleep 1000 >/dev/null
for c in one two owner; do
	wait_for 60 serving $c
done
ok "a ring for each namespace: the pair has one, the host's has none" \
    wait_for 60 rings_are 4

# Not faster than the agent reads, however busy the machine is.
keep_pace() {
	local sent=0 c packets

	for c in one two owner; do
		read -r packets _ < <(lo $c)
		((sent += packets))
	done
	wait_for 60 has_read "$sent"
}
has_read() {
	(($(tm status --json | jq '[.. | objects |
	    select(.name? == "packet.loopback")][0].received') >= $1))
}
talk() {
	local own

	own=$(docker inspect -f \
	    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$2")
	{
		for _ in 1 2 3 4 5; do
			docker exec "$1" traffic tcp-client 127.0.0.1 7000 \
			    $((n / 5)) 1000 7
			keep_pace
		done
		docker exec "$1" traffic tcp-client "$own" 7000 100 500 7
		docker exec "$1" traffic tcp-client 127.0.0.1 7000 1 5000000 0
		docker exec "$1" traffic udp-client 127.0.0.1 7001 200 3 100
		# Only the default network has IPv6.
		[[ $2 != owner ]] ||
		    docker exec "$1" traffic tcp-client ::1 7000 100 500 7
	} >"$tmp/$1.truth"
}
talk one one &
one=$!
talk two two &
two=$!
wait $one $two
talk partner owner
# shellcheck disable=SC2016 # for the shell in the container
docker exec two sh -c 'i=0; while [ $i -lt '$names' ]; do
    nslookup one >/dev/null || echo failed; i=$((i + 1)); done' >"$tmp/names"
is "the embedded DNS server answers" "$(cat "$tmp/names")" ""

collect() {
	local c

	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true and
	    .tallyman.flow.inside != null) |
	    [.container.id // "-", .network.transport, .source.ip, .source.port,
	    .destination.ip, .destination.port, .tallyman.flow.payload.sent,
	    .tallyman.flow.payload.received, .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes,
	    .tallyman.source.container.id // "-",
	    .tallyman.destination.container.id // "-",
	    .tallyman.flow.left_host // "-",
	    .tallyman.container.attribution.method // "-",
	    .tallyman.container.attribution.confidence // "-",
	    .tallyman.flow.copies_dropped] |
	    map(tostring) | join(" ")' "$tmp/flows" >"$tmp/inside"
	for c in one two owner; do
		lo $c
		awk -v c="$(cat "$tmp/$c.id")" '$1 == c { p += $9 + $11
		    b += $10 + $12 } END {
		    print p + 0, b + 0 }' "$tmp/inside"
	done | paste - - >"$tmp/counters"
	awk '$1 != $3 { bad = 1 } END { exit bad }' "$tmp/counters"
}
ok "every packet of lo is in the final reports" wait_for 120 collect
diag "lo and flows: $(tr '\n' ';' <"$tmp/counters")"
is "packets and bytes of each namespace are what its lo counted" \
    "$(awk '$1 != $3 || $2 != $4' "$tmp/counters")" ""

for c in one two partner; do
	of=$c
	made=$((n + 301))
	[[ $c != partner ]] || of=owner made=$((n + 401))
	id=$(cat "$tmp/$of.id")
	# A port of UDP that is used again soon is one flow; one of TCP is not,
	# and on loopback the kernel takes it again after a second.
	awk -v i="$id" '{ k = i " " $1 " " $2 " " $3 " " $4 " " $5 }
	    $1 == "tcp" { print k, $6, $7; next }
	    { sent[k] += $6; received[k] += $7 } END { for (k in sent)
	    print k, sent[k], received[k] }' "$tmp/$c.truth" |
	    sort >"$tmp/$c.want"
	awk -v i="$id" '$1 == i && ($6 == 7000 || $6 == 7001)' "$tmp/inside" |
	    cut -d ' ' -f 1-8 | sort >"$tmp/$c.have"
	is "$c: the client made as many flows as it was told" \
	    "$(wc -l <"$tmp/$c.truth")" "$made"
	ok "$c: each flow once, with its payload, and of container $of" \
	    same "$tmp/$c.want" "$tmp/$c.have"
done
is "both ends are that container, and nothing left the host" "$(awk '
    $13 != $1 || $14 != $1 || $15 != "no" || $16 != "namespace"' \
    "$tmp/inside" | head -n 3)" ""
is "how sure: high, and where two share a namespace, medium" "$(awk \
    -v o="$(cat "$tmp/owner.id")" '$17 != ($1 == o ? "medium" : "high")' \
    "$tmp/inside" | head -n 3)" ""
is "no packet was seen twice" "$(awk '{ n += $18 } END { print n + 0 }' \
    "$tmp/inside")" 0
awk -v c="$(cat "$tmp/two.id")" '$1 == c && $5 == "127.0.0.11"' \
    "$tmp/inside" >"$tmp/dns"
diag "$(wc -l <"$tmp/dns") flows to the embedded DNS server, such as"
diag "$(head -n 2 "$tmp/dns" | cut -d ' ' -f 2-12)"
ok "embedded DNS: two questions for each lookup at least" \
    test "$(awk '{ n += $9 } END { print n + 0 }' "$tmp/dns")" -ge $((2 * names))
is "embedded DNS: port 53, an answer for each question" \
    "$(awk '$6 != 53 || $9 != $11 || $9 == 0' "$tmp/dns" | head -n 3)" ""
is "nothing else at 127.0.0.11" "$(awk '$3 == "127.0.0.11"' "$tmp/inside")" ""

kill -TERM $recording
wait $recording
is "the recording ends with status" $? 0

# The end of a container is the end of its ring.
docker rm -f one >/dev/null
ok "a container that ends releases its ring" wait_for 60 rings_are 3
docker rm -f owner >/dev/null
ok "a namespace lives as long as the last container in it" rings_are 3
docker rm -f partner >/dev/null
ok "and then its ring goes" wait_for 60 rings_are 2

tm status --json >"$tmp/status"
is "no packet was lost" "$(jq -c '[.. | objects |
    select(.name? == "packet.copies" or .name? == "packet.loopback") |
    .outside.ring_drops // 0]' "$tmp/status")" "[0,0]"
is "status adds up in every stage" "$(jq -r '[.. | objects |
    select(has("received") and has("delivered")) |
    select(.received != .delivered + .pending + ([.dropped[]?] | add // 0)) |
    .name] | join(" ")' "$tmp/status")" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0

# The bundle gives the same flows again, and the same twice.
for i in 1 2; do
	"$tallyman" replay -c "$agent_conf" "$tmp/bundle" \
	    >"$tmp/replay$i" 2>"$tmp/replay.err"
	is "replay $i ends with status" $? 0
done
ok "the same input gives the same bytes" cmp "$tmp/replay1" "$tmp/replay2"
jq -r 'select(.tallyman.flow.final == true and
    .tallyman.flow.inside != null) |
    [.container.id // "-", .network.transport, .source.ip, .source.port,
    .destination.ip, .destination.port, .tallyman.flow.payload.sent,
    .tallyman.flow.payload.received, .source.packets, .source.bytes,
    .destination.packets, .destination.bytes] | map(tostring) | join(" ")' \
    "$tmp/replay1" | sort >"$tmp/again"
cut -d ' ' -f 1-12 "$tmp/inside" | sort >"$tmp/live"
ok "a replay counts what was counted live, for the same containers" \
    same "$tmp/live" "$tmp/again"
done_testing
