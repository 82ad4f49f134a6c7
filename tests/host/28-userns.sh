#!/bin/bash
# A dockerd with --userns-remap: root of a container is another user of the
# host. Its programs, those that docker exec runs and its connections are the
# container's, and the user is the host's number, never root.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"
# shellcheck disable=SC2317 # ok and wait_for call the functions

host_need jq
host_need_agent
host_need_audit
[[ -f /etc/subuid && -f /etc/subgid ]] ||
	skip_all "no /etc/subuid and /etc/subgid to put others over"

n=${TALLYMAN_EXECS:-300}
root=231072

# shellcheck disable=SC2034 # both are for host.sh
host_flags=(--userns-remap=daemon)
# shellcheck disable=SC2034
host_subids="daemon:$root:65536"
host_begin base
image="tallyman-test/base:1"
docker run -d --name older "$image" prober idle >/dev/null
agent_config 'flows:
  period: 1s
  idle_timeout: 3s'
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
on_outside_bg "$TH_TRAFFIC" tcp-server 7100 500 >"$tmp/server"
wait_for 5 grep -q ready "$tmp/server"

# The kernel's word for who a container's first process is.
uid_of() {
	awk '$1 == "Uid:" { print $2 }' "/proc/$(docker inspect -f \
	    '{{.State.Pid}}' "$1")/status"
}
docker run -d --name newer "$image" prober idle >/dev/null
docker run -d --name www --user 33 "$image" sh -c \
    "prober vfork www 1 $n; exec prober idle" >/dev/null
docker run -d --name host --userns=host "$image" sh -c \
    "prober vfork host 1 20; exec prober idle" >/dev/null
is "the kernel says that root is another, and so is www-data" \
    "$(uid_of newer) $(uid_of www) $(uid_of host)" "$root $((root + 33)) 0"
# expect WHO FIRST COUNT UID: probes of a container of that name.
expect() {
	scenarios_expect "$1" "$2" "$3" "$(docker inspect -f '{{.Id}}' "$1")"
	seq -f "$1 %.0f $4" "$2" $(($2 + $3 - 1)) >>"$tmp/uids"
}
expect www 1 "$n" $((root + 33))
expect host 1 20 0
port=20000
for c in older newer www host; do
	port=$((port + 1))
	docker exec "$c" sender tcp-from "$TH_OUTSIDE_IP" 7100 $port 100 \
	    >/dev/null
	echo "$port $c" >>"$tmp/ports"
	docker exec --user 0 "$c" prober vfork $c 100001 20 >/dev/null
	docker exec --user 33 "$c" prober vfork $c 200001 20 >/dev/null
	of=$root
	[[ $c != host ]] || of=0
	expect $c 100001 20 $of
	expect $c 200001 20 $((of + 33))
done
for c in older newer; do
	docker exec "$c" prober vfork $c 1 "$n" >/dev/null
	expect $c 1 "$n" $root
done
for ((i = 1; i <= 5; i++)); do
	id=$(docker run -d "$image" /bin/short/blip single $i)
	docker wait "$id" >/dev/null
	scenarios_expect single $i 1 "$id"
	echo "single $i $root" >>"$tmp/uids"
done

collect() {
	tm flows --json | jq -r 'select(.network.transport == "tcp" and
	    .destination.port == 7100) | [.source.port,
	    .container.name // "none"] | map(tostring) | join(" ")' |
	    sort -u >"$tmp/flows"
}
all_flows() {
	collect && (($(wc -l <"$tmp/flows") >= 4))
}
wait_for 20 all_flows
ok "each connection has its container" same "$tmp/ports" "$tmp/flows"
ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
host_release

scenarios_seen
scenarios_compare
tm events --dataset process --json | grep -F '/blip"' | jq -r '
    select(.event.action == "exec" and
	((.process.args[0] // "") | endswith("/blip")) and
	(.process.args | length) >= 3 and .process.args[1] != "marker") |
    [.process.args[1], .process.args[2], .user.id, .user.name // "none"] |
    join(" ")' >"$tmp/users"
ok "the user of each is the one that the host knows" same \
    <(sort "$tmp/uids") <(cut -d ' ' -f 1-3 "$tmp/users" | sort)
is "none but the host's own root is called root" \
    "$(awk '($3 == 0) != ($4 == "root")' "$tmp/users" | head -n 3)" ""
diag "methods: $(scenarios_methods)"
done_testing
