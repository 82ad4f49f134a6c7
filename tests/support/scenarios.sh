# scenarios.sh: containers whose processes are hard to attribute, on top of
# host.sh. Each runs prober (see prober.c) when it is told to; whose a probe is
# stands in its arguments: "blip WHO N", WHO being the container's name.
#
#	scenarios_start PREFIX   all containers; PREFIX goes before their names
#	scenarios_go ROUND       all of them begin, at once
#	scenarios_wait ROUND SECONDS   until all have ended
#	scenarios_host ROUND     the same kinds on the host, until they ended
#	scenarios_exec WHO CONTAINER FIRST COUNT   docker exec of one command
#	scenarios_single WHO FIRST COUNT   containers that are one command
#	scenarios_expect WHO FIRST COUNT ID        a line of truth for each
#	scenarios_marker NAME    returns when the agent stored all before it
#	scenarios_seen           what was stored: "WHO N ID" of each exec in
#	                         $tmp/have, more about them in $tmp/seen.all
#	scenarios_compare        points: for each WHO have is as the truth
#	scenarios_methods        how they were attributed, for diag
#	scenarios_dropped        what the agent says that it dropped
#	scenarios_lost           audit records lost since the agent started
#	pid_max N                until the test host goes, once
#
# Truth is in $tmp/truth, "WHO N ID" a line, ID "none" for the host.
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, TH_* come from host.sh

probes=${TALLYMAN_EXECS:-500}
scenario_names=()

pid_max() {
	cat /proc/sys/kernel/pid_max >"$TH_DIR/pid_max"
	echo "$1" >/proc/sys/kernel/pid_max
}

# The kernel goes on counting from boot.
scenarios_lost() {
	echo $(($(audit_counter lost) - audit_lost))
}

# What the agent dropped on the way of audit events, by its own ledger. A
# late record is one of an event that is delivered already.
scenarios_dropped() {
	tm status --json | jq -r '.ledger.stages[] | .name as $n |
	    select($n | test("^(audit|proc|enrich|pipeline|writer|store)")) |
	    .dropped | to_entries[] | select(.value > 0 and
		.key != "late") | "\(.value) \($n) \(.key)"'
}

scenarios_expect() {
	seq -f "$1 %.0f $4" "$2" $(($2 + $3 - 1)) >>"$tmp/truth"
}

# scenario NAME "MODES" COUNT [DOCKER-ARGUMENT...]: three rounds of the modes.
scenario() {
	local name=$1 modes=$2 count=$3 round

	shift 3
	# shellcheck disable=SC2016 # for the shell in the container
	docker run -d --name "$name" -v "$tmp/go:/go" "$@" \
	    tallyman-test/base:1 sh -c '
	    for round in 1 2 3; do
		first=$((round * 100000 + 1))
		for mode in '"$modes"'; do
			if [ $mode = loop ]; then
				while [ ! -e /go/$round ]; do sleep 0.1; done
				i=0
				while [ $i -lt '"$count"' ]; do
					/bin/short/blip '"$name"' $((first + i))
					i=$((i + 1))
				done
			elif [ $mode = move ]; then
				GO=/go/$round prober move '"$name"' $first \
				    '"$count"' /hostcg
			else
				GO=/go/$round prober $mode '"$name"' $first \
				    '"$count"'
			fi || touch /go/failed.'"$name"'
			first=$((first + '"$count"'))
		done
		touch /go/done.'"$name"'.$round
	    done
	    exec prober idle' >/dev/null || return
	# shellcheck disable=SC2086 # a word each
	set -- $modes
	for round in 1 2 3; do
		echo "$name $round $((round * 100000 + 1)) $((count * $#))"
	done >"$tmp/plan/$name"
}

scenarios_start() {
	local p=$1 n=$probes starting=()

	mkdir -p "$tmp/go" "$tmp/plan"
	while read -r line; do
		# shellcheck disable=SC2086 # arguments
		eval "scenario $line" 9>&- &
		starting+=($!)
		line=${line%% *}
		scenario_names+=("$line")
		((${#starting[@]} % 4 != 0)) || wait "${starting[@]}"
	done <<-LIST
		${p}loop loop $n
		${p}vfork vfork $n
		${p}daemon daemon $n
		${p}chain "chain fork" $n
		${p}thread "thread memfd" $n
		${p}pidhost "vfork daemon" $n --pid=host
		${p}nest nest $n --cap-add SYS_ADMIN --security-opt apparmor=unconfined
		${p}move move $n --cap-add SYS_ADMIN --cgroupns=host -v /sys/fs/cgroup:/hostcg
		${p}moved "fork vfork" $n --cap-add SYS_ADMIN --cgroupns=host -v /sys/fs/cgroup:/hostcg -e MOVE=/hostcg
		${p}bind "vfork fork" $n -v $TH_DIR/short:/bound -e PROBE=/bound/blip
	LIST
	wait "${starting[@]}"
	chmod 777 "$tmp/go"
}

scenarios_go() {
	local name who round first count

	for name in "${scenario_names[@]}"; do
		while read -r who round first count; do
			[[ $round != "$1" ]] || scenarios_expect "$who" \
			    "$first" "$count" \
			    "$(docker inspect -f '{{.Id}}' "$name")"
		done <"$tmp/plan/$name"
	done
	: >"$tmp/go/$1"
}

have_ended() {
	local name

	for name in "${scenario_names[@]}"; do
		[[ -e $tmp/go/done.$name.$1 ]] || return 1
	done
}

scenarios_wait() {
	wait_for "$2" have_ended "$1"
}

scenarios_host() {
	local first=$(($1 * 100000 + 1)) mode

	for mode in vfork daemon chain thread memfd nest; do
		PROBE=$TH_DIR/short/blip "$TH_DIR/prober" $mode host "$first" \
		    "$probes" >/dev/null 9>&- || touch "$tmp/go/failed.host"
		scenarios_expect host "$first" "$probes" none
		first=$((first + probes))
	done
}

scenarios_exec() {
	local i

	scenarios_expect "$1" "$3" "$4" "$(docker inspect -f '{{.Id}}' "$2")"
	for ((i = $3; i < $3 + $4; i++)); do
		docker exec "$2" /bin/short/blip "$1" "$i" ||
		    touch "$tmp/go/failed.$1"
	done
}

scenarios_single() {
	local i

	for ((i = $2; i < $2 + $3; i++)); do
		docker run --rm --cidfile "$tmp/cid.$1.$i" \
		    tallyman-test/base:1 /bin/short/blip "$1" "$i" ||
		    touch "$tmp/go/failed.$1"
		echo "$1 $i $(cat "$tmp/cid.$1.$i")" >>"$tmp/truth"
	done
}

marker_is_stored() {
	tm events --dataset process -n 2000 --json |
	    grep -q "\"blip\",\"marker\",\"$1\"\\|/blip\",\"marker\",\"$1\""
}

scenarios_marker() {
	"$TH_DIR/short/blip" marker "$1"
	wait_for 60 marker_is_stored "$1"
}

scenarios_seen() {
	tm events --dataset process --json | grep -F '/blip"' | jq -r '
	    select(.event.action == "exec" and
	        .event.outcome == "success" and
	        ((.process.args[0] // "") | endswith("/blip")) and
	        (.process.args | length) >= 3) |
	    [.process.args[1], .process.args[2], .container.id // "none",
	        .container.name // "none",
	        .tallyman.container.attribution.method // "none",
	        .tallyman.container.attribution.confidence // "none"] |
	    join("\t")' | grep -v '^marker' >"$tmp/seen.all"
	cut -f 1-3 "$tmp/seen.all" | tr '\t' ' ' | sort >"$tmp/have"
	sort "$tmp/truth" >"$tmp/want"
}

# Which kinds of attribution there were.
scenarios_methods() {
	awk -F '\t' '{ n[$5 " (" $6 ")"]++ }
	    END { for (k in n) printf("%s %d; ", k, n[k]) }' "$tmp/seen.all"
}

scenarios_compare() {
	local who

	while read -r who; do
		ok "$who: $(grep -c "^$who " "$tmp/want") execs, each once" same \
		    <(grep "^$who " "$tmp/want") <(grep "^$who " "$tmp/have")
	done < <(cut -d' ' -f1 "$tmp/want" "$tmp/have" | sort -u)
}
