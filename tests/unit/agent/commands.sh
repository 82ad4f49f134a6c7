#!/bin/sh
# What every subcommand says and exits with: help, wrong usage, no daemon, no
# store, a broken configuration, rule or bundle. Exit statuses are those of
# tallyman(8).
. "$top_srcdir/tests/support/tap.sh"

tallyman=${TALLYMAN:-$top_builddir/tallyman}
[ -x "$tallyman" ] || skip_all "$tallyman is not built"
need tar xz
tmpdir
# Nothing of an agent that is installed or runs here.
: >"$tmp/empty.yaml"
TALLYMAN_RULES_PATHS=$top_srcdir/rules/sigma
TALLYMAN_AGENT_CONTROL=$tmp/none/control.sock
TALLYMAN_STORE_PATH=$tmp/none/tallyman.db
export TALLYMAN_RULES_PATHS TALLYMAN_AGENT_CONTROL TALLYMAN_STORE_PATH

# run STATUS NAME ARGUMENT...: checks the exit status; $out and $err have
# what it printed.
run() {
	want=$1
	name=$2
	shift 2
	"$tallyman" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	is "$name: exit $want" $? "$want"
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}

# says NAME TEXT PATTERN: one line of the text matches the whole pattern.
says() {
	if printf '%s\n' "$2" | grep -qxE -e "$3"; then
		pass "$1"
	else
		fail "$1"
		diag "got:  $2"
		diag "want: $3"
	fi
}

commands="run check doctor status events alerts flows containers tree
    explain record replay rules output"

run 0 "--help" --help
for c in $commands; do
	says "--help names $c" "$out" "  $c +[^ ].*"
done
is "--help says nothing on standard error" "$err" ""
run 0 "--version" --version
says "--version is one line" "$out" "tallyman [0-9]+[.][0-9].*"
run 64 "no command"
says "no command: usage on standard error" "$err" "usage: tallyman .*"
run 64 "an unknown command" frobnicate
says "an unknown command: said" "$err" \
    'tallyman: unknown command "frobnicate": see tallyman --help'
run 64 "-c without a file" -c
says "-c without a file: said" "$err" "tallyman: .*'c'"

for c in $commands; do
	run 0 "$c --help" "$c" --help
	says "$c --help: a usage line" "$out" "usage: tallyman $c .*"
	says "$c --help: names --state-dir" "$out" " *--state-dir DIR .*"
	is "$c --help: nothing on standard error" "$err" ""
	run 64 "$c with an unknown option" "$c" --frobnicate
	says "$c with an unknown option: says who and where to read" "$err" \
	    ".*tallyman $c --help.*"
	is "$c with an unknown option: no output" "$out" ""
done
for c in run check doctor status events alerts flows "containers a" "tree a" \
    "explain a"; do
	# shellcheck disable=SC2086 # the argument is a word of its own
	run 64 "$c with an argument too many" $c frobnicate
	says "$c with an argument too many: named" "$err" ".*frobnicate.*"
done

# --- no daemon, no store ----------------------------------------------------

run 3 "status without a daemon" status
says "status without a daemon: where it asked and what to do" "$err" \
    "tallyman: not running: .*$tmp/none/control.sock.*tallyman run.*"
for c in events alerts flows containers "explain x" "tree x"; do
	# shellcheck disable=SC2086 # the argument is a word of its own
	run 3 "$c without a store" $c
	c=${c% *}
	says "$c without a store: where it looked and what to do" "$err" \
	    "tallyman $c: there is no store at $tmp/none/tallyman.db.*run.*"
done
run 3 "output dead without a store" output dead
mkdir "$tmp/store"
: >"$tmp/store/tallyman.db"
# An empty file is a database to SQLite.
TALLYMAN_STORE_PATH=$tmp/store/tallyman.db run 3 "events of an empty file" events
says "events of an empty file: no store" "$err" ".*there is no store at .*"
echo "this is no database, and long enough to be looked at by SQLite as if it
were one: a header is a hundred bytes" >"$tmp/store/tallyman.db"
TALLYMAN_STORE_PATH=$tmp/store/tallyman.db run 1 "events of what is no store" events
says "events of what is no store: what becomes of it" "$err" \
    "tallyman events: $tmp/store/tallyman.db is damaged: .*restarted"
TALLYMAN_STORE_PATH=$tmp/store run 1 "events of a directory" events
says "events of a directory: said" "$err" ".*$tmp/store cannot be read: Is a .*"
run 64 "alerts --since with no time" alerts --since nonsense
says "alerts --since with no time: what was expected" "$err" \
    "tallyman alerts: expected a time .*"
run 64 "flows --left-host with another answer" flows --left-host perhaps
says "flows --left-host with another answer: what was expected" "$err" \
    "tallyman flows: expected yes, no or attempted, not perhaps; .*"
run 64 "explain of nothing" explain
run 64 "tree of nothing" tree
run 64 "events --dataset misspelt" events --dataset flwo
says "events --dataset misspelt: the nearest" "$err" ".*did you mean flow.*"

# --- texts of others --------------------------------------------------------

# clean NAME: nothing in $tmp/out that a terminal would obey.
clean() {
	if LC_ALL=C grep -q '[[:cntrl:]]' "$tmp/out"; then
		fail "$1"
		diag "$(cat -v "$tmp/out")"
	else
		pass "$1"
	fi
}

printf 'audit:\n  mode: off\ndocker:\n  socket: "%s/\\e[2Jx"\n' "$tmp" \
    >"$tmp/escape.yaml"
"$tallyman" doctor -c "$tmp/escape.yaml" >"$tmp/out" 2>&1
ok "doctor: a hostile name is shown" grep -qF '\x1b[2Jx' "$tmp/out"
clean "doctor: and not obeyed"
if command -v python3 >/dev/null; then
	python3 - "$tmp/control.sock" <<-'PY' >"$tmp/served" &
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen()
		s.settimeout(20)
		print("ready", flush=True)
		for i in range(2):
		    c = s.accept()[0]
		    c.recv(100)
		    c.sendall(b'{"version":"1","parts":[{"name":"audit",'
		        b'"state":"missing","why":"\\u001b[2Jx \\u009b1m y"}],'
		        b'"promiscuous_withheld":[{"interface":"br\\u001b[1m",'
		        b'"why":"a hairpin port"}],"odd":"\x7f"}\n')
		    c.close()
	PY
	server=$!
	for _ in $(seq 100); do
		grep -q ready "$tmp/served" && break
		sleep 0.2
	done
	TALLYMAN_AGENT_CONTROL=$tmp/control.sock run 0 "status of a fake" status
	says "status: a hostile name is shown" "$out" \
	    ' +audit +missing +\\x1b\[2Jx \\u[{]009b[}]1m y'
	says "status: interfaces that are not promiscuous" "$out" \
	    '  br\\x1b\[1m is not promiscuous: a hairpin port'
	clean "status: and not obeyed"
	TALLYMAN_AGENT_CONTROL=$tmp/control.sock run 0 "status --json of it" \
	    status --json
	says "status --json: as the daemon says it" "$out" '.*u001b.*'
	wait $server
else
	skip "status: a hostile name" "python3 is not installed"
fi

# --- an engine without a user -----------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
	printf 'agent:\n  user: tallyman-absent\naudit:\n  mode: off\n' \
	    >"$tmp/user.yaml"
	run 1 "run without its user" run -c "$tmp/user.yaml" \
	    --state-dir "$tmp/user"
	says "run without its user: what to do" "$err" \
	    ".*agent.user tallyman-absent: there is no such user: .*useradd .*"
	ok "run without its user: nothing was made" test ! -e "$tmp/user"
fi

# --- standard output that does not take it ----------------------------------

if [ -c /dev/full ]; then
	for c in "check --default" "rules list" "explain --mdoc" "tree --help"; do
		# shellcheck disable=SC2086 # words of their own
		"$tallyman" $c >/dev/full 2>"$tmp/err"
		is "$c to a full disk: exit 1" $? 1
		says "$c to a full disk: said" "$(cat "$tmp/err")" \
		    "tallyman ${c% *}: standard output: [Nn]o.*"
	done
fi

# --- check ------------------------------------------------------------------

run 0 "check of an empty file" check -c "$tmp/empty.yaml"
says "check of an empty file: counts" "$out" ".*: good, [1-9][0-9]* rules, 0 outputs"
run 0 "check --default" check --default
cp "$tmp/out" "$tmp/default.yaml"
run 0 "check of what --default printed" check -c "$tmp/default.yaml"
sed 's/^  #\([a-z_]*:\)/  \1/' "$tmp/default.yaml" >"$tmp/filled.yaml"
run 0 "check of it with every key set" check -c "$tmp/filled.yaml"

cat >"$tmp/bad.yaml" <<'YAML'
store:
  max_agee: 3h
capture:
  snaplen: 12
YAML
run 1 "check of a wrong key and a wrong value" check -c "$tmp/bad.yaml"
says "check: a wrong key with its place and the nearest" "$err" \
    "$tmp/bad.yaml:2:3: unknown key .*did you mean store.max_age.*"
says "check: a wrong value with its place and what was expected" "$err" \
    "$tmp/bad.yaml:4:12: capture.snaplen: expected .*"
printf 'store: [\n' >"$tmp/noyaml.yaml"
run 1 "check of what is not YAML" check -c "$tmp/noyaml.yaml"
says "check of what is not YAML: place" "$err" "$tmp/noyaml.yaml:2:1: .*"
printf 'outputs:\n  - type: fil\n    path: x\n' >"$tmp/output.yaml"
run 1 "check of an unknown output" check -c "$tmp/output.yaml"
says "check of an unknown output: place and the nearest" "$err" \
    "$tmp/output.yaml:2:[0-9]+: .*did you mean \"file\".*"
run 1 "check of a file that is not there" check -c "$tmp/absent.yaml"
says "check of a file that is not there: named" "$err" \
    "$tmp/absent.yaml: .*No such file or directory"
cat >"$tmp/exclude.yaml" <<'YAML'
capture:
  exclude: ["port 53", "vlan 5", "prot 53"]
YAML
run 1 "check of exclusions that cannot be" check -c "$tmp/exclude.yaml"
says "check: an exclusion that the kernel cannot do" "$err" \
    "capture.exclude: vlan 5: .*VLAN.*"
says "check: an exclusion that is none" "$err" \
    "capture.exclude: prot 53: .+"
is "check: good exclusions are not named" \
    "$(printf '%s\n' "$err" | wc -l | tr -d ' ')" 2
for c in run status alerts record; do
	set -- "$c" -c "$tmp/bad.yaml"
	[ "$c" != record ] || set -- "$@" -o "$tmp/never"
	run 1 "$c with a broken configuration" "$@"
	says "$c with a broken configuration: place" "$err" \
	    "$tmp/bad.yaml:2:3: .*"
done

cat >"$tmp/bad.yml" <<'YAML'
title: x
logsource:
  category: process_creation
detection:
  a:
    Imagee: x
  condition: a and
YAML
printf 'rules:\n  paths: [%s]\n' "$tmp/bad.yml" >"$tmp/badrule.yaml"
(
	unset TALLYMAN_RULES_PATHS
	"$tallyman" check -c "$tmp/badrule.yaml" >/dev/null 2>"$tmp/err"
	echo $? >"$tmp/rc"
)
is "check of a broken rule: exit 1" "$(cat "$tmp/rc")" 1
says "check of a broken rule: place" "$(cat "$tmp/err")" \
    "$tmp/bad.yml:6:5: .*"
run 1 "rules check of a broken rule" rules check "$tmp/bad.yml"
says "rules check: place and the nearest field" "$err" \
    "$tmp/bad.yml:6:5: .*did you mean Image.*"
says "rules check: the second error too" "$err" "$tmp/bad.yml:7:19: .*"
run 0 "rules list" rules list
says "rules list: a rule of ours" "$out" ".*TM-CTR-001.*"
run 64 "rules with an unknown verb" rules frobnicate

# What it finds is this machine's affair.
for source in auto ring pcap; do
	TALLYMAN_CAPTURE_SOURCE=$source "$tallyman" doctor \
	    -c "$tmp/empty.yaml" >"$tmp/out" 2>/dev/null
	says "doctor: what capture.source $source takes" "$(cat "$tmp/out")" \
	    "[a-zA-Z]+ +packets +capture.source $source: .+"
done

# --- outputs ----------------------------------------------------------------

run 64 "output without a verb" output
run 0 "output test without outputs" output test
says "output test without outputs: said" "$err" ".*no outputs are configured.*"
run 1 "output test of an unknown name" output test nobody
says "output test of an unknown name: said" "$err" '.*"nobody".*'
printf 'outputs:\n  - type: file\n    name: good\n    path: %s\n' \
    "$tmp/alerts.ndjson" >"$tmp/good.yaml"
run 0 "output test of a file" output test good -c "$tmp/good.yaml"
is "output test of a file: one document there" \
    "$(wc -l <"$tmp/alerts.ndjson" | tr -d ' ')" 1
printf 'outputs:\n  - type: file\n    name: bad\n    path: %s\n' \
    "$tmp/absent/x" >"$tmp/unwritable.yaml"
run 1 "output test of a file that cannot be made" output test bad \
    -c "$tmp/unwritable.yaml"

# --- record and replay ------------------------------------------------------

run 64 "record without -o" record
run 64 "record --seconds with no number" record -o "$tmp/never" --seconds x
run 64 "replay without a bundle" replay
run 64 "replay of two bundles" replay "$tmp" "$tmp"
run 1 "replay of a bundle that is not there" replay "$tmp/absent"
says "replay of a bundle that is not there: named" "$err" \
    "$tmp/absent/.*: No such file or directory"

tar -C "$tmp" -xJf "$top_srcdir/tests/golden/bundles/outside-to-published.tar.xz"
bundle=$tmp/outside-to-published
fresh_bundle() {
	rm -rf "$tmp/bundle"
	cp -r "$bundle" "$tmp/bundle" && chmod -R u+w "$tmp/bundle"
}
fresh_bundle
run 1 "replay -o to a directory that is not there" replay "$tmp/bundle" \
    -o "$tmp/absent/out"
says "replay -o: named" "$err" "tallyman: $tmp/absent/out: No such .*"
if [ -c /dev/full ]; then
	run 1 "replay -o to a full disk" replay "$tmp/bundle" -o /dev/full
	says "replay -o to a full disk: said" "$err" \
	    "tallyman: /dev/full: No space left on device"
fi
run 0 "replay -o" replay "$tmp/bundle" -o "$tmp/replayed"
is "replay -o: nothing on standard output" "$out" ""
ok "replay -o: documents in the file" grep -q '^{"@timestamp"' "$tmp/replayed"

sed '2s/.*/garbage/' "$bundle/link.ndjson" >"$tmp/bundle/link.ndjson"
run 1 "replay of a broken line" replay "$tmp/bundle"
says "replay of a broken line: file and line" "$err" \
    "$tmp/bundle/link.ndjson:2: .*"
fresh_bundle
sed '3s/.*/frob nicate/' "$bundle/order.txt" >"$tmp/bundle/order.txt"
run 1 "replay of a broken order" replay "$tmp/bundle"
says "replay of a broken order: file and line" "$err" \
    "$tmp/bundle/order.txt:3: .*"
fresh_bundle
head -c 5000 "$bundle/packet.pcap" >"$tmp/bundle/packet.pcap"
run 1 "replay of a cut capture" replay "$tmp/bundle"
says "replay of a cut capture: named" "$err" "$tmp/bundle/packet.pcap: .*"
fresh_bundle
echo hello >"$tmp/bundle/packet.pcap"
run 1 "replay of no capture" replay "$tmp/bundle"
says "replay of no capture: named" "$err" "$tmp/bundle/packet.pcap: .*"
fresh_bundle
sed '$d' "$bundle/docker.ndjson" >"$tmp/bundle/docker.ndjson"
run 1 "replay of a bundle that lacks an input" replay "$tmp/bundle"
says "replay of a bundle that lacks an input: place" "$err" \
    "$tmp/bundle/order.txt:[0-9]+: docker.ndjson has fewer inputs than this"
done_testing
