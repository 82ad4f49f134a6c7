#!/bin/bash
# What is not seen or comes late is said, and nothing is doubled by it: an
# agent that starts in the middle of running connections, conntrack events
# that overran, a ring that was too small.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/hard.sh
. "$top_srcdir/tests/support/hard.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq conntrack
host_need_agent

running=40
many=20000

# shellcheck disable=SC2034 # for host.sh
host_shares=1
host_begin base
config='audit:
  mode: off
flows:
  period: 1s
  idle_timeout: 3s'
agent_config "$config"

in_alpha() {
	docker exec alpha "$@"
}
# Commands of a container that a line on a pipe ends: talk NAME COMMAND...
talk() {
	local name=$1

	shift
	mkfifo "$tmp/$name.in"
	"$testhost" -n "$TH_NAME" docker exec -i alpha "$@" \
	    <>"$tmp/$name.in" >"$tmp/$name.out" 9>&- &
}
tell() {
	echo >"$tmp/$1.in"
}
said() {
	wait_for 60 grep -qx "$2" "$tmp/$1.out"
}
all_stop() {
	# shellcheck disable=SC2046 # one word a pid
	kill -STOP $(agent_pids)
}
all_go_on() {
	# shellcheck disable=SC2046
	kill -CONT $(agent_pids)
}

docker run -d --name alpha tallyman-test/base:1 sleep 1000 >/dev/null
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 5000 >"$tmp/server"
on_outside_bg "$TH_SENDER" udp-sink 7101 >"$tmp/sink"
for f in server sink; do
	wait_for 60 grep -q ready "$tmp/$f"
done
out=$TH_OUTSIDE_IP

# --- start in the middle ----------------------------------------------------
talk hold sender tcp-hold "$out" 7100 $running 5000 20000
hold=$!
talk run sender tcp-run "$out" 7100 $running 1000
run=$!
said hold held
said run running
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"
tell run
ok "the running connections were marked" said run marked
tell hold
tell run
wait $hold $run
# What the first half sent is not to be seen any more.
awk '$1 == "tcp" { $6 -= 5000; print }' "$tmp/hold.out" >"$tmp/hold.truth"
awk '$1 == "tcp"' "$tmp/run.out" >"$tmp/run.truth"
settle 120
judge hold $running "connections that rested at the start" payload left=yes
is "running connections: $running flows" "$(finals run | wc -l)" $running
# At least what they sent after READY=1, at most all.
awk 'NR == FNR { if ($1 == "mark") mark[$3] = $4
	else if ($1 == "tcp") all[$3] = $6; next }
$6 < all[$3] - mark[$3] || $6 > all[$3] || $7 != 5000' \
    "$tmp/run.out" <(finals run) >"$tmp/wrong"
ok "running connections: all that was sent since" same /dev/null "$tmp/wrong"
is "both: from the container, through the host's address" "$(jq -r --arg ip \
    "$TH_HOST_IP" 'select(.tallyman.flow.final and
    .destination.port == 7100 and .source.nat.ip != $ip) | .source.port' \
    "$tmp/flows")" ""
nothing_else 7100 7101
no_loss

# --- more connections than the events that find room ------------------------
all_stop
in_alpha sender flood udp "$out" 7101 $many 512 >/dev/null
in_alpha traffic tcp-client "$out" 7100 100 1000 10 >"$tmp/tcp.truth"
remember
all_go_on
in_alpha traffic tcp-client "$out" 7100 100 3000 10 >>"$tmp/tcp.truth"
remember
flooded() {
	collect && (($(grep -c '^udp .* 7101 ' "$tmp/final") >= many))
}
ok "as many flows as were made" wait_for 120 flooded
settle 120
alpha_ip=$(container_ip alpha)
is "each of them once, with its one datagram" "$(awk -v ip="$alpha_ip" '
    $1 == "udp" && $2 == ip && $4 == "'"$out"'" && $5 == 7101 &&
    $6 == 10 && $8 == 1 && $9 == 38 && !seen[$3]++' "$tmp/final" | wc -l)" \
    $many
is "and no flow beside them" "$(grep -c '^udp .* 710[12] ' "$tmp/final")" $many
judge tcp 200 "connections of that time" payload conntrack left=yes
no_loss
overruns=$(ledger conntrack.messages overruns)
diag "conntrack overran $overruns times"
ok "conntrack did overrun" test "$overruns" -gt 0
agent_stop
is "SIGTERM ends the agent with status" $? 0

# --- a ring that is too small -----------------------------------------------
rm -rf "$agent_dir/state"
agent_config "$config
capture:
  ring_bytes: 1MiB"
if ! agent_start; then
	fail "an agent with a small ring starts"
	done_testing
fi
talk during sender tcp-run "$out" 7100 10 1000
during=$!
said during running
all_seen() {
	(($(tm flows --json --port 7100 | jq -r .source.port | sort -u |
	    wc -l) == 10))
}
wait_for 60 all_seen
all_stop
in_alpha sender udp-blast "$out" 7101 6001 20000 500 0 numbered >/dev/null
in_alpha sender udp-blast 169.254.169.254 80 6002 1 10 0 numbered >/dev/null
all_go_on
in_alpha sender udp-blast 169.254.169.254 80 6003 1 10 0 numbered >/dev/null
tell during
said during marked
tell during
wait $during
awk '$1 == "tcp"' "$tmp/during.out" >"$tmp/loss.truth"
rm -f "$tmp"/{hold,run,tcp}.truth
settle 120
# The time of a loss is that of its report, a tick later.
drops_stay() {
	local before=$drops

	tm status --json >"$tmp/status"
	drops=$(ledger packet.copies ring_drops)
	[[ $drops -gt 0 && $drops == "$before" ]]
}
drops=0
wait_for 60 drops_stay
in_alpha sleep 1
in_alpha traffic tcp-client "$out" 7100 10 1000 0 >"$tmp/after.truth"
settle 120
adds_up
drops=$(ledger packet.copies ring_drops)
diag "the ring lost $drops packets"
ok "the ring lost packets" test "$drops" -gt 0
is "flows of that time say so" "$(finals loss |
    awk -v n="$drops" '$16 < 1 || $16 > n || NF != 16')" ""
is "and there are such" "$(finals loss | wc -l)" 10
is "flows that came after do not" "$(finals after |
    awk '$16 != 0')" ""
judge after 10 "after it" payload
tm alerts --json >"$tmp/alerts"
is "an alert of that time says so" "$(jq -rs '[.[] |
    select(.rule.id == "TM-NET-001") | .tallyman.gaps |
    .["packet.copies.ring_drops"] // 0] | length > 0 and min > 0' \
    "$tmp/alerts")" true
agent_stop
is "SIGTERM ends the agent with status" $? 0
done_testing
