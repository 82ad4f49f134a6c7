#!/bin/sh
# The configuration that the program prints is one that it accepts, comments
# taken off as well. (tests/unit/agent/keys.sh holds the manual page to it.) (The entries of
# outputs are lists: tests/unit/outputs looks after them.)
. "$top_srcdir/tests/support/tap.sh"

tallyman=$top_builddir/tallyman
"$tallyman" check --help >/dev/null 2>&1 ||
	skip_all "this tallyman has no check command yet"
tmpdir
mkdir "$tmp/rules"

# The rules of an installed agent are not there yet.
check() {
	TALLYMAN_RULES_PATHS="$tmp/rules" "$tallyman" check -c "$1"
}

"$tallyman" check --default >"$tmp/default.yaml"
ok "the default configuration is accepted" check "$tmp/default.yaml"

sed -E 's/^  #([a-z_]+:)/  \1/' "$tmp/default.yaml" >"$tmp/all.yaml"
n=$(grep -Ec '^  [a-z_]+:' "$tmp/all.yaml")
ok "it has keys" test "$n" -gt 10
ok "all its defaults, written out, are accepted" check "$tmp/all.yaml"

sed -E '0,/^  [a-z_]+:/s/^  ([a-z_]+):/  \1x:/' "$tmp/all.yaml" \
	>"$tmp/unknown.yaml"
ok "one letter more in a key is not" \
	sh -c '! "$1" check -c "$2" >"$3" 2>&1' sh \
	"$tallyman" "$tmp/unknown.yaml" "$tmp/out"
ok "the error names file, line and column" \
	grep -Eq "unknown.yaml:[0-9]+:[0-9]+: " "$tmp/out"
done_testing
