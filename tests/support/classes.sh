# classes.sh: traffic of a class, and what the agent made of it beside what
# both ends, conntrack or a capture counted.  After host.sh:
#	. "$top_srcdir/tests/support/classes.sh"
#
#	serve CONTAINER|@host|@outside [TCP UDP]   what talk() talks to
#	talk CLASS FROM HOST [TCP UDP [ECHOES]]   TCP, UDP and echoes; lines of
#	                                 the helper go to $tmp/CLASS.truth
#	say CLASS FROM COMMAND...        the same of commands of one's own
#	relayed CLASS SERVER TCP UDP     the proxy's own to these ports of a
#	                                 container, by its server and conntrack
#	dumped CLASS CAPTURE             CLASS has its packets not in conntrack:
#	                                 of a truth_dump (IFACE, no filter)
#	sent CLASS                       as sent, one packet a message: not TCP
#	kernel_now                       adds what conntrack has now to the truth
#	collect                          waits for the final reports of all
#	judge CLASS TITLE [passes=N] NAME=VALUE...   the points; each packet
#	                                 passes each interface N times, and
#	                                 an expected value each:
#	    snat, dnat        address after NAT
#	    left              yes, no, attempted
#	    owner, source, destination   container names
#	    points            interfaces in the order of the path, "a,b"
#
# Flows of one class are told apart by their ports, those of ICMP, whose
# reports show none, by the payload sent: talk gives each id a size of its own.
# shellcheck shell=bash

tcp_flows=${TALLYMAN_FLOWS:-300}
udp_flows=${TALLYMAN_FLOWS:-200}
echo_flows=${TALLYMAN_FLOWS:-100}
tcp_big=${TALLYMAN_BIG:-5000000}
tcp_port=7000
udp_port=7001
classes=()

need jq conntrack tcpdump

container_ip6() {
	docker inspect -f '{{.NetworkSettings.GlobalIPv6Address}}' "$1"
}

# The commands of one place are one shell: its start costs more than they do.
run_at() {
	case $1 in
	@host)		on_host env PATH="$TH_DIR:$PATH" sh -ec "$2" ;;
	@outside)	on_outside env PATH="$TH_DIR:$PATH" sh -ec "$2" ;;
	*)		docker exec "$1" sh -ec "$2" ;;
	esac
}

serve() {
	local tcp=${2:-$tcp_port} udp=${3:-$udp_port} run

	case $1 in
	@*)
		run="on_${1#@}_bg"
		"$run" "$TH_TRAFFIC" tcp-server "$tcp" 5000 >"$tmp/$1.$tcp"
		"$run" "$TH_TRAFFIC" udp-server "$udp" 300 >"$tmp/$1.$udp"
		wait_for 60 grep -q ready "$tmp/$1.$tcp"
		wait_for 60 grep -q ready "$tmp/$1.$udp"
		;;
	*)
		docker exec -d "$1" sh -c "traffic udp-server $udp 300 &
		    exec traffic tcp-server $tcp 5000 >/tmp/$tcp"
		wait_for 60 is_serving "$1" "$tcp" "$udp"
		;;
	esac
}

is_serving() {
	docker exec "$1" sh -c "netstat -ltn | grep -q ':$2 ' &&
	    netstat -lun | grep -q ':$3 '"
}

say() {
	local class=$1 from=$2

	shift 2
	classes+=("$class")
	run_at "$from" "$*" >"$tmp/$class.truth" 2>"$tmp/$class.said" || {
		fail "$class: the traffic went through"
		diag "$(head -n 5 "$tmp/$class.said")"
	}
	kernel_now
}

talk() {
	say "$1" "$2" "traffic tcp-client $3 ${4:-$tcp_port} $tcp_flows 1000 311
	    traffic tcp-client $3 ${4:-$tcp_port} 1 $tcp_big 0
	    traffic udp-client $3 ${5:-$udp_port} $udp_flows 5 100
	    ${6-traffic ping $3 $echo_flows 3 56}"
}

# What a server saw, from the other end.
relayed() {
	classes+=("$1")
	{
		docker exec "$2" cat "/tmp/$3" | awk '$1 == "tcp" {
			print $1, $4, $5, $2, $3, $7, $6, $9, $8, 0
		}'
		awk -v to="$(container_ip "$2")" -v to6="$(container_ip6 "$2")" \
		    -v port="$4" '
		$1 == "udp" && ($4 == to || $4 == to6) && $5 == port {
			line[$2 OFS $3] = $0
		}
		END {
			for (k in line) {
				split(line[k], v)
				head = index(v[2], ":") ? 48 : 28
				print v[1], v[2], v[3], v[4], v[5], \
				    v[7] - head * v[6], v[13] - head * v[12], \
				    v[6], v[12], 0
			}
		}' "$tmp/kernel"
	} >"$tmp/$1.truth"
}

kernel_now() {
	truth_conntrack >>"$tmp/kernel"
}

dumped() {
	/usr/bin/python3 "$top_srcdir/tests/support/pcap_flows.py" \
	    "$tmp/$2.pcap" >"$tmp/$1.kernel"
}

sent() {
	awk -v OFS='\t' '{
		head = 8 + (index($2, ":") ? 40 : 20)
		print $1, $2, $3, $4, $5, $8, $6 + $8 * head, \
		    $4, $5, $2, $3, $9, $7 + $9 * head
	}' "$tmp/$1.truth" >"$tmp/$1.kernel"
}

# One line for each final flow: protocol, source, port (ICMP: payload sent),
# destination, port, payload 2, packets and bytes 4, NAT 2, left, owner,
# source, destination, points, packets at each point, retransmitted.
read_flows() {
	tm flows --json >"$tmp/flows" || return 1
	jq -r 'select(.tallyman.flow.final == true) |
	    (.network.transport // "?") as $t |
	    [$t, .source.ip, (.source.port // .tallyman.flow.payload.sent),
	    .destination.ip, .destination.port // 0,
	    .tallyman.flow.payload.sent, .tallyman.flow.payload.received,
	    .source.packets, .source.bytes,
	    .destination.packets, .destination.bytes,
	    .source.nat.ip // "-", .destination.nat.ip // "-",
	    .tallyman.flow.left_host // "?", .container.name // "-",
	    .tallyman.source.container.name // "-",
	    .tallyman.destination.container.name // "-",
	    ([.tallyman.flow.points[].interface] | join(",")),
	    ([.tallyman.flow.points[].packets] | unique | map(tostring) |
	    join(",")), .tallyman.flow.retransmitted.bytes // 0] |
	    map(tostring) | join("\t")' "$tmp/flows" >"$tmp/final"
}

# Lines of the helper with a key as above, one for each tuple.
truths() {
	awk -v OFS='\t' '{
		if ($1 ~ /icmp/) {
			id[$1 OFS $2 OFS $6 OFS $4 OFS 0] = $3
			$3 = $6
		}
		k = $1 OFS $2 OFS $3 OFS $4 OFS $5
		sent[k] += $6
		received[k] += $7
		retrans[k] += $10
	}
	END {
		for (k in sent)
			print k, sent[k], received[k], id[k], retrans[k]
	}' "$@"
}

# Of all that was told of a tuple the last stands.
kernel_of() {
	local from=$tmp/kernel

	[[ ! -e $tmp/$1.kernel ]] || from=$tmp/$1.kernel
	awk -F '\t' -v OFS='\t' '
	NR == FNR {
		k = $1 OFS $2 OFS $3 OFS $4 OFS $5
		kernel[k] = $6 OFS $7 OFS $12 OFS $13
		next
	}
	{
		k = $1 OFS $2 OFS ($8 != "" ? $8 : $3) OFS $4 OFS $5
		print $1, $2, $3, $4, $5, $6, $7, kernel[k]
	}' "$from" <(truths "$tmp/$1.truth") | sort
}

have_of() {
	awk -F '\t' -v OFS='\t' '
	NR == FNR {
		mine[$1 OFS $2 OFS $3 OFS $4 OFS $5] = 1
		next
	}
	$1 OFS $2 OFS $3 OFS $4 OFS $5 in mine' \
	    <(truths "$tmp/$1.truth") "$tmp/final" | sort
}

all_are_there() {
	local class

	read_flows || return 1
	for class in "${classes[@]}"; do
		(($(have_of "$class" | wc -l) >= \
		    $(truths "$tmp/$class.truth" | wc -l))) || return 1
	done
}

# Polled seldom: reading ten thousand flows takes its time.
collect() {
	local i

	kernel_now
	# Told many times over, and read for each class.
	awk -F '\t' '{ last[$1 FS $2 FS $3 FS $4 FS $5] = $0 }
	END { for (k in last) print last[k] }' "$tmp/kernel" >"$tmp/lasting"
	mv "$tmp/lasting" "$tmp/kernel"
	for ((i = 0; i < ${1:-60}; i++)); do
		all_are_there && return
		sleep 1
	done
	return 1
}

# The columns of read_flows.
declare -A judged=([snat]=12 [dnat]=13 [left]=14 [owner]=15 [source]=16
    [destination]=17 [points]=18)

# column CLASS TITLE WANT HAVE: every flow has this value.
column() {
	local odd

	odd=$(cut -f "$4" "$tmp/$1.have" | grep -vxF -e "$3" | sort | uniq -c)
	[[ -s $tmp/$1.have ]] || odd="no flow at all"
	is "$2" "$odd" ""
	[[ -z $odd ]] || diag "want: $3"
}

# expected WANT NAME=VALUE...: all that is known beforehand, "*" what is not.
expected() {
	local want=$1 pair i fields=()

	shift
	for i in {0..6}; do
		fields[i]="*"
	done
	for pair; do
		fields[${judged[${pair%%=*}]} - 12]=${pair#*=}
	done
	while IFS= read -r line; do
		printf '%s' "$line"
		printf '\t%s' "${fields[@]}"
		echo
	done <"$want"
}

judge() {
	local class=$1 title=$2 pair passes=1

	shift 2
	if [[ $1 == passes=* ]]; then
		passes=${1#*=}
		shift
	fi
	kernel_of "$class" >"$tmp/$class.want"
	expected "$tmp/$class.want" "$@" >"$tmp/$class.expected"
	have_of "$class" >"$tmp/$class.have"
	diag "$title: $(wc -l <"$tmp/$class.want") flows"
	is "$title: one final flow for each connection" \
	    "$(wc -l <"$tmp/$class.have")" "$(wc -l <"$tmp/$class.want")"
	ok "$title: tuples and payload as both ends counted" same \
	    <(cut -f 1-7 "$tmp/$class.want") <(cut -f 1-7 "$tmp/$class.have")
	ok "$title: packets and bytes as the kernel counted" same \
	    <(cut -f 1-5,8-11 "$tmp/$class.want") \
	    <(cut -f 1-5,8-11 "$tmp/$class.have")
	ok "$title: every packet was seen at every point" awk -F '\t' \
	    -v passes="$passes" '
	    $19 != passes * ($8 + $10) && bad++ < 3
	    END { exit bad > 0 || NR == 0 }' "$tmp/$class.have"
	for pair; do
		column "$class" "$title: ${pair%%=*} is ${pair#*=}" \
		    "${pair#*=}" "${judged[${pair%%=*}]}"
	done
	# Judged once: what is left over at the end belongs to nobody.
	truths "$tmp/$class.truth" | cut -f 1-5 >>"$tmp/judged"
}

# Flows of the servers' ports that no class has: copies not recognised.
judge_rest() {
	is "no flow of the test's ports beside these" \
	    "$(jq -r --argjson t "$tcp_port" '
	    select(.network.transport == "tcp" or
	    .network.transport == "udp") |
	    select([.source.port, .destination.port] |
	    any(. >= $t and . < $t + 2000)) |
	    [.network.transport, .source.ip, .source.port, .destination.ip,
	    .destination.port] | map(tostring) | join("\t")' "$tmp/flows" |
	    sort -u | grep -vxFf "$tmp/judged" | head -n 5)" ""
}

# error_flow TITLE CAPTURE PROTOCOL SOURCE DESTINATION NAME=VALUE...: what a
# host said about packets of another, a flow for each type and code. The
# capture was taken where the addresses are as the container sees them.
error_flow() {
	local title=$1 capture=$2 class=error$tap_n pair
	local key="$3	$4	$5"

	shift 5
	/usr/bin/python3 "$top_srcdir/tests/support/pcap_flows.py" \
	    "$tmp/$capture.pcap" | awk -F '\t' -v key="$key" '
	$1 FS $2 FS $4 == key && $3 + $5 != 0 && $3 < 128 { print $6, $7 }' |
	    sort >"$tmp/$class.want"
	awk -F '\t' -v key="$key" '$1 FS $2 FS $4 == key && $10 == 0' \
	    "$tmp/final" >"$tmp/$class.have"
	is "$title: one flow for each kind, with all packets and bytes" \
	    "$(cut -f 8-9 "$tmp/$class.have" | tr '\t' ' ' | sort)" \
	    "$(cat "$tmp/$class.want")"
	for pair; do
		column "$class" "$title: ${pair%%=*} is ${pair#*=}" \
		    "${pair#*=}" "${judged[${pair%%=*}]}"
	done
	awk -v OFS='\t' -v key="$key" '{
		split(key, k, OFS)
		said = $2 - 28 * $1
		print k[1], k[2], said, k[3], 0, said, 0, $1, $2, 0, 0
	}' "$tmp/$class.want" >"$tmp/$class.line"
	expected "$tmp/$class.line" "$@" >>"$tmp/errors.expected"
}

# The ring lost nothing, and every stage balances.
judge_ledger() {
	tm status --json >"$tmp/status"
	is "the ring lost nothing" "$(jq '[.. | objects |
	    select(.name? == "packet.copies") | .outside.ring_drops] | add' \
	    "$tmp/status")" 0
	is "status adds up in every stage" "$(jq -r '[.. | objects |
	    select(has("received") and has("delivered")) |
	    select(.received != .delivered + .pending +
	    ([.dropped[]?] | add // 0)) | .name] | join(" ")' \
	    "$tmp/status")" ""
}
