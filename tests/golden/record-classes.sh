#!/bin/bash
# Records the bundles of the classes of traffic anew, one for each family,
# judged live as the host tests do: needs root and a Docker installation. For
# maintainers, like record.sh:
#	top_builddir=BUILD tests/golden/record-classes.sh DIRECTORY [FAMILY...]
# "hairpin" needs another Docker daemon and is recorded by itself. In a bundle
# lies "truth": of each flow what both ends, conntrack or a capture of our own
# counted, and what is known beforehand, in the columns of replay.sh.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
to=${1:?"usage: record-classes.sh DIRECTORY [FAMILY...]"}
shift
families=("$@")
((${#families[@]} > 0)) || families=(bridges ipv6 cast macvlan namespaces
    proxy icmp-errors)
: "${TALLYMAN_FLOWS:=2}" "${TALLYMAN_BIG:=200000}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/classes.sh
. "$top_srcdir/tests/support/classes.sh"
# shellcheck disable=SC2317 # families are called by name

host_need ip6tables sysctl
host_need_agent

start() {
	local name=$1

	shift
	docker run -d --name "$name" "$@" tallyman-test/base:1 sleep 1000 \
	    >/dev/null
	declare -g "v_$name=$(truth_veth "$name")" \
	    "ip_$name=$(container_ip "$name")" \
	    "ip6_$name=$(container_ip6 "$name")"
}
pair() {
	start client
	start server "$@"
	serve server
}
track_ipv6() {
	on_host ip6tables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
}

bridges_start() {
	pair
	docker network create -o com.docker.network.bridge.name=br-wide \
	    -o com.docker.network.bridge.enable_ip_masquerade=false wide \
	    >/dev/null
	docker network create -o com.docker.network.bridge.name=br-in \
	    --internal inner >/dev/null
	start wide1 --network wide
	start wide2 --network wide
	start in1 --network inner
	start in2 --network inner
	serve wide2
	serve in2
	on_host iptables -I DOCKER-USER -j ACCEPT
}
bridges() {
	talk wide wide1 "$ip_wide2"
	talk internal in1 "$ip_in2"
	talk crossed wide1 "$ip_server"
	talk crossed_nat client "$ip_wide2"
}
bridges_judge() {
	judge wide "user-defined bridge" snat=- dnat=- left=no owner=wide1 \
	    source=wide1 destination=wide2 points="$v_wide1,br-wide,$v_wide2"
	judge internal "internal network" snat=- dnat=- left=no owner=in1 \
	    source=in1 destination=in2 points="$v_in1,br-in,$v_in2"
	judge crossed "across bridges" snat=- dnat=- left=no owner=wide1 \
	    source=wide1 destination=server \
	    points="$v_wide1,br-wide,docker0,$v_server"
	judge crossed_nat "across bridges, masqueraded" snat="$(docker \
	    network inspect -f '{{(index .IPAM.Config 0).Gateway}}' wide)" \
	    dnat=- left=no owner=client source=client destination=wide2 \
	    points="$v_client,docker0,br-wide,$v_wide2"
}

ipv6_start() {
	pair
	track_ipv6
	on_host ip6tables -t nat -A POSTROUTING -s 2001:db8:d0c::/64 \
	    ! -o docker0 -d 2001:db8:18::9 -j MASQUERADE
	on_host ip6tables -t nat -A PREROUTING -d "$TH_HOST_IP6" -p tcp \
	    --dport 8200 -j DNAT --to-destination "[$ip6_server]:7000"
	on_host ip6tables -t nat -A PREROUTING -d "$TH_HOST_IP6" -p udp \
	    --dport 8201 -j DNAT --to-destination "[$ip6_server]:7001"
}
ipv6() {
	talk same6 client "$ip6_server"
	talk routed6 client "$TH_OUTSIDE_IP6"
	ip -n "$TH_OUTSIDE" addr add 2001:db8:18::9/64 dev wan0 nodad
	talk masked6 client 2001:db8:18::9
	talk dnat6 @outside "$TH_HOST_IP6" 8200 8201 :
	ip -n "$TH_OUTSIDE" addr del 2001:db8:18::9/64 dev wan0
}
ipv6_judge() {
	judge same6 "IPv6, same bridge" snat=- dnat=- left=no owner=client \
	    source=client destination=server points="$v_client,docker0,$v_server"
	judge routed6 "IPv6, routed" snat=- dnat=- left=yes owner=client \
	    source=client destination=- points="$v_client,docker0,eth0"
	judge masked6 "IPv6, masqueraded" snat="$TH_HOST_IP6" dnat=- left=yes \
	    owner=client source=client destination=- \
	    points="$v_client,docker0,eth0"
	judge dnat6 "IPv6, published" snat=- dnat="$ip6_server" left=yes \
	    owner=server source=- destination=server \
	    points="eth0,docker0,$v_server"
}

cast_start() {
	pair
}
cast() {
	say cast client "traffic udp-send 172.17.255.255 8900 2 5 100
	    traffic udp-send 255.255.255.255 8900 2 5 200
	    traffic udp-send 239.9.9.9 8900 2 5 300
	    traffic udp-send ff15::9 8900 2 5 400"
	sent cast
}
cast_judge() {
	judge cast "broadcast and multicast" snat=- dnat=- left=no \
	    owner=client source=client destination=- \
	    points="$v_client,docker0,$v_server"
}

macvlan_start() {
	docker network create -d macvlan -o parent=eth0 \
	    --subnet 198.18.0.0/24 --gateway "$TH_OUTSIDE_IP" mac >/dev/null
	start mac1 --network mac --ip 198.18.0.51
	start mac2 --network mac --ip 198.18.0.52
	serve mac1
	truth_dump_start mac eth0 host 198.18.0.51
}
macvlan() {
	talk mac_out mac1 "$TH_OUTSIDE_IP"
	talk mac_in @outside 198.18.0.51
	talk mac_mac mac2 198.18.0.51
	truth_dump_stop mac
	dumped mac_out mac
	dumped mac_in mac
	dumped mac_mac mac
}
macvlan_judge() {
	judge mac_out "macvlan to outside" snat=- dnat=- left=yes owner=mac1 \
	    source=mac1 destination=- points=eth0
	judge mac_in "outside to macvlan" snat=- dnat=- left=yes owner=mac1 \
	    source=- destination=mac1 points=eth0
	judge mac_mac "macvlan to macvlan" snat=- dnat=- left=no owner=mac2 \
	    source=mac2 destination=mac1 points=eth0
}

namespaces_start() {
	start client
	start partner --network container:client
	start hostnet --network host
}
namespaces() {
	talk host_in @outside "$TH_HOST_IP"
	talk hostnet hostnet "$TH_OUTSIDE_IP"
	talk partner partner "$TH_OUTSIDE_IP"
}
namespaces_judge() {
	judge host_in "outside to host" snat=- dnat=- left=yes source=- \
	    destination=- points=eth0
	judge hostnet "container of the host's network" snat=- dnat=- \
	    left=yes destination=- points=eth0
	judge partner "container in another's network" snat="$TH_HOST_IP" \
	    dnat=- left=yes destination=- points="$v_client,docker0,eth0"
}

proxy_start() {
	start client
	start server -p 8000:7010 -p 8001:7011/udp
	serve server 7010 7011
	track_ipv6
}
proxy() {
	talk proxied client 172.17.0.1 8000 8001 :
	talk proxied6 @outside "$TH_HOST_IP6" 8000 8001 :
	relayed relayed server 7010 7011
}
proxy_judge() {
	judge proxied "container to docker-proxy" snat=- dnat=- left=no \
	    owner=client source=client destination=- \
	    points="$v_client,docker0"
	judge proxied6 "outside to docker-proxy" snat=- dnat=- left=yes \
	    source=- destination=- points=eth0
	judge relayed "docker-proxy to its container" snat=- dnat=- left=no \
	    owner=server source=- destination=server \
	    points="docker0,$v_server"
}

icmp-errors_start() {
	pair -p 8009:7009/udp
	ip -n "$TH_OUTSIDE" route add 198.51.100.0/24 via 198.18.0.77 \
	    mtu lock 1280
	ip -n "$TH_OUTSIDE" neigh add 198.18.0.77 lladdr 02:00:00:00:00:77 \
	    dev wan0
	on_outside sysctl -qw net.ipv4.ip_forward=1
	on_outside sysctl -qw net.ipv4.icmp_ratelimit=0
}
refuse() {
	say "$1" "$2" "traffic $3 $4 $5 2 3 ${6:-100}"
	sent "$1"
}
icmp-errors() {
	truth_dump_start errors_client "$v_client" icmp
	truth_dump_start errors_server "$v_server" icmp
	refuse refused client udp-refused "$TH_OUTSIDE_IP" 7777
	refuse refused_in @outside udp-refused "$TH_HOST_IP" 8009
	refuse too_big client udp-too-big 198.51.100.9 7777 1300
	truth_dump_stop errors_client
	truth_dump_stop errors_server
}
icmp-errors_judge() {
	judge refused "refused outside" snat="$TH_HOST_IP" dnat=- left=yes \
	    owner=client points="$v_client,docker0,eth0"
	judge refused_in "refused by a container" snat=- dnat="$ip_server" \
	    left=yes owner=server points="eth0,docker0,$v_server"
	judge too_big "too big for a router" snat="$TH_HOST_IP" dnat=- \
	    left=yes owner=client points="$v_client,docker0,eth0"
	error_flow "errors from outside" errors_client icmp "$TH_OUTSIDE_IP" \
	    "$ip_client" left=yes owner=client destination=client \
	    points="eth0,docker0,$v_client"
	error_flow "errors from a container" errors_server icmp "$ip_server" \
	    "$TH_OUTSIDE_IP" left=yes owner=server source=server \
	    points="$v_server,docker0,eth0"
}

hairpin_start() {
	local name

	pair -p 8000:7000 -p 8001:7001/udp
	for name in client server; do
		ip -n "$TH_HOST" neigh replace "$(container_ip $name)" \
		    dev docker0 nud permanent lladdr "$(docker inspect \
		    -f '{{.NetworkSettings.MacAddress}}' $name)"
		on_host "$TH_TRAFFIC" ping "$(container_ip $name)" 1 2 56 \
		    >/dev/null
	done
}
hairpin() {
	talk hairpin client "$TH_HOST_IP" 8000 8001 :
	talk itself server "$TH_HOST_IP" 8000 8001 :
}
hairpin_judge() {
	judge hairpin "hairpin to another" snat=- dnat="$ip_server" left=no \
	    owner=client source=client destination=server \
	    points="$v_client,$v_server"
	judge itself "hairpin to itself" passes=2 snat=172.17.0.1 \
	    dnat="$ip_server" left=no owner=server source=server \
	    destination=server points="$v_server"
}

# The containers live as long as their family, so that a bundle knows no more.
record_one() {
	local agents family=$1 dir=$to/$1 recorder raw=$TH_DIR/raw-$1 class

	classes=()
	rm -f "$tmp"/*.{truth,kernel,expected,want,have}
	on_host conntrack -F 2>/dev/null
	"${family}_start"
	on_host_bg "$tallyman" record -c "$agent_conf" \
	    --state-dir "$agent_dir/state" -o "$raw"
	recorder=$!
	wait_for 10 grep -q '"verb":8' "$raw/procfs.ndjson"
	"$family"
	ok "$family: all flows got their final report" collect
	"${family}_judge"
	agents=$({ agent_pids; echo "$recorder"; } | paste -sd, -)
	kill -TERM "$recorder"
	wait "$recorder"
	mkdir -p "$dir"
	/usr/bin/python3 "$top_srcdir/tests/golden/prune.py" "$raw" "$dir" \
	    "$TH_DIR" "$agents" "$(cat "$TH_DIR/containerd.pid")" \
	    "$(cat "$TH_DIR/dockerd.pid")" || fail "$family: pruned"
	for class in "${classes[@]}" errors; do
		cat "$tmp/$class.expected" 2>/dev/null
	done | sort >"$dir/truth"
	diag "$family: $(du -sb "$dir" | cut -f 1) bytes"
	docker ps -aq | xargs "$testhost" -n "$TH_NAME" docker rm -f >/dev/null
	docker network prune -f >/dev/null
	on_host iptables -F DOCKER-USER
	on_host ip6tables -F
	on_host ip6tables -t nat -F
}

# shellcheck disable=SC2034 # both are read by host.sh
host_shares=1
if [[ ${families[*]} == hairpin ]]; then
	# shellcheck disable=SC2034
	host_flags=(--userland-proxy=false)
fi
host_begin base
agent_config 'audit:
  mode: off
flows:
  period: 1s
  idle_timeout: 3s'
agent_start || { fail "the agent starts"; done_testing; }
serve @host
serve @outside
for family in "${families[@]}"; do
	record_one "$family"
done
agent_stop
done_testing
