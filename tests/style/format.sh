#!/bin/sh
# The parts of OpenBSD KNF that a line shows.
. "$top_srcdir/tests/support/tap.sh"

cd "$top_srcdir" || exit 99

breaks() {
	awk '
	function complain(text) {
		print FILENAME ":" FNR ": " text
	}
	# Columns with tabs of 8; a line that awk sees as bytes may look
	# longer than it is, so only ASCII lines are measured.
	function width(line,    i, n, c) {
		n = 0
		for (i = 1; i <= length(line); i++) {
			c = substr(line, i, 1)
			if (c == "\t")
				n += 8 - n % 8
			else
				n++
		}
		return n
	}
	FNR == 1 { previous = "" }
	/[ \t]$/ { complain("blank at the end of the line") }
	/^        / { complain("indented with spaces") }
	width($0) > 88 && $0 !~ /[^\t -~]/ { complain("over 88 columns") }
	{ code = $0; gsub(/"([^"\\]|\\.)*"/, "\"\"", code) }
	code ~ /^[ \t]*\/\// { complain("// comment") }
	code ~ /(^|[^A-Za-z0-9_])(if|for|while|switch)\(/ && \
	    code !~ /^[ \t]*(\*|#|\/\*)/ {
		complain("no space after the keyword")
	}
	code ~ /^typedef[ \t]+(struct|union|enum)[^(]*$/ {
		complain("typedef of a struct")
	}
	# A function: its name begins the line, its brace has its own line.
	code ~ /^[A-Za-z_][A-Za-z0-9_ \t*]*\(.*\)[ \t]*\{/ && \
	    code !~ /^(struct|enum|union|typedef|static const|const|extern)/ {
		complain("brace of a function on the same line")
	}
	code == "{" && previous ~ /^[A-Za-z_].*[ *][A-Za-z0-9_]+\(/ {
		complain("return type on the line of the name (above)")
	}
	{ previous = code }
	' "$@"
}

tmpdir
printf 'static int\ngood(int a)\n{\n\tif (a)\n\t\treturn 1;\n}\n' \
	>"$tmp/good.c"
printf 'int bad(void)\n{\n\tif(a) \n}\nint bad(void) {\n}\n// x\n' \
	>"$tmp/bad.c"
is "the checker sees what it is for" \
	"$(cd "$tmp" && breaks good.c bad.c)" \
	"bad.c:2: return type on the line of the name (above)
bad.c:3: blank at the end of the line
bad.c:3: no space after the keyword
bad.c:5: brace of a function on the same line
bad.c:7: // comment"

# shellcheck disable=SC2046 # no file name of ours has a space
is "every source is formatted as .clang-format says" \
	"$(breaks $(find lib agent stream enrich rules outputs collectors \
	    tests -name '*.[ch]' | sort))" ""
done_testing
