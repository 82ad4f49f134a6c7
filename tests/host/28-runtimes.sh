#!/bin/bash
# Containers that Docker did not start, or not as usual: containerd's own,
# podman's, steps of docker build with and without buildkit, a name that a new container
# takes over, names and labels that are meant to deceive. Each exec event has
# its container, once.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"

host_need jq ctr
host_need_agent
host_need_audit

host_begin base
mkdir "$tmp/go"
image=docker.io/tallyman-test/base:1
in_containerd() {
	ctr -a "$TH_DIR/containerd.sock" -n "$TH_NAME" "$@"
}
# Its containers are below /run/containerd/runc, whoever's containerd it is.
containerd_end() {
	local box

	for box in older.box newer_box-1; do
		in_containerd task rm -f "$box"
		in_containerd container rm "$box"
	done >/dev/null 2>&1
	rmdir "/run/containerd/runc/$TH_NAME" "/run/containerd/runc" \
	    "/sys/fs/cgroup/"*"/$TH_NAME" 2>/dev/null
}
# Where it is not allowed to raise limits, limits that are lower.
pod() {
	local run=("${PODMAN:-podman}" --root "$TH_DIR/pod/root" \
	    --runroot "$TH_DIR/pod/run" --tmpdir "$TH_DIR/pod/tmp" \
	    --cgroup-manager cgroupfs --runtime runc)

	if [[ $1 == run ]]; then
		shift
		set -- run --network none --ulimit nofile=1024:1024 \
		    --ulimit nproc=1024:1024 "$@"
	fi
	"${run[@]}" "$@"
}
test_before_down() {
	containerd_end
	if command -v "${PODMAN:-podman}"; then
		pod rm -fa -t 0
		rmdir /sys/fs/cgroup/*/libpod_parent/conmon \
		    /sys/fs/cgroup/*/libpod_parent
	fi
} >/dev/null 2>&1
docker save tallyman-test/base:1 | in_containerd image import - >/dev/null
in_containerd run -d --env GO=/go/1 \
    --mount "type=bind,src=$tmp/go,dst=/go,options=rbind:rw" "$image" \
    older.box /bin/sh -c 'prober vfork older 1 300; prober daemon older 301 100
    touch /go/done.older; exec prober idle'
scenarios_expect older 1 400 older.box

if command -v "${PODMAN:-podman}" >/dev/null; then
	mkdir "$TH_DIR/rootfs"
	docker export "$(docker create tallyman-test/base:1)" |
	    tar -xC "$TH_DIR/rootfs"
	older_pod=$(pod run -d --name older --rootfs "$TH_DIR/rootfs" \
	    prober idle)
fi

agent_config ""
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi

# --- containerd without Docker --------------------------------------------------

: >"$tmp/go/1"
for i in 1 2 3 4 5; do
	in_containerd run --rm "$image" "ctr-$i" /bin/short/blip ctr "$i"
	scenarios_expect ctr "$i" 1 "ctr-$i"
done
in_containerd run -d "$image" newer_box-1 /bin/prober idle
in_containerd task exec --exec-id a newer_box-1 \
    /bin/prober vfork newer 1 300 >/dev/null
scenarios_expect newer 1 300 newer_box-1
for i in 401 402 403; do
	in_containerd task exec --exec-id "e$i" older.box \
	    /bin/short/blip older "$i"
	scenarios_expect older "$i" 1 older.box
done

# --- podman -----------------------------------------------------------------------

if [[ -n ${older_pod:-} ]]; then
	for i in 1 2 3 4 5; do
		scenarios_expect pod "$i" 1 "$(pod run -d --rootfs \
		    "$TH_DIR/rootfs" /bin/short/blip pod "$i")"
	done
	newer_pod=$(pod run -d --name newer --rootfs "$TH_DIR/rootfs" \
	    prober idle)
	pod exec older prober vfork older-pod 1 200 >/dev/null
	scenarios_expect older-pod 1 200 "$older_pod"
	pod exec newer prober vfork newer-pod 1 200 >/dev/null
	scenarios_expect newer-pod 1 200 "$newer_pod"
else
	diag "no containers of podman: it is not there, or does not run here"
fi

# --- docker build -----------------------------------------------------------------

mkdir "$tmp/context"
cat >"$tmp/context/Dockerfile" <<-'DOCKERFILE'
	FROM tallyman-test/base:1
	ARG who
	RUN /bin/short/blip $who 1
	RUN cat /proc/self/cgroup && prober vfork $who 2 200
DOCKERFILE
DOCKER_BUILDKIT=0 docker build --no-cache --build-arg who=build \
    "$tmp/context" >"$tmp/build" 2>&1
is "docker build" $? 0
mapfile -t steps < <(sed -n 's/.*Running in \([0-9a-f]\{12\}\)$/\1/p' \
    "$tmp/build")
scenarios_expect build 1 1 "${steps[1]}"
scenarios_expect build 2 200 "${steps[2]}"

if DOCKER_BUILDKIT=1 docker build --no-cache --progress plain \
    --build-arg who=kit "$tmp/context" >"$tmp/kit" 2>&1; then
	pass "docker build with buildkit"
	kit=$(sed -n 's,.*:/.*/\([a-z0-9]\{25\}\)$,\1,p' "$tmp/kit" | sort -u)
	scenarios_expect kit 2 200 "$kit"
else
	skip "docker build with buildkit" "$(tail -n 1 "$tmp/kit")"
fi

# --- names ------------------------------------------------------------------------

for i in 1 2 3 4; do
	docker run --rm --name reused --cidfile "$tmp/reused.$i" \
	    tallyman-test/base:1 /bin/short/blip reused "$i"
	scenarios_expect reused "$i" 1 "$(cat "$tmp/reused.$i")"
done
docker run -d --name victim tallyman-test/base:1 prober idle >"$tmp/victim"
victim=$(cat "$tmp/victim")
escape=$(printf '\033]0;x\007"\n\\ \377{"container":{"id":"none"}}')
# Its name is the other's id, its labels look like facts.
docker run -d --name "$victim" --label "org.example=$escape" \
    --label "io.kubernetes.pod.name=$escape" \
    --label com.docker.compose.service=victim -h "${victim:0:12}" \
    -e "CONTAINER_ID=$victim" -w "/docker/$victim" tallyman-test/base:1 \
    prober idle >"$tmp/hostile"
hostile=$(cat "$tmp/hostile")
docker exec -w "/docker/$victim" "$hostile" \
    prober vfork hostile 1 200 >/dev/null
scenarios_expect hostile 1 200 "$hostile"
docker exec "$hostile" /bin/short/blip hostile 201 "$victim" "$escape"
scenarios_expect hostile 201 1 "$hostile"
docker exec victim prober vfork victim 1 200 >/dev/null
scenarios_expect victim 1 200 "$victim"

older_done() {
	[[ -e $tmp/go/done.older ]]
}
ok "the older container's probes ended" wait_for 30 older_done
ok "the agent came to the end" scenarios_marker end
is "the kernel lost nothing" "$(scenarios_lost)" 0
is "the agent dropped nothing" "$(scenarios_dropped)" ""
agent_stop
is "SIGTERM ends the agent with status" $? 0
host_release

scenarios_seen
# docker build says the beginning of an id, the first step of buildkit none.
sed -i -E '/^build /s/([0-9a-f]{12})[0-9a-f]*$/\1/; /^kit 1 /d' "$tmp/have"
scenarios_compare
is "the name goes with the id" "$(awk -F '\t' -v v="$victim" '
    $1 == "reused" && $4 != "reused" || $1 == "victim" && $4 != "victim" ||
    $1 == "hostile" && $4 != v' "$tmp/seen.all" | head -n 3)" ""
is "each says how it is known" "$(awk -F '\t' '$5 == "none" || $6 == "none"' \
    "$tmp/seen.all" | wc -l)" 0
diag "methods: $(scenarios_methods)"
done_testing
