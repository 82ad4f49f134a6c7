#!/bin/sh
# No writable state outside a context: the objects of the libraries have
# nothing in .data and .bss. Constant tables of pointers are in .data.rel.ro
# and do not count.
. "$top_srcdir/tests/support/tap.sh"

need objdump
cd "$top_builddir" || exit 99

# The exceptions, as FILE.o:VARIABLE; every one says why.
excepted() {
	cat <<'END'
log.o:*	the one module with a state of its own (lib/log.h)
hash.o:fetched	libcrypto's algorithms, looked up once and never changed
hash.o:sha1	the same
hash.o:sha256	the same
event_json.o:open*	the names of all fields, put together once
END
}

state() {
	for archive; do
		objdump -t "$archive" 2>/dev/null
	done | awk '
	FILENAME == "-" && /^[^ ]+\.o:/ { object = $1; sub(/:.*/, "", object) }
	$0 ~ / \.(data|bss)[. \t]/ && $0 ~ / O / && \
	    $0 !~ / \.data\.rel\.ro/ { print object ":" $NF }
	' - | while read -r name; do
		excepted | cut -f 1 | while read -r pattern; do
			# shellcheck disable=SC2254 # a pattern on purpose
			case $name in
			$pattern) echo excepted ;;
			esac
		done | grep -q . || echo "$name"
	done
}

grep -Eq '^(SAN|COVERAGE)_CFLAGS = .*-' Makefile &&
	skip_all "instrumented objects have state that is not ours"

tmpdir
printf '%s\n' 'static int counter;' \
	'static const char *const names[] = { "a", "b" };' \
	'const char *name(int i);' \
	'const char *name(int i) { counter += i; return names[counter]; }' \
	>"$tmp/bad.c"
# shellcheck disable=SC2086 # CC may be "ccache gcc"
${CC:-cc} -fPIC -c -o "$tmp/bad.o" "$tmp/bad.c" && ar cr "$tmp/bad.a" "$tmp/bad.o"
is "the checker sees a variable and no table" "$(state "$tmp/bad.a")" \
	"bad.o:counter"

# shellcheck disable=SC2046 # no file name of ours has a space
is "no library has mutable file-scope state" \
	"$(state $(find . -maxdepth 3 -name 'lib*.a' -not -path './tests/*'))" ""
done_testing
