#!/bin/bash
# Packets a second of "tallyman replay" on a capture of a million packets,
# beside other readers of the same packets.
. "$(dirname "$0")/bench.sh"

packets=${BENCH_PACKETS:-1000000}
need cc tcpdump
[[ -x $tallyman ]] || skip_all "$tallyman is not built"
tmpdir

cc -O2 -o "$tmp/mkpcap" "$top_srcdir/tests/bench/mkpcap.c" &&
    "$tmp/mkpcap" sll2 "$packets" >"$tmp/sll2.pcap" 2>/dev/null &&
    "$tmp/mkpcap" ether "$packets" >"$tmp/ether.pcap" 2>/dev/null ||
    skip_all "the capture could not be made"
# No rules, no Docker: what is measured is the way of a packet to its flow.
printf 'rules:\n  paths: []\n' >"$tmp/none.yaml"

printf 'offline: %d packets, three copies of each, %d MB\n' "$packets" \
    $(($(stat -c %s "$tmp/sll2.pcap") / 1000000))

# rate COMMAND...: packets a second of the best round, nothing on failure.
rate() {
	local i

	for ((i = 0; i < rounds; i++)); do
		seconds "$@" || return 1
		echo
	done | best low | awk -v p="$packets" '$1 > 0 { print p / $1 }'
}
base=
measure() {
	local name=$1 got

	shift
	if ! command -v "$1" >/dev/null; then
		printf '  %-32s left out: not installed\n' "$name"
		return
	fi
	got=$(rate "$@")
	if [[ -z $got ]]; then
		printf '  %-32s failed: %s\n' "$name" "$(tail -n 1 "$tmp/output")"
		return
	fi
	: "${base:=$got}"
	row "$name" "$got" packets/s "$base"
}
measure "tcpdump -w /dev/null, cooked" tcpdump -r "$tmp/sll2.pcap" -w /dev/null
measure "tcpdump -w /dev/null, Ethernet" \
    tcpdump -r "$tmp/ether.pcap" -w /dev/null
measure "tallyman replay, cooked" "$tallyman" replay -c "$tmp/none.yaml" \
    --pcap "$tmp/sll2.pcap" -o /dev/null
measure "tallyman replay, Ethernet" "$tallyman" replay -c "$tmp/none.yaml" \
    --pcap "$tmp/ether.pcap" -o /dev/null
measure "softflowd, Ethernet" softflowd -p "$tmp/softflowd.pid" \
    -c "$tmp/softflowd.ctl" -r "$tmp/ether.pcap"
measure "ndpiReader, Ethernet" ndpiReader -q -i "$tmp/ether.pcap"
