#!/bin/bash
# Records the bundles of hard traffic anew, one for each family: needs root
# and a Docker installation. For maintainers, like record.sh:
#	top_builddir=BUILD tests/golden/record-hard.sh DIRECTORY [FAMILY...]
# In a bundle lies "truth", in the columns of known.sh: what both ends,
# conntrack or a capture of our own counted, and what is known beforehand. It
# is held here against what the running daemon said, and that against what a
# replay of the pruned bundle says.
# shellcheck disable=SC2317,SC2154 # families are called by name, v_* declared
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
to=${1:?"usage: record-hard.sh DIRECTORY [FAMILY...]"}
shift
families=("$@")
((${#families[@]} > 0)) || families=(fragments tuples reuse segments loss
    relays attempted vxlan inside)
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/classes.sh
. "$top_srcdir/tests/support/classes.sh"
# shellcheck source=tests/golden/known.sh
. "$top_srcdir/tests/golden/known.sh"

host_need iptables ip6tables tc socat
host_need_agent

base="tallyman-test/base:1"

# start NAME ARGUMENT...: its interface and address are $v_NAME and $ip_NAME.
start() {
	local name=$1

	shift
	docker run -d --name "$name" "$@" "$base" sleep 1000 >/dev/null
	declare -g "v_$name=$(truth_veth "$name")" \
	    "ip_$name=$(container_ip "$name")"
	# An address that is not yet checked for twins may not be used.
	wait_for 10 docker exec "$name" sh -c '! ip -6 addr show tentative |
	    grep -q inet6'
}

# known CLASS HOW [NAME=VALUE...]: lines of truth. HOW: counted (packets and
# bytes by conntrack or a capture), sent (as sent, one packet a message),
# payload, or each (payload, and lines with one tuple are a flow each). The
# last columns come from $tmp/CLASS.more: tuple, and these.
known() {
	local class=$1 how=$2

	shift 2
	[[ $how != sent ]] || sent "$class"
	case $how in
	each)	tr ' ' '\t' <"$tmp/$class.truth" | cut -f 1-7 ;;
	payload) truths "$tmp/$class.truth" | cut -f 1-7 ;;
	*)	kernel_of "$class" ;;
	esac | awk -F '\t' -v OFS='\t' 'NF < 11 { $8 = $9 = $10 = $11 = "*" }
	{ print }' >"$tmp/$class.want"
	expected "$tmp/$class.want" "$@" | awk -F '\t' -v OFS='\t' \
	    -v file="$tmp/$class.more" '
	BEGIN {
		while ((getline line <file) > 0) {
			split(line, c)
			more[c[1] FS c[2] FS c[3] FS c[4] FS c[5]] = \
			    c[6] OFS c[7] OFS c[8]
		}
	}
	{
		k = $1 FS $2 FS $3 FS $4 FS $5
		print k in more ? $0 OFS more[k] : $0
	}' >>"$tmp/known"
}

# The ports that the kernel gave to a class.
nat_ports() {
	awk -F '\t' -v OFS='\t' '{ print $1, $2, $3, $4, $5, $11, "-", "*" }' \
	    "$tmp/kernel" >"$tmp/$1.more"
}

# What the senders sent again.
sent_again() {
	awk -v OFS='\t' '{ print $1, $2, $3, $4, $5, "*", "-", $10 }' \
	    "$tmp/$1.truth" >"$tmp/$1.more"
}

out_flows() {
	known "$1" "$2" snat="${3:-$TH_HOST_IP}" dnat=- left=yes \
	    owner="${4:-client}" source="${4:-client}" destination=- \
	    points="${5:-$v_client,docker0,eth0}"
}

# --- fragments, IPv4 and IPv6, with what bridge-nf makes of them ------------

fragments_start() {
	start client
}
fragments() {
	say frag4 client "traffic udp-client $TH_OUTSIDE_IP 7102 2 3 4000
	    sender ping $TH_OUTSIDE_IP 7 3 3000"
	say frag6 client "traffic udp-client $TH_OUTSIDE_IP6 7102 2 3 4000
	    sender ping $TH_OUTSIDE_IP6 8 3 3000"
}
fragments_known() {
	out_flows frag4 counted
	out_flows frag6 counted "$TH_HOST_IP6"
}

# --- one tuple twice, datagrams that are all alike --------------------------

tuples_start() {
	start alpha
	start beta
	docker network create -o com.docker.network.bridge.name=br-own \
	    --subnet 172.30.0.0/24 own >/dev/null
}
twin() {
	echo "for p in 20000 20001 20002 20003; do
	    sender tcp-from $TH_OUTSIDE_IP 7100 \$p $1; done
	    sender udp-blast $TH_OUTSIDE_IP 7101 6002 20 100 4 numbered"
}
tuples() {
	local i pid

	run_at beta "$(twin 4000)" >"$tmp/twin2.truth" &
	pid=$!
	say twin1 alpha "$(twin 3000)"
	wait "$pid"
	classes+=(twin2)
	say alike4 alpha "sender udp-blast $TH_OUTSIDE_IP 7101 6001 40 64 0 same"
	say alike6 alpha "sender udp-blast $TH_OUTSIDE_IP6 7101 6001 40 64 0 same"
	for i in 1 2 3; do
		docker run --rm --name "again$i" --network own \
		    --ip 172.30.0.10 "$base" sender tcp-from "$TH_OUTSIDE_IP" \
		    7100 5555 $((i * 1000)) >"$tmp/again$i.truth"
	done
	kernel_now
}
tuples_known() {
	local i

	nat_ports twin1
	nat_ports twin2
	out_flows twin1 counted "$TH_HOST_IP" alpha "$v_alpha,docker0,eth0"
	out_flows twin2 counted "$TH_HOST_IP" beta "$v_beta,docker0,eth0"
	out_flows alike4 sent "$TH_HOST_IP" alpha "$v_alpha,docker0,eth0"
	out_flows alike6 sent "$TH_HOST_IP6" alpha "$v_alpha,docker0,eth0"
	for i in 1 2 3; do
		out_flows "again$i" each "$TH_HOST_IP" "again$i" "*"
	done
}

# --- a NAT port that the kernel takes again from TIME_WAIT ------------------

# The kernel takes a port again only for a sequence number that lies behind the
# old connection's, which one in two does. With very few ports a SYN that finds
# none is dropped, as is every one that repeats it, for two minutes.
reuse_start() {
	start client
	on_host iptables -w -t nat -I POSTROUTING -o eth0 -p tcp \
	    --dport 7100 -j MASQUERADE --to-ports 30000-30023
	on_host_bg conntrack -E -e DESTROY -p tcp -o extended \
	    --orig-port-dst 7100 >"$tmp/destroyed" 2>"$tmp/destroyed.err"
	destroyed=$!
}
reuse() {
	say reuse client "timeout 60 traffic tcp-client $TH_OUTSIDE_IP 7100 \
	    60 100 7"
	kill -TERM "$destroyed"
	wait "$destroyed"
	on_host iptables -w -t nat -D POSTROUTING 1
}
reuse_known() {
	# What went last is told last.
	{
		told <"$tmp/destroyed"
		cat "$tmp/kernel"
	} >"$tmp/reuse.kernel"
	cp "$tmp/reuse.kernel" "$tmp/kernel"
	nat_ports reuse
	out_flows reuse counted
}

# --- segments cut anew, and seconds of queue --------------------------------

segments_start() {
	start client
}
segments() {
	local clamp=(FORWARD -p tcp --tcp-flags "SYN,RST" SYN -j TCPMSS
	    --set-mss 900)

	on_host iptables -w -t mangle -A "${clamp[@]}"
	say mss client "traffic tcp-client $TH_OUTSIDE_IP 7100 2 20000 1111"
	on_host iptables -w -t mangle -D "${clamp[@]}"
	say gso client "sender udp-gso $TH_OUTSIDE_IP 7101 6007 4 12000 1200"
	on_host "$TH_SENDER" offload eth0 off
	say cut client "traffic tcp-client $TH_OUTSIDE_IP 7100 2 60000 3333"
	say cutgso client "sender udp-gso $TH_OUTSIDE_IP 7101 6004 4 12000 1200"
	on_host tc qdisc add dev eth0 root tbf rate 80kbit burst 4000 \
	    limit 800000
	say queue client "sender udp-blast $TH_OUTSIDE_IP 7101 6005 25 900 0 \
	    numbered"
	wait_for 20 queue_is_empty
	on_host tc -s qdisc show dev eth0 >"$tmp/queue.log"
	is "the queue dropped nothing" \
	    "$(grep -c 'dropped 0,' "$tmp/queue.log")" 1
	on_host tc qdisc del dev eth0 root
	on_host "$TH_SENDER" offload eth0 on
}
queue_is_empty() {
	on_host tc -s qdisc show dev eth0 | grep -q 'backlog 0b 0p'
}
segments_known() {
	out_flows mss counted
	out_flows gso sent
	out_flows cut payload
	out_flows cutgso sent
	out_flows queue sent
}

# --- lost between two points, and behind the last ---------------------------

loss_start() {
	start client
}
loss() {
	local drop=(-m statistic --mode nth)

	on_host iptables -w -I FORWARD -p tcp --dport 7104 "${drop[@]}" \
	    --every 5 --packet 3 -j DROP
	on_host iptables -w -I FORWARD -p udp --dport 7101 "${drop[@]}" \
	    --every 7 --packet 0 -j DROP
	say between client "traffic tcp-client $TH_OUTSIDE_IP 7104 2 200000 999"
	say gaps client "sender udp-blast $TH_OUTSIDE_IP 7101 6003 70 200 8 \
	    numbered"
	on_host iptables -w -D FORWARD 1
	on_host iptables -w -D FORWARD 1
	on_host "$TH_SENDER" offload eth0 off
	on_outside iptables -w -t raw -A PREROUTING -i wan0 -p tcp \
	    --dport 7104 "${drop[@]}" --every 30 --packet 20 -j DROP
	say behind client "traffic tcp-client $TH_OUTSIDE_IP 7104 2 80000 999"
	on_outside iptables -w -t raw -F PREROUTING
	on_host "$TH_SENDER" offload eth0 on
	is "something was lost at both places" \
	    "$(awk '$10 > 0 { n[FILENAME] } END { print length(n) }' \
	    "$tmp/between.truth" "$tmp/behind.truth")" 2
}
loss_known() {
	sent_again between
	sent_again behind
	out_flows between payload
	out_flows gaps sent
	out_flows behind payload
}

# --- docker-proxy and a container that relays -------------------------------

relays_start() {
	start client
	docker network create -o com.docker.network.bridge.name=br-far far \
	    >/dev/null
	docker run -d --name server -p 8080:8080 -p 8081:8081/udp "$base" sh -c \
	    'traffic echo udp 8081 & exec traffic echo tcp 8080' >/dev/null
	docker run -d --name far --network far "$base" traffic echo tcp 8080 \
	    >/dev/null
	docker create --name relay tallyman-test/tools:1 socat \
	    TCP-LISTEN:9000,fork,backlog=64 "TCP:$(container_ip far):8080" \
	    >/dev/null
	docker network connect far relay
	docker start relay >/dev/null
	v_server=$(truth_veth server)
	relay_ip=$(docker inspect -f \
	    '{{.NetworkSettings.Networks.bridge.IPAddress}}' relay)
	wait_for 15 relays_are_ready
}
relays_are_ready() {
	(($(docker logs server 2>&1 | grep -c ready) == 2)) &&
	    docker logs far 2>&1 | grep -q ready &&
	    docker exec relay sh -c 'grep -q ":2328 .* 0A " /proc/net/tcp*'
}
relays() {
	# For 2 s from the first of all connections on nothing is certain.
	run_at client "traffic token tcp $TH_HOST_IP 8080 1 100 1 0" >"$tmp/first"
	sleep 2.2
	say proxied client "traffic token tcp $TH_HOST_IP 8080 4 3000 2 0"
	say datagrams client "traffic token udp 172.17.0.1 8081 3 500 1 0"
	say relayed client "traffic token tcp $relay_ip 9000 4 3000 2 0"
}
# carried CLASS CONTAINER PORT: CLASS is what clients said. What carried it on
# becomes the class CLASS2, by what the server says of the same tokens.
carried() {
	docker logs "$2" 2>&1 | awk -v OFS=' ' -v ip="$(docker inspect -f \
	    '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$2")" \
	    -v port="$3" -v more="$tmp/${1}2.more" '
	NR == FNR {
		first[$8] = $2 " " $3
		next
	}
	NF == 8 && $8 in first {
		print $1, $4, $5, ip, port, $7, $6, 0, 0, 0
		gsub(" ", "\t")
		print $1 "\t" $4 "\t" $5 "\t" ip "\t" port "\t*\t" \
		    first[$8] "\t*" >more
	}' "$tmp/$1.truth" - >"$tmp/${1}2.truth"
	awk '{ $8 = $9 = $10 = 0; print }' "$tmp/$1.truth" >"$tmp/$1.tuples"
	cp "$tmp/$1.tuples" "$tmp/$1.truth"
}
relays_known() {
	carried proxied server 8080
	carried datagrams server 8081
	carried relayed far 8080
	known proxied counted snat=- dnat=- left=no owner=client \
	    source=client destination=- points="$v_client,docker0"
	known datagrams counted snat=- dnat=- left=no owner=client \
	    source=client destination=- points="$v_client,docker0"
	known relayed payload snat=- dnat=- left=no owner=client \
	    source=client destination=relay
	known proxied2 counted snat=- dnat=- left=no owner=server \
	    source=- destination=server points="docker0,$v_server"
	known datagrams2 counted snat=- dnat=- left=no owner=server \
	    source=- destination=server points="docker0,$v_server"
	known relayed2 payload snat=- dnat=- left=no owner=relay \
	    source=relay destination=far
}

# --- what the host kept back ------------------------------------------------

attempted_start() {
	start client
	on_host iptables -w -I FORWARD -p udp --dport 7301 -j DROP
	on_host iptables -w -I FORWARD -p udp --dport 7302 -j REJECT
	on_host ip6tables -w -I FORWARD -p udp --dport 7301 -j DROP
	on_host ip route add unreachable 203.0.113.0/24
	on_host ip route add blackhole 192.0.2.0/24
	on_host ip -6 route add unreachable 2001:db8:9::/64
}
attempted() {
	local to

	for to in "$TH_OUTSIDE_IP 7301" "$TH_OUTSIDE_IP 7302" \
	    "$TH_OUTSIDE_IP6 7301" "203.0.113.9 7101" "192.0.2.9 7101" \
	    "2001:db8:9::9 7101" "198.18.0.77 7101"; do
		echo "sender udp-blast $to 6001 20 100 0 numbered"
	done >"$tmp/blasts"
	say kept client "$(cat "$tmp/blasts")"
	say gone client \
	    "sender udp-blast $TH_OUTSIDE_IP 7101 6001 20 100 0 numbered"
	on_host ip route del unreachable 203.0.113.0/24
	on_host ip route del blackhole 192.0.2.0/24
	on_host ip -6 route del unreachable 2001:db8:9::/64
	on_host iptables -w -D FORWARD 1
	on_host iptables -w -D FORWARD 1
	on_host ip6tables -w -D FORWARD 1
}
attempted_known() {
	known kept sent left=attempted owner=client source=client \
	    destination=-
	out_flows gone sent
}

# --- VXLAN ------------------------------------------------------------------

# vxlan_device NAMESPACE UPLINK REMOTE NETWORK ADDRESS [NAMESPACE]: the device,
# and where it lives. Without IPv6, which talks by itself.
vxlan_device() {
	ip -n "$1" link add "vx$4" type vxlan id "$4" dev "$2" \
	    remote "$3" dstport 4789
	[[ -z ${6:-} ]] || ip -n "$1" link set "vx$4" netns "$6"
	nsenter --net="/run/netns/${6:-$1}" sh -c \
	    "echo 1 >/proc/sys/net/ipv6/conf/vx$4/disable_ipv6"
	ip -n "${6:-$1}" addr add "$5/24" dev "vx$4"
	ip -n "${6:-$1}" link set "vx$4" up
}
# vxlan_serve NAMESPACE, in the background. The outside has these already.
vxlan_serve() {
	local file=$tmp/serve.${1##*/}

	nsenter --net="$1" "$TH_TRAFFIC" tcp-server 7100 5000 \
	    </dev/null >"$file.tcp" 9>&- &
	nsenter --net="$1" "$TH_TRAFFIC" udp-server 7102 300 \
	    </dev/null >"$file.udp" 9>&- &
	wait_for 5 grep -q ready "$file.tcp"
	wait_for 5 grep -q ready "$file.udp"
}
vxlan_start() {
	inner_here=/run/netns/ovh-$TH_NAME
	inner_there=/run/netns/ovo-$TH_NAME
	ip netns add "${inner_here##*/}"
	ip netns add "${inner_there##*/}"
	vxlan_device "$TH_HOST" eth0 "$TH_OUTSIDE_IP" 42 10.42.0.2
	vxlan_device "$TH_OUTSIDE" wan0 "$TH_HOST_IP" 42 10.42.0.1
	vxlan_device "$TH_HOST" eth0 "$TH_OUTSIDE_IP" 43 10.42.0.2 \
	    "${inner_here##*/}"
	vxlan_device "$TH_OUTSIDE" wan0 "$TH_HOST_IP" 43 10.42.0.1 \
	    "${inner_there##*/}"
	vxlan_serve "$inner_there"
	vxlan_serve "$TH_HOST_NETNS"
	# The counters of outer flows have to be there at the end.
	on_host sh -c 'echo 600 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout'
}
# vxlan_use NAMESPACE CLASS TO
vxlan_use() {
	{
		nsenter --net="$1" "$TH_TRAFFIC" tcp-client "$3" 7100 3 9000 777
		nsenter --net="$1" "$TH_TRAFFIC" udp-client "$3" 7102 2 5 100
	} >"$tmp/$2.truth"
	classes+=("$2")
}
vxlan() {
	vxlan_use "$TH_HOST_NETNS" host42 10.42.0.1
	vxlan_use "$inner_here" host43 10.42.0.1
	vxlan_use "$TH_OUTSIDE_NETNS" out42 10.42.0.2
	kernel_now
}
vxlan_known() {
	local class

	# An outer flow is one way; what is around its payload is 28 bytes.
	awk -F '\t' '$5 == 4789 { last[$2 " " $3 " " $4] = $0 }
	END {
		for (k in last) {
			split(last[k], c)
			print c[1], c[2], c[3], c[4], c[5], c[7] - 28 * c[6], 0
		}
	}' "$tmp/kernel" >"$tmp/outer.truth"
	known outer counted snat=- dnat=- left=yes points=eth0
	known host42 counted snat=- dnat=- left=yes points=vx42,eth0
	known out42 counted snat=- dnat=- left=yes points=eth0,vx42
	known host43 payload snat=- dnat=- left=yes points=eth0
	for class in host42:42 out42:42 host43:43; do
		inner_number "${class%:*}" "${class#*:}"
	done
}
inner_number() {
	awk -F '\t' -v OFS='\t' -v id="$2" '
	FILENAME == ARGV[1] {
		mine[$1 FS $2 FS $3 FS $4 FS $5] = 1
		next
	}
	($1 FS $2 FS $3 FS $4 FS $5) in mine { $1 = $1 "/" id }
	{ print }' <(truths "$tmp/$1.truth") "$tmp/known" >"$tmp/numbered"
	mv "$tmp/numbered" "$tmp/known"
}
vxlan_end() {
	local ns

	ip -n "$TH_HOST" link del vx42
	ip -n "$TH_OUTSIDE" link del vx42
	for ns in "${inner_here##*/}" "${inner_there##*/}"; do
		ip netns pids "$ns" | xargs -r kill
		ip netns del "$ns"
	done
}

# --- what never leaves a container ------------------------------------------

inside_start() {
	docker network create names >/dev/null
}
# dump_inside NAME CONTAINER: its lo.
dump_inside() {
	nsenter --net="/proc/$(docker inspect -f '{{.State.Pid}}' "$2")/ns/net" \
	    tcpdump -i lo -n -s 128 -U --immediate-mode -w "$tmp/$1.pcap" \
	    </dev/null 2>"$tmp/$1.err" 9>&- &
	echo $! >"$tmp/$1.pid"
	wait_for 10 grep -q 'listening on' "$tmp/$1.err"
}
rings_are_open() {
	(($(jq -s '[.[] | select(.verb == 16 and .status == 0)] | length' \
	    "$raw/docker.ndjson") >= $1))
}
inside() {
	start one --network names
	start owner
	start partner --network container:owner
	serve one
	serve owner
	wait_for 10 rings_are_open 2
	dump_inside one one
	dump_inside owner owner
	say lo one "traffic tcp-client 127.0.0.1 7000 3 1000 777
	    traffic udp-client 127.0.0.1 7001 2 3 100
	    traffic tcp-client $ip_one 7000 1 500 0"
	say shared partner "traffic tcp-client 127.0.0.1 7000 3 2000 777
	    traffic tcp-client ::1 7000 1 500 0"
	is "the embedded DNS server answers" "$(docker exec one sh -c \
	    'nslookup one && nslookup owner.nowhere' | grep -c 'Address: 172')" 1
	truth_dump_stop one
	truth_dump_stop owner
}
inside_known() {
	dumped lo one
	dumped shared owner
	known lo counted snat=- dnat=- left=no owner=one source=one \
	    destination=one
	known shared counted snat=- dnat=- left=no
	# The server listens elsewhere; where a question went is translated, and
	# where its answer came from is translated back.
	/usr/bin/python3 "$top_srcdir/tests/support/pcap_flows.py" \
	    "$tmp/one.pcap" | awk -F '\t' -v OFS='\t' '
	$1 == "udp" && $4 == "127.0.0.11" { k = $2 OFS $3; p[k] += $6
	    b[k] += $7; rp[k] += $12; rb[k] += $13 }
	$1 == "udp" && $2 == "127.0.0.11" { k = $4 OFS $5; rp[k] += $6
	    rb[k] += $7; p[k] += $12; b[k] += $13 }
	END {
		for (k in p)
			print "udp", k, "127.0.0.11", 53, b[k] - 28 * p[k], \
			    rb[k] - 28 * rp[k], p[k], b[k], rp[k], rb[k]
	}' >"$tmp/dns.want"
	ok "the embedded DNS server was asked" test -s "$tmp/dns.want"
	expected "$tmp/dns.want" left=no owner=one source=one destination=one \
	    >>"$tmp/known"
}

# --- all of them ------------------------------------------------------------

# Events of conntrack as truth_conntrack has its table.
told() {
	sed 's/^ *\(\[[A-Z]*\] *\)*//' | awk -v OFS='\t' '
	{
		split("", v)
		split("", c)
		for (i = 1; i <= NF; i++)
			if (split($i, kv, "=") == 2)
				v[++c[kv[1]] "," kv[1]] = kv[2]
		print $3, v["1,src"], v["1,sport"], v["1,dst"], v["1,dport"], \
		    v["1,packets"], v["1,bytes"], v["2,src"], v["2,sport"], \
		    v["2,dst"], v["2,dport"], v["2,packets"], v["2,bytes"]
	}'
}

live() {
	tm flows --json --since "$since" >"$tmp/flows" &&
	    columns "$tmp/flows" | sort >"$tmp/live" &&
	    as_known "$tmp/known" "$tmp/live"
}

# The lines whose tuple is known.
of_known() {
	awk -F '\t' '{ k = $1 FS $2 FS $3 FS $4 FS $5 }
	FILENAME == ARGV[1] { mine[k] = 1; next }
	k in mine' "$tmp/known" "$1"
}

record_one() {
	local agents family=$1 dir=$to/$1 recorder class

	raw=$TH_DIR/raw-$family
	classes=()
	rm -f "$tmp"/*.{truth,kernel,want,more} "$tmp/known" "$tmp/kernel"
	on_host conntrack -F 2>/dev/null
	since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	"${family}_start"
	on_host_bg "$tallyman" record -c "$agent_conf" \
	    --state-dir "$agent_dir/state" -o "$raw"
	recorder=$!
	wait_for 10 grep -q '"verb":8' "$raw/procfs.ndjson"
	"$family"
	sleep 1
	kernel_now
	"${family}_known"
	wait_for 30 live
	sleep 1
	ok "$family: $(wc -l <"$tmp/known") flows, live as they are known" live
	agents=$({ agent_pids; echo "$recorder"; } | paste -sd, -)
	kill -TERM "$recorder"
	wait "$recorder"
	mkdir -p "$dir"
	/usr/bin/python3 "$top_srcdir/tests/golden/prune.py" "$raw" "$dir" \
	    "$TH_DIR" "$agents" "$(cat "$TH_DIR/containerd.pid")" \
	    "$(cat "$TH_DIR/dockerd.pid")" || fail "$family: pruned"
	sort "$tmp/known" >"$dir/truth"
	"$tallyman" replay -c "$agent_conf" "$dir" >"$tmp/again" 2>/dev/null
	columns "$tmp/again" | sort >"$tmp/replayed"
	ok "$family: a replay says what was said live" \
	    same <(of_known "$tmp/live") <(of_known "$tmp/replayed")
	diag "$family: $(du -sb "$dir" | cut -f 1) bytes"
	docker ps -aq | xargs -r "$testhost" -n "$TH_NAME" docker rm -f >/dev/null
	docker network prune -f >/dev/null
	! declare -F "${family}_end" >/dev/null || "${family}_end"
}

configure() {
	agent_config "audit:
  mode: off
capture:
  container_loopback: $1
flows:
  period: 1s
  idle_timeout: 3s"
	# shellcheck disable=SC2119 # it has no arguments here
	agent_start || { fail "the agent starts"; done_testing; }
}

# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base tools
on_host ip6tables -w -t nat -A POSTROUTING -s 2001:db8:d0c::/64 -o eth0 \
    -j MASQUERADE
on_host ip6tables -w -P FORWARD ACCEPT
# What a server sends again after its report would be nowhere: one is silent.
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 5000 >"$tmp/server"
on_outside_bg "$TH_SENDER" udp-sink 7101 >"$tmp/sink"
on_outside_bg "$TH_TRAFFIC" udp-server 7102 3300 >"$tmp/udp"
on_outside_bg "$TH_TRAFFIC" tcp-server 7104 0 >"$tmp/silent"
for file in server sink udp silent; do
	wait_for 5 grep -q ready "$tmp/$file"
done
configured=
for family in "${families[@]}"; do
	loopback=off
	[[ $family != inside ]] || loopback=on
	if [[ $configured != "$loopback" ]]; then
		[[ -z $configured ]] || agent_stop
		configure $loopback
		configured=$loopback
	fi
	record_one "$family"
done
agent_stop
done_testing
