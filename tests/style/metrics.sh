#!/bin/sh
# The rhythm of the code: for reviewers to read, never to fail a build.
# Counts on KNF: a function's name and its braces begin a line.

folders='lib agent stream enrich rules outputs collectors'
# shellcheck disable=SC2086 # a list
sources=$(find $folders -name '*.c' | sort)
[ -n "$sources" ] || exit 0

# functions: LENGTH STATIC|extern NAME FILE, braces included.
functions() {
	# shellcheck disable=SC2086 # a list
	awk '
	FNR == 1 { name = ""; before = ""; inside = 0 }
	/^[A-Za-z_][A-Za-z0-9_]*\(/ {
		name = $0
		sub(/\(.*/, "", name)
		linkage = before ~ /^static/ ? "static" : "extern"
	}
	/^\{/ && name != "" { start = FNR; inside = 1 }
	/^\}/ && inside {
		print FNR - start + 1, linkage, name, FILENAME
		inside = 0
		name = ""
	}
	/^[A-Za-z_]/ && !/\(/ { before = $0 }
	' $sources
}

# spread: median, p90 and largest of the numbers in column 1.
spread() {
	sort -n | awk '
	{ v[NR] = $1 }
	END {
		if (NR == 0)
			exit
		printf "median %d, p90 %d, most %d", v[int((NR + 1) / 2)],
		    v[int(NR * 0.9 + 0.999)], v[NR]
	}'
}

lengths() {
	for file in "$@"; do
		wc -l <"$file"
	done
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
functions >"$list"

# shellcheck disable=SC2086 # lists
{
	headers=$(find $folders -name '*.h' | sort)
	echo "files      $(echo $sources | wc -w) .c, $(echo $headers | wc -w) .h, $(cat $sources $headers | wc -l) lines"
	echo "tests      $(find tests '(' -name '*.[ch]' -o -name '*.sh' ')' -print0 | xargs -0 cat | wc -l) lines"
	echo "file       $(lengths $sources | spread) lines"
	echo "header     $(lengths $headers | spread) lines"
	echo "function   $(spread <"$list") lines, $(wc -l <"$list") of them"
	awk '$1 > 100 { n++ } END { printf "           %d over 100 lines\n", n }' "$list"
	awk '$2 == "static" { n++ } END { printf "static     %d %% of functions\n", 100 * n / NR }' "$list"
	awk '
	$2 == "extern" && $3 != "main" {
		n = split($4, part, "/")
		stem = part[n]
		sub(/\.c$/, "", stem)
		folder = part[n - 1]
		extern++
		# The folder counts as well: audit_parts_init in audit/.
		if (index($3, stem "_") == 1 || $3 == stem || \
		    index($3, folder "_") == 1)
			own++
		else
			other = other "\n           " $3 " in " $4
	}
	END {
		if (extern > 0)
			printf "prefix     %d %% of extern functions begin with the stem of their file or folder%s\n",
			    100 * own / extern, other
	}' "$list"
	awk '
	/^[ \t]*#[ \t]*include[ \t]*"/ { seen[FILENAME]++ }
	END { for (f in seen) print seen[f] }' $sources | spread |
		sed 's/^/includes   own headers named by a .c: /'
	echo
	echo "longest functions:"
	sort -rn "$list" | head -n 10 | awk '{ printf "%9d  %s in %s\n", $1, $3, $4 }'
}
