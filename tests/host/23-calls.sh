#!/bin/bash
# What processes do that live for less than a millisecond: connect, sendto,
# open, rename, unlink, setuid, ptrace and mount; the ways around, 32-bit calls
# and io_uring; and records of a login that nobody did. Each has its container,
# once; whose it is stands in its address, path or arguments, see prober.c.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"

host_need jq
host_need_agent
host_need_audit

n=${TALLYMAN_CALLS:-150}
most="connect sendto open rename unlink setuid ptrace forge"
[[ $(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null) == [12] ]] ||
    most="$most ring-connect"
[[ $(uname -m) != x86_64 ]] || most="$most old-open old-setuid"

host_begin base
mkdir -p "$TH_DIR/watched/m" "$tmp/go"
chmod 777 "$tmp/go"
agent_config "audit:
  watch: [$TH_DIR/watched]
  rules: ['-a always,exit -F arch=b64 -S sendto -F saddr_fam=2']"

# calls NUMBER NAME CALLS [DOCKER-ARGUMENT...]
calls() {
	local who=$1 name=$2 calls=$3 call id

	shift 3
	id=$(docker run -d --name "$name" -v "$tmp/go:/go" -e GO=/go/now \
	    -e CALLS="$calls" -v "$TH_DIR/watched:/w" "$@" \
	    tallyman-test/base:1 sh -c "prober calls $who 1 $n /w || \
	    touch /go/failed.$name; touch /go/done.$name; exec prober idle")
	for call in $calls; do
		seq -f "$call $who %.0f $id" 1 "$n"
	done >>"$tmp/truth"
}

calls 11 older "$most"
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
calls 12 newer "$most"
calls 13 admin "$most mount" --cap-add SYS_ADMIN \
    --security-opt apparmor=unconfined
calls 14 pidhost "$most" --pid=host
for call in $most; do
	seq -f "$call 15 %.0f none" 1 "$n"
done >>"$tmp/truth"

pid_max 2000
"$TH_DIR/prober" burn 9>&- &
: >"$tmp/go/now"
CALLS=$most "$TH_DIR/prober" calls 15 1 "$n" "$TH_DIR/watched" >/dev/null 9>&-
is "the host's calls were all made" $? 0
scenario_done() {
	[[ -e $tmp/go/done.older && -e $tmp/go/done.newer &&
	    -e $tmp/go/done.admin && -e $tmp/go/done.pidhost ]]
}
ok "all calls were made" wait_for 60 scenario_done
ok "none failed" test -z "$(cd "$tmp/go" && find . -name 'failed.*')"
ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
host_release

tm events --json | jq -r 'select(.event.provider == "audit") |
    def owner: [.container.id // "none",
	.tallyman.container.attribution.method // "none",
	.tallyman.container.attribution.confidence // "none"];
    def line(k; w; n): [k, (w | tostring), (n | tostring)] + owner | join(" ");
    def address(k): .destination.ip | split(".") | map(tonumber) |
	[k, .[1], .[2] * 256 + .[3]];
    def name: .file.path // "" |
	capture("/(?<w>[0-9]+)[.](?<n>[0-9]+)[.]?(?<s>[a-z]*)$");
    def hex: explode | reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87
	else $c - 48 end));
    (if .event.action == "connect" and .destination.port == 9 then
	(if .tallyman.audit.records | index("URINGOP") then "ring-connect"
	else "connect" end) as $a | address($a)
    elif .event.action == "sendto" and .destination.port == 9 then
	address("sendto")
    elif .event.action == "open-write" then name |
	[{"": "open", old: "old-open", ring: "ring-open"}[.s], .w, .n]
    elif .event.action == "rename" or .event.action == "unlink" or
	.event.action == "mount" then .event.action as $a | name | [$a, .w, .n]
    elif .event.action == "setuid" then
	(if .tallyman.audit.syscall == "setuid32" then "old-setuid"
	else "setuid" end) as $a | (.user.target.id | tonumber) |
	[$a, (. / 1000000 | floor), . % 1000000]
    elif .event.action == "user-login" then .message // "" |
	capture("hostname=(?<w>[0-9]+)[.](?<n>[0-9]+) ") | ["forge", .w, .n]
    elif .event.action == "ptrace" then .tallyman.audit.arguments |
	["ptrace", (.[3] | hex), (.[2] | hex)]
    else empty end) as $it | line($it[0]; $it[1]; $it[2])' \
    2>"$tmp/jq.err" | awk '$2 >= 11 && $2 <= 15' >"$tmp/seen"
is "each event could be read" "$(head -n 3 "$tmp/jq.err")" ""
cut -d' ' -f1-4 "$tmp/seen" | sort >"$tmp/have"
sort "$tmp/truth" >"$tmp/want"
while read -r call; do
	ok "$call: $(grep -c "^$call " "$tmp/want") calls, each once" same \
	    <(grep "^$call " "$tmp/want") <(grep "^$call " "$tmp/have")
done < <(cut -d' ' -f1 "$tmp/want" | sort -u)
is "each says how it is known" \
    "$(awk '$5 == "none" || $6 == "none"' "$tmp/seen" | wc -l)" 0
is "no forged record is believed" "$(tm events --json | jq -r 'select(
    .event.action == "user-login" and .event.outcome != "unknown") |
    .event.id' | head -n 3)" ""
diag "methods: $(awk '{ n[$5 " (" $6 ")"]++ }
    END { for (k in n) printf("%s %d; ", k, n[k]) }' "$tmp/seen")"
done_testing
