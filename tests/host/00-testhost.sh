#!/bin/bash
# The test host itself: traffic goes where it does on a real Docker host, and
# nothing is left when it is taken away, whatever ended the test.
# shellcheck disable=SC2317 # ok and wait_for call the functions
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_need curl script

# Everything on the machine that a test host could leave behind.
machine_state() {
	echo "# namespaces"; ip netns list | sort
	echo "# links"; ip -o link | sed 's/^\([0-9]*: [^:]*\):.*/\1/'
	echo "# mounts"; awk '{ print $5, $9 }' /proc/self/mountinfo | sort
	echo "# cgroups"; find /sys/fs/cgroup -type d | sort
	echo "# processes"
	for name in dockerd containerd docker-proxy runc httpd testhost; do
		pgrep -l -r DIRST "$name"
	done | grep -v 00-testhost
	echo "# firewall"
	iptables-save 2>/dev/null | grep -v '^#' | sed 's/ \[.*//'
	ip6tables-save 2>/dev/null | grep -v '^#' | sed 's/ \[.*//'
	echo "# files"
	ls -d /tmp/tallyman-host.* /run/tallyman-testhost /run/docker \
	    /run/docker/* /run/containerd /run/containerd/s/* /etc/docker \
	    /run/netns/* 2>/dev/null
}

same_as_before() {
	machine_state >"$state/after"
	diff -u "$state/before" "$state/after"
}

host_is_gone() {
	[[ ! -e /run/tallyman-testhost/$1 ]]
}

host_take_lock
"$testhost" sweep >/dev/null 2>&1
state=$(mktemp -d "${TMPDIR:-/tmp}/tallyman-state.XXXXXX")
test_at_exit() {
	rm -rf "$state"
}
machine_state >"$state/before"

host_begin base tools

# --- what it is -------------------------------------------------------------

docker run -d --name web -p 8080:80 tallyman-test/base:1 \
    httpd -f -h /www -p 80 >/dev/null
docker run -d --name peer tallyman-test/tools:1 sleep 1000 >/dev/null
web_ip=$(container_ip web)
peer_ip=$(container_ip peer)

ok "the daemon runs in a network of its own" \
    test -n "$(ip -n "$TH_HOST" -o link show docker0)"
is "the machine itself has no docker0 from it" \
    "$(ip -o link | grep -c "$(ip -n "$TH_HOST" -o link show docker0 |
	grep -o 'link/ether [0-9a-f:]*')")" 0

got=$(docker exec peer curl -s --max-time 5 "http://$web_ip/")
is "container to container" "$got" '<html><body>It works.</body></html>'

got=$(on_outside curl -s --max-time 5 "http://$TH_HOST_IP:8080/")
is "outside to a published port" "$got" '<html><body>It works.</body></html>'

got=$(on_outside curl -s --max-time 5 "http://[$TH_HOST_IP6]:8080/")
is "outside to a published port, IPv6 (docker-proxy)" "$got" \
    '<html><body>It works.</body></html>'

on_outside_bg "$TH_TRAFFIC" tcp-server 9000 10 >"$tmp/sink"
sink=$!
wait_for 5 grep -q ready "$tmp/sink"
said=$(docker exec peer traffic tcp-client "$TH_OUTSIDE_IP" 9000 1 1000 0)
is "container to outside: the container's side" \
    "$(awk '{ print $2, $4, $5, $6, $7 }' <<<"$said")" \
    "$peer_ip $TH_OUTSIDE_IP 9000 1000 10"
wait_for 5 grep -q ^tcp "$tmp/sink"
is "container to outside: the outside sees the host's address" \
    "$(awk '/^tcp/ { print $4, $6, $7 }' "$tmp/sink")" \
    "$TH_HOST_IP 10 1000"
is "container to outside: no retransmission on an idle wire" \
    "$(awk '{ print $10 }' <<<"$said")" 0
# 1000 bytes and the headers of SYN, ACKs and FIN, with timestamps.
bytes=$(truth_conntrack | awk -v ip="$peer_ip" \
    '$1 == "tcp" && $2 == ip && $5 == 9000 { print $7 - 52 * $6 - 8 }')
is "conntrack counts bytes: payload and headers" "$bytes" 1000
kill "$sink"

got=$(docker exec peer cat /proc/sys/net/bridge/bridge-nf-call-iptables)
is "bridged packets pass netfilter, as on a Docker host" \
    "$(on_host cat /proc/sys/net/bridge/bridge-nf-call-iptables)" 1

# shellcheck disable=SC2016 # for the shell in the container
got=$(at_terminal "$testhost" -n "$TH_NAME" docker exec -it web \
    sh -c 'tty; echo in $(hostname)' | tr -d '\r')
ok "docker exec -it has a terminal" grep -q /dev/pts/ <<<"$got"
is "docker exec -it is in the container" \
    "$(sed -n 's/^in //p' <<<"$got")" \
    "$(docker inspect -f '{{.Config.Hostname}}' web)"

ok "the tools image has real OpenSSH" docker exec peer ssh -V
ok "the tools image has curl" docker exec peer curl --version
ok "the tools image has iperf3" docker exec peer iperf3 --version

second=$("$testhost" up --owner $$ 9>&-)
ok "a second test host comes up beside it" test -n "$second"
ok "the second one's daemon is another" test \
    "$("$testhost" -n "$second" docker info -f '{{.ID}}')" != \
    "$(docker info -f '{{.ID}}')"
"$testhost" -n "$second" down
ok "taking the second one away leaves the first" docker exec web true

# --- what it leaves ---------------------------------------------------------

"$testhost" -n "$TH_NAME" down
ok "down leaves nothing behind" wait_for 5 same_as_before

# A test that dies of a signal that no trap sees.
cat >"$state/dies" <<'TEST'
name=$("$1" up --owner $$ --image base)
"$1" -n "$name" docker run -d tallyman-test/base:1 sleep 1000
echo "$name" >"$2"
while :; do
	sleep 1
done
TEST
bash "$state/dies" "$testhost" "$state/name" >/dev/null 2>&1 9>&- &
victim=$!
wait_for 30 test -s "$state/name"
name=$(cat "$state/name")
ok "a host is up for a test that will die" \
    "$testhost" -n "$name" docker ps
kill -KILL "$victim"
wait "$victim" 2>/dev/null
ok "it is taken away when its test was killed" wait_for 40 host_is_gone "$name"
ok "and nothing is left" wait_for 5 same_as_before

# The same through host.sh: SIGTERM runs the traps.
cat >"$state/terminated" <<'TEST'
. "$top_srcdir/tests/support/host.sh"
host_begin base
docker run -d tallyman-test/base:1 sleep 1000 >/dev/null
echo "$TH_NAME" >"$1"
while :; do
	sleep 0.1
done
TEST
rm -f "$state/name"
TALLYMAN_HOST_LOCK=$state/lock bash "$state/terminated" "$state/name" \
    >/dev/null 2>&1 9>&- &
victim=$!
wait_for 30 test -s "$state/name"
name=$(cat "$state/name")
kill -TERM "$victim"
wait "$victim" 2>/dev/null
ok "a test ended by SIGTERM takes its host with it" host_is_gone "$name"
ok "and nothing of that one is left either" wait_for 5 same_as_before

# Owner and watcher both killed: the next run sweeps.
sleep 1000 9>&- &
owner=$!
name=$("$testhost" up --owner $owner 9>&-)
kill -KILL "$(cat "/tmp/tallyman-host.$name/watch.pid")"
kill -KILL $owner
wait $owner 2>/dev/null
is "sweep takes away the host of a dead run" "$("$testhost" sweep)" "$name"
ok "and nothing of that is left" wait_for 5 same_as_before

TH_NAME=
done_testing
