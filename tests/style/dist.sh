#!/bin/sh
# Every file of ours is in a local.mk, and so in the tarball.
. "$top_srcdir/tests/support/tap.sh"

tmpdir
make -s -C "$top_builddir" dist-list 2>/dev/null | tr ' ' '\n' |
	sed -E "s|^$top_srcdir/||; s|^(\.\.?/)*||" | grep . | sort -u >"$tmp/listed"
grep -q '^lib/local.mk$' "$tmp/listed" ||
	skip_all "the makefile does not say what it distributes"

# listed FILE: itself or a folder above it.
listed() {
	path=$1
	while :; do
		grep -qxF "$path" "$tmp/listed" && return 0
		case $path in
		*/*) path=${path%/*} ;;
		*) return 1 ;;
		esac
	done
}

cd "$top_srcdir" || exit 99
find lib agent stream enrich rules outputs collectors packaging tests \
	'(' -name '*.[ch1-9]' -o -name '*.def' -o -name '*.yml' -o \
	-name '*.yaml' -o -name '*.rules' -o -name '*.sh' -o -name '*.py' -o \
	-name '*.in' -o -name '*.pcap' -o -name '*.txt' ')' -type f | sort |
	while read -r file; do
		listed "$file" || echo "$file"
	done >"$tmp/unlisted"
is "every file is in a local.mk" "$(cat "$tmp/unlisted")" ""
done_testing
