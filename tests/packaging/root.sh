# shellcheck shell=bash
# A fresh Debian 12 in a directory, for the tests of this folder.
#
#	root_make DIR            unpacks one; debootstrap runs once, then its
#	                         result is kept in $TALLYMAN_TEST_CACHE
#	root_exec DIR COMMAND... runs a command with DIR as its /, in a mount
#	                         namespace of its own: what is mounted for it
#	                         goes when it ends. Process ids and network are
#	                         the machine's. Execs, so that the pid of a
#	                         background call is the command's.
#	root_needs               what this machine lacks for it, if anything

root_cache=${TALLYMAN_TEST_CACHE:-/var/cache/tallyman-test}

root_needs() {
	local tool

	for tool in debootstrap unshare pivot_root tar flock; do
		command -v "$tool" >/dev/null || echo "$tool is not installed"
	done | head -n 1
}

# Another process may be making the same one, or die at it.
root_tarball() {
	local tarball dir

	tarball=$root_cache/debian-12-$(dpkg --print-architecture).tar
	mkdir -p "$root_cache" || return
	(
		flock 9
		[[ -s $tarball ]] && exit 0
		dir=$(mktemp -d "$root_cache/root.XXXXXX") || exit
		unshare --mount debootstrap --variant=minbase \
		    --include=ca-certificates,systemd bookworm "$dir" \
		    >"$root_cache/debootstrap.log" 2>&1 &&
			rm -rf "$dir"/var/cache/apt/archives/*.deb &&
			tar -C "$dir" -cf "$tarball.tmp" . &&
			mv "$tarball.tmp" "$tarball"
		status=$?
		rm -rf --one-file-system "$dir" "$tarball.tmp"
		((status == 0)) || tail -n 20 "$root_cache/debootstrap.log" >&2
		exit $status
	) 9>"$root_cache/root.lock" || return
	echo "$tarball"
}

root_make() {
	local tarball

	tarball=$(root_tarball) || return
	mkdir -p "$1" && tar -C "$1" -xf "$tarball" || return
	# mktemp made it, and the engine has to get through.
	chmod 755 "$1"
	cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
	# No init runs in it, so nothing may be started by a package.
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
}

root_exec() {
	exec unshare --mount --propagation private sh -ec '
		root=$1
		shift
		mount --bind "$root" "$root"
		cd "$root"
		mount -t proc proc proc
		mount --rbind /sys sys
		mount --rbind /dev dev
		mkdir -p mnt/machine
		pivot_root . mnt/machine
		cd /
		umount -l /mnt/machine
		exec env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
		    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		    DEBIAN_FRONTEND=noninteractive ${CI:+CI=$CI} \
		    ${NOTIFY_SOCKET:+NOTIFY_SOCKET=$NOTIFY_SOCKET} "$@"
	' sh "$@"
}
