#!/bin/sh
# Functions that have a better replacement in lib or in libc. Tests may use
# what they like of them, but none that writes without a bound.
. "$top_srcdir/tests/support/tap.sh"

cd "$top_srcdir" || exit 99

banned='strcpy|strcat|stpcpy|strncpy|strncat|sprintf|vsprintf|gets|strtok'
banned="$banned|atoi|atol|atoll|atof|alloca|tmpnam|tempnam|mktemp|rand|srand"
banned="$banned|localtime|gmtime|ctime|asctime|system|popen|inet_ntoa|strdupa"

# uses FILE...: FILE:LINE: NAME, comments and strings left out.
uses() {
	awk -v banned="(^|[^A-Za-z0-9_.>])($banned)[ \t]*\\\\(" '
	{
		gsub(/"([^"\\]|\\.)*"/, "\"\"")
		gsub(/\/\*([^*]|\*[^\/])*\*\//, "")
		if (comment && sub(/^.*\*\//, ""))
			comment = 0
		if (comment)
			next
		if (sub(/\/\*.*$/, ""))
			comment = 1
		if (match($0, banned)) {
			name = substr($0, RSTART, RLENGTH)
			gsub(/[^A-Za-z0-9_]/, "", name)
			print FILENAME ":" FNR ": " name
		}
	}' "$@"
}

tmpdir
cat >"$tmp/bad.c" <<'END'
/* strcpy(a, b) in a comment */
	puts("sprintf(x)");
	/*
	 * atoi(
	 */
	strcpy(a, b);
	snprintf(a, 1, "x"); gmtime_r(a, b); p->rand(1);
	n = (atoi (s));
END
is "the checker sees calls and no comments" "$(cd "$tmp" && uses bad.c)" \
	"bad.c:6: strcpy
bad.c:8: atoi"

# shellcheck disable=SC2046 # no file name of ours has a space
is "no banned function is called" \
	"$(uses $(find lib agent stream enrich rules outputs collectors \
	    -name '*.[ch]' | sort))" ""
banned='strcpy|strcat|stpcpy|sprintf|vsprintf|gets'
# shellcheck disable=SC2046
is "no test writes without a bound" \
	"$(uses $(find tests -name '*.[ch]' | sort))" ""
done_testing
