#!/bin/bash
# The .rpm, as far as a Debian can tell: it builds, its program runs, and it
# holds what the .deb holds but for words of packaging.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"

need rpmbuild rpm rpm2cpio cpio
tmpdir

build_package() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$top_builddir" rpm)
}

ok "make rpm builds the package" build_package
package=$(find "$top_builddir/dist" -name 'tallyman-*.rpm' | head -n 1)
[[ -n $package ]] || done_testing

(cd "$tmp" && rpm2cpio "$package" | cpio -id --quiet)
is "the program inside is this version" \
	"$("$tmp/usr/sbin/tallyman" --version | head -n 1)" \
	"tallyman $(cat "$top_srcdir/VERSION")"
is "the configuration is not overwritten by an upgrade" \
	"$(rpm -qp --configfiles "$package" 2>/dev/null)" \
	/etc/tallyman/tallyman.yaml
ok "it asks for the libraries of the program" \
	grep -q libpcap <(rpm -qp --requires "$package" 2>/dev/null)

# plain LIST: files only, packaging's own places taken out.
plain() {
	sed -e 's|^\./|/|; s|^/lib/systemd|/usr/lib/systemd|; s|\.gz$||' |
		grep -v -e /usr/share/doc -e /usr/share/licenses -e '/$' |
		sort
}

deb=$(find "$top_builddir/dist" -name 'tallyman_*.deb' | head -n 1)
if [[ -n $deb ]]; then
	is "it holds the files of the .deb" \
		"$(cd "$tmp" && find . -type f | plain)" \
		"$(dpkg-deb --fsys-tarfile "$deb" | tar t | plain)"
else
	skip "it holds the files of the .deb" "make deb did not run before"
fi
done_testing
