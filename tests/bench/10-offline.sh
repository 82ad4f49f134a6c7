#!/bin/bash
# Packets a second of "tallyman replay" on a capture of a million packets,
# beside other readers of the same packets. All take turns; p50 of the rounds.
. "$(dirname "$0")/bench.sh"

packets=${BENCH_PACKETS:-1000000}
rounds=${BENCH_ROUNDS:-5}
need cc tcpdump
[[ -x $tallyman ]] || skip_all "$tallyman is not built"
tmpdir

cc -O2 -o "$tmp/mkpcap" "$top_srcdir/tests/bench/mkpcap.c" &&
    "$tmp/mkpcap" sll2 "$packets" >"$tmp/sll2.pcap" 2>/dev/null &&
    "$tmp/mkpcap" ether "$packets" >"$tmp/ether.pcap" 2>/dev/null ||
    skip_all "the capture could not be made"
# No rules, no Docker: what is measured is the way of a packet to its flow,
# and the flow's to its document.
printf 'rules:\n  paths: []\n' >"$tmp/none.yaml"

printf 'offline: %d packets, three copies of each, %d MB, p50 of %d\n' \
    "$packets" $(($(stat -c %s "$tmp/sll2.pcap") / 1000000)) "$rounds"

measured=()
# measure NAME COMMAND...: once; the first failure says why at the end.
measure() {
	local name=$1 took

	shift
	command -v "$1" >/dev/null || return 0
	[[ " ${measured[*]} " == *" $name "* ]] || measured+=("$name")
	if took=$(seconds "$@"); then
		awk -v p="$packets" -v t="$took" \
		    'BEGIN { if (t > 0) print p / t }' >>"$tmp/$name"
	elif [[ ! -e $tmp/$name.failed ]]; then
		tail -n 1 "$tmp/output" >"$tmp/$name.failed"
	fi
}
replay() {
	measure "$1" "$tallyman" replay -c "$tmp/none.yaml" --pcap "$2" \
	    -o /dev/null
}
for ((i = 0; i < rounds; i++)); do
	measure tcpdump,cooked tcpdump -r "$tmp/sll2.pcap" -w /dev/null
	measure tcpdump,Ethernet tcpdump -r "$tmp/ether.pcap" -w /dev/null
	replay tallyman,cooked "$tmp/sll2.pcap"
	measure softflowd,Ethernet softflowd -p "$tmp/softflowd.pid" \
	    -c "$tmp/softflowd.ctl" -r "$tmp/ether.pcap"
	replay tallyman,Ethernet "$tmp/ether.pcap"
	measure ndpiReader,Ethernet ndpiReader -q -i "$tmp/ether.pcap"
done

base=$(median <"$tmp/tallyman,Ethernet")
for name in "${measured[@]}"; do
	if [[ -s $tmp/$name ]]; then
		row "$name" "$(median <"$tmp/$name")" packets/s "$base"
	else
		printf '  %-32s failed: %s\n' "$name" \
		    "$(cat "$tmp/$name.failed")"
	fi
done
for name in softflowd ndpiReader; do
	command -v $name >/dev/null ||
	    printf '  %-32s left out: not installed\n' "$name"
done
