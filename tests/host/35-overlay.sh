#!/bin/bash
# Docker's own overlay network: a swarm of two nodes, this host and a dockerd
# in the outside's namespace, with containers on both. What goes from one node
# to the other is seen inside of VXLAN packets on the uplink alone: each flow
# once, with its payload, and of the container here that has its address.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack
host_need_agent

n=${TALLYMAN_FLOWS:-300}
image="tallyman-test/base:1"
# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base

# --- the other node -----------------------------------------------------------

node=$TH_DIR/node
there() {
	DOCKER_CONFIG=$TH_DIR/docker-cli "$TH_DOCKER" \
	    -H "unix://$node/docker.sock" "$@" 9>&-
}
node_start() {
	mkdir -p "$node"/{containerd,data,exec}
	cat >"$node/containerd.toml" <<-TOML
		version = 2
		root = "$node/containerd/root"
		state = "$node/containerd/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		  address = "$node/containerd.sock"
	TOML
	echo "{\"deprecated-key-path\": \"$node/key.json\"}" >"$node/daemon.json"
	on_outside_bg setsid containerd --config "$node/containerd.toml" \
	    --log-level warn >"$node/containerd.log" 2>&1
	node_pids=($!)
	wait_for 20 test -S "$node/containerd.sock" || return
	on_outside_bg setsid dockerd --config-file "$node/daemon.json" \
	    --containerd "$node/containerd.sock" --data-root "$node/data" \
	    --exec-root "$node/exec" -p "$node/pid" \
	    -H "unix://$node/docker.sock" --storage-driver overlay2 \
	    --log-level warn >"$node/dockerd.log" 2>&1
	node_pids+=($!)
	wait_for 30 there version
}
node_pids=()
test_before_down() {
	local i

	# shellcheck disable=SC2046 # a word each
	there rm -f $(there ps -aq)
	for ((i = ${#node_pids[@]} - 1; i >= 0; i--)); do
		kill "${node_pids[i]}"
		wait_for 15 has_ended "${node_pids[i]}"
	done
} >/dev/null 2>&1
swarm() {
	docker swarm init --advertise-addr "$TH_HOST_IP" \
	    --listen-addr "$TH_HOST_IP:2377" >/dev/null &&
	    there swarm join --token "$(docker swarm join-token -q worker)" \
	    --advertise-addr "$TH_OUTSIDE_IP" "$TH_HOST_IP:2377" >/dev/null &&
	    docker network create -d overlay --attachable over >/dev/null &&
	    docker save "$image" | there load >/dev/null
}
node_start
ok "a swarm of two nodes with an overlay network" swarm

agent_config 'audit:
  mode: off
flows:
  period: 1s
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

# --- traffic ----------------------------------------------------------------

over_ip() {
	"$1" inspect -f '{{.NetworkSettings.Networks.over.IPAddress}}' "$2"
}
# A name of the swarm may be learnt by the other node a moment later.
serve='traffic udp-server 7001 300 & exec traffic tcp-server 7000 5000'
docker run -d --name here1 --network over $image sh -c "$serve" >/dev/null
docker run -d --name here2 --network over $image prober idle >/dev/null
there run -d --name away --network over $image sh -c "$serve" >/dev/null
here1=$(over_ip docker here1)
here2=$(over_ip docker here2)
away=$(over_ip there away)
reachable() {
	docker exec here2 sh -c "traffic ping $away 1 1 10" &&
	    there exec away sh -c "traffic ping $here1 1 1 10" &&
	    docker logs here1 2>&1 | grep -c ready | grep -qx 2 &&
	    there logs away 2>&1 | grep -c ready | grep -qx 2
}
ok "the containers reach each other" wait_for 30 reachable
talk() {
	echo "traffic tcp-client $1 7000 $n 1000 7
	    traffic tcp-client $1 7000 1 2000000 0
	    traffic udp-client $1 7001 20 5 100"
}
docker exec here2 sh -ec "$(talk "$away")" >"$tmp/out.truth" &
one=$!
there exec away sh -ec "$(talk "$here1")" >"$tmp/in.truth" &
wait $one $!
docker exec here2 sh -ec "traffic tcp-client $here1 7000 5 100 1" \
    >"$tmp/within.truth"

collect() {
	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true and
	    .tallyman.flow.tunnel.type == "vxlan") |
	    [.network.transport, .source.ip, .source.port, .destination.ip,
	    .destination.port, .tallyman.flow.payload.sent,
	    .tallyman.flow.payload.received, .tallyman.flow.left_host,
	    .container.name // "-", .tallyman.source.container.name // "-",
	    .tallyman.destination.container.name // "-",
	    .tallyman.flow.tunnel.id, (.tallyman.flow.tunnel.outer | length),
	    ([.tallyman.flow.points[].interface] | join(","))] |
	    map(tostring) | join(" ")' "$tmp/flows" >"$tmp/final"
	(($(grep -cE '^(tcp|udp) ' "$tmp/final") >= 2 * (n + 21)))
}
ok "all flows got their final report" wait_for 30 collect
for class in "out here2 here2 -" "in here1 - here1"; do
	read -r name owner source destination <<<"$class"
	cut -d ' ' -f 1-7 "$tmp/$name.truth" | sort >"$tmp/want"
	awk 'NR == FNR { mine[$1 " " $2 " " $3 " " $4 " " $5] = 1; next }
	    ($1 " " $2 " " $3 " " $4 " " $5) in mine' "$tmp/want" \
	    "$tmp/final" | sort >"$tmp/have"
	is "$name: the client made as many flows as it was told" \
	    "$(wc -l <"$tmp/want")" $((n + 21))
	ok "$name: each flow once, with its payload" \
	    same "$tmp/want" <(cut -d ' ' -f 1-7 "$tmp/have")
	is "$name: left the host, of $owner, seen on the uplink alone" \
	    "$(cut -d ' ' -f 8-11,14 "$tmp/have" | sort -u)" \
	    "yes $owner $source $destination eth0"
	is "$name: all in one network, carried by a flow of each direction" \
	    "$(cut -d ' ' -f 12,13 "$tmp/have" | sort -u | wc -l) $(cut \
	    -d ' ' -f 13 "$tmp/have" | sort -u)" "1 2"
done
# Within this node it stays in a network namespace that is no container's.
diag "within one node: $(jq -r 'select(.tallyman.flow.final == true and
    .destination.ip == "'"$here1"'" and .source.ip == "'"$here2"'") |
    .tallyman.flow.id' "$tmp/flows" | wc -l) of 5 flows seen"

tm status --json >"$tmp/status"
is "no packet was lost" "$(jq '[.. | objects |
    select(.name? == "packet.copies")][0].outside.ring_drops // 0' \
    "$tmp/status")" 0
is "status adds up in every stage" "$(jq -r '[.. | objects |
    select(has("received") and has("delivered")) |
    select(.received != .delivered + .pending + ([.dropped[]?] | add // 0)) |
    .name] | join(" ")' "$tmp/status")" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
