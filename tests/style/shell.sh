#!/bin/sh
# All shell scripts of the tree under shellcheck.
. "$top_srcdir/tests/support/tap.sh"

need shellcheck
cd "$top_srcdir" || exit 99

scripts() {
	find .ci build-aux/deps.sh lib agent stream enrich rules outputs \
	    collectors packaging tests -type f -size -256k | sort |
		while read -r file; do
			head -n 1 "$file" | tr -d '\000' |
				grep -Eq '^#!.*[/ ](ba|da)?sh( |$)' &&
				echo "$file"
		done
}

for script in $(scripts) tests/support/tap.sh; do
	# SC2154: variables of the makefile; SC3043: every sh here has local.
	ok "$script" shellcheck -S warning -e SC2154,SC3043 "$script"
done
done_testing
