#!/bin/sh
# All shell scripts of the tree under shellcheck.
. "$top_srcdir/tests/support/tap.sh"

need shellcheck
cd "$top_srcdir" || exit 99

scripts() {
	find . -path ./.git -prune -o -path ./build -prune -o \
	    -path ./autom4te.cache -prune -o -path "./tallyman-*" -prune -o \
	    -type f -size -256k -print | while read -r file; do
		# Not ours: what autoreconf and configure put here.
		case $file in
		./configure | ./config.status) continue ;;
		./build-aux/*) [ "$file" = ./build-aux/deps.sh ] || continue ;;
		esac
		head -n 1 "$file" | tr -d '\000' |
			grep -Eq '^#!.*[/ ](ba|da)?sh( |$)' && echo "$file"
	done | sort
}

for script in $(scripts) ./tests/support/tap.sh; do
	# SC2154: variables of the makefile; SC3043: every sh here has local.
	ok "${script#./}" shellcheck -S warning -e SC2154,SC3043 "$script"
done
done_testing
