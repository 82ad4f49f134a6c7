#!/bin/sh
# The configuration that the program prints is one that it accepts, comments
# taken off as well; and the manual page names every key of it. (The entries of
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

page=$top_builddir/agent/tallyman.yaml.5
awk '
/^[a-z_]+:/ { section = $1; sub(/:.*/, "", section) }
/^  [a-z_]+:/ { key = $1; sub(/:.*/, "", key); print section, key }
' "$tmp/all.yaml" | sort >"$tmp/keys"
awk '
/^\.Ss [a-z_]+$/ { section = $2 }
/^\.Sh OUTPUTS/ { exit }
section != "outputs" && /^\.It Cm / { print section, $3 }
' "$page" 2>/dev/null | sort >"$tmp/documented"
is "the manual page has the same keys" \
	"$(diff "$tmp/keys" "$tmp/documented")" ""
done_testing
