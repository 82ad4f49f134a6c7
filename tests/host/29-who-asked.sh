#!/bin/bash
# Who asked Docker: the person, session, terminal, process and command line of
# each docker exec, cp, run, commit, export and raw request, at what Docker
# did and at what ran in the container. Ten ask at once, too.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/scenarios.sh
. "$top_srcdir/tests/support/scenarios.sh"

host_need jq curl script
host_need_agent
host_need_audit
[[ -w /proc/self/loginuid ]] || skip_all "no loginuid here"
sh -c 'echo 1 >/proc/self/loginuid' 2>/dev/null ||
    skip_all "loginuid cannot be set"

host_begin base
agent_config ""
docker run -d --name box tallyman-test/base:1 prober idle >/dev/null
docker run -d --name other tallyman-test/base:1 prober idle >/dev/null
if ! agent_start; then
	fail "the agent starts and says READY=1"
	done_testing
fi

# by UID TAG COMMAND...: as if this user had logged in. A line of truth: TAG
# PID UID SESSION TERMINAL.
cat >"$TH_DIR/by" <<'BY'
#!/bin/sh
uid=$1 tag=$2
shift 2
echo "$uid" >/proc/self/loginuid || exit 1
tty=$(tty) && tty=/dev/pts${tty#/dev/pts/} || tty=/dev/-
read -r session </proc/self/sessionid
echo "$tag $$ $uid $session ${tty#/dev/}" >>"$TRUTH"
exec "$@"
BY
chmod +x "$TH_DIR/by"
export TRUTH=$tmp/truth
by() {
	"$TH_DIR/by" "$@" </dev/null 9>&-
}
by_at_terminal() {
	at_terminal "$TH_DIR/by" "$@"
}
docker=("$TH_DOCKER" -H "unix://$TH_SOCKET")

# --- one after the other ------------------------------------------------------

by_at_terminal 1 exec-tty "${docker[@]}" exec -it box \
    /bin/short/blip exec-tty 1 >/dev/null
by 2 exec "${docker[@]}" exec box /bin/short/blip exec 1
by 1 run "${docker[@]}" run --name ran tallyman-test/base:1 \
    /bin/short/blip run 1
echo text >"$TH_DIR/file"
by 2 cp-in "${docker[@]}" cp "$TH_DIR/file" box:/tmp/file
by 1 cp-out "${docker[@]}" cp box:/tmp/file "$TH_DIR/copy"
by 2 commit "${docker[@]}" commit box committed >/dev/null
by 1 export "${docker[@]}" export -o "$TH_DIR/box.tar" other
by 2 kill "${docker[@]}" kill -s WINCH box >/dev/null
by 1 rename "${docker[@]}" rename ran was-ran
by 2 rm "${docker[@]}" rm was-ran >/dev/null

# Raw: create and start are two requests of two processes. What runs in the
# container is due to who created it, with the command in it.
api=http://docker/v1.40
by 3 raw curl -s -X POST -H 'Content-Type: application/json' \
    --unix-socket "$TH_SOCKET" -d '{"Cmd": ["/bin/short/blip", "raw", "1"]}' \
    $api/containers/box/exec >"$tmp/exec.json"
by 3 raw-start curl -s -X POST -H 'Content-Type: application/json' \
    --unix-socket "$TH_SOCKET" -d '{"Detach": false}' \
    "$api/exec/$(jq -r .Id "$tmp/exec.json")/start"
by 3 raw-copy curl -s --unix-socket "$TH_SOCKET" -o "$TH_DIR/raw.tar" \
    "$api/containers/other/archive?path=/etc/passwd"

# --- all at once --------------------------------------------------------------

for i in 1 2 3 4 5 6 7 8 9 10; do
	by $((i % 4 + 1)) "many-$i" "${docker[@]}" exec box \
	    /bin/short/blip "many-$i" 1 &
	many[i]=$!
done
wait "${many[@]}"

ok "the agent came to the end" scenarios_marker end
agent_stop
is "SIGTERM ends the agent with status" $? 0
host_release

name_of() {
	getent passwd "$1" | cut -d: -f1
}
tm events --json | jq -r 'select(.tallyman.entry != null) |
    (if .event.action == "exec" and .process.args[0] == "/bin/short/blip" then
	.process.args[1]
    elif .tallyman.docker.action == "exec_start" then
	"docker:exec_start:" + .tallyman.docker.exec_id
    elif .event.dataset == "tallyman.docker" then
	"docker:" + .tallyman.docker.action + ":" + (.container.name // "")
    else empty end) as $what | .tallyman.entry |
    [$what, .by.pid, .by.auid, .by.ses, .by.tty // "-", .by.user // "-",
	.confidence, .by.command_line] | map(tostring) | join("\t")' >"$tmp/seen"

# said NAME WHAT TAG WORDS: WHAT was asked by the process of TAG, whose
# command line has WORDS.
said() {
	local tag pid uid session tty

	read -r tag pid uid session tty < <(grep "^$3 " "$tmp/truth")
	[[ -n $tag ]] || { fail "$1"; return; }
	awk -F '\t' -v w="$2" '$1 == w' "$tmp/seen" | sort -u >"$tmp/line"
	is "$1" "$(cut -f 1-6 "$tmp/line" | sort -u)" "$(printf \
	    '%s\t%s\t%s\t%s\t%s\t%s' "$2" "$pid" "$uid" "$session" "$tty" \
	    "$(name_of "$uid")")"
	ok "$1: its command line" grep -qF -- "$4" "$tmp/line"
	diag "$1: confidence $(cut -f 7 "$tmp/line" | sort -u | paste -sd' ')"
}
said "docker exec at a terminal" exec-tty exec-tty "exec -it box"
said "docker exec" exec exec "exec box /bin/short/blip exec 1"
said "docker run" run run "run --name ran"
said "docker run: its start" docker:start:ran run "run --name ran"
said "docker cp in" docker:extract-to-dir:box cp-in "cp $TH_DIR/file box:"
said "docker cp out" docker:archive-path:box cp-out "cp box:/tmp/file"
said "docker commit" docker:commit:box commit "commit box committed"
said "docker export" docker:export:other export "export -o"
said "docker kill" docker:kill:box kill "kill -s WINCH box"
said "docker rename" docker:rename:was-ran rename "rename ran was-ran"
said "docker rm" docker:destroy:was-ran rm "rm was-ran"
said "a raw exec" raw raw "/containers/box/exec"
said "a raw exec: its start" "docker:exec_start:$(jq -r .Id "$tmp/exec.json")" \
    raw-start "/start"
said "a raw copy" docker:archive-path:other raw-copy "archive?path=/etc/passwd"
for i in 1 2 3 4 5 6 7 8 9 10; do
	said "docker exec, $i of ten at once" "many-$i" "many-$i" \
	    "exec box /bin/short/blip many-$i"
done
is "all of it is said with high confidence" \
    "$(awk -F '\t' '$7 != "high"' "$tmp/seen" | cut -f 1,7 | head -n 5)" ""
is "nothing is said with confidence that is wrong" \
    "$(while IFS=$'\t' read -r what pid _ _ _ _ confidence _; do
	[[ $confidence != high || $what == docker:* ]] ||
	    grep -q "^$what $pid " "$tmp/truth" || echo "$what $pid"
    done <"$tmp/seen")" ""
done_testing
