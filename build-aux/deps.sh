#!/bin/sh
# deps.sh CLASS...: installs what this host lacks to build, test or measure
# tallyman. CLASS is build, test, bench or lint.
#
# Asks the tools and pkg-config, not the package manager, so that a library
# that came some other way is left alone. As root it installs with apt-get or
# dnf and says so in one line; as anybody else it prints the command. No
# service is started by an installation.
#
# Exit status: 0 all there (now), 1 something of the class build is missing
# or could not be installed. What the other classes lack is only said: the
# tests that need it skip.
set -u

# class  probe  Debian package  Fedora package; "-": the distribution has none
# A probe is cmd:PROGRAM, pc:MODULE, hdr:HEADER, or file:PATH.
table() {
	cat <<'END'
build cmd:gcc           gcc               gcc
build hdr:stdlib.h      libc6-dev         glibc-devel
build hdr:linux/audit.h linux-libc-dev    kernel-headers
build cmd:make          make              make
build cmd:autoconf      autoconf          autoconf
build cmd:automake      automake          automake
build cmd:pkg-config    pkg-config        pkgconf-pkg-config
build pc:libpcap        libpcap-dev       libpcap-devel
build pc:libmnl         libmnl-dev        libmnl-devel
build hdr:libaudit.h    libaudit-dev      audit-libs-devel
build pc:libcurl        libcurl4-openssl-dev libcurl-devel
build pc:yajl           libyajl-dev       yajl-devel
build pc:sqlite3        libsqlite3-dev    sqlite-devel
build pc:yaml-0.1       libyaml-dev       libyaml-devel
build pc:libpcre2-8     libpcre2-dev      pcre2-devel
build pc:libmaxminddb   libmaxminddb-dev  libmaxminddb-devel
build pc:libseccomp     libseccomp-dev    libseccomp-devel
build pc:libcap-ng      libcap-ng-dev     libcap-ng-devel
build pc:libcrypto      libssl-dev        openssl-devel
build hdr:auparse.h     libauparse-dev    audit-libs-devel
build pc:cmocka         libcmocka-dev     libcmocka-devel
test  cmd:dockerd       docker.io         moby-engine
test  cmd:docker        docker.io         moby-engine
test  cmd:ctr           containerd        containerd
test  cmd:podman        podman            podman
test  cmd:socat         socat             socat
test  cmd:ip            iproute2          iproute
test  cmd:iptables      iptables          iptables
test  cmd:conntrack     conntrack         conntrack-tools
test  cmd:tcpdump       tcpdump           tcpdump
test  cmd:auditctl      auditd            audit
test  cmd:sshd          openssh-server    openssh-server
test  cmd:scp           openssh-client    openssh-clients
test  cmd:curl          curl              curl
test  cmd:busybox       busybox-static    busybox
test  cmd:jq            jq                jq
test  cmd:sqlite3       sqlite3           sqlite
test  cmd:python3       python3           python3
test  cmd:iperf3        iperf3            iperf3
test  cmd:ss            iproute2          iproute
test  cmd:ps            procps            procps-ng
test  cmd:setpriv       util-linux        util-linux
test  cmd:xz            xz-utils          xz
test  cmd:mandoc        mandoc            mandoc
test  cmd:shellcheck    shellcheck        ShellCheck
test  cmd:debootstrap   debootstrap       debootstrap
test  cmd:dpkg-buildpackage dpkg-dev      dpkg-dev
test  cmd:dh            debhelper         debhelper
test  cmd:fakeroot      fakeroot          fakeroot
test  cmd:rpmbuild      rpm               rpm-build
test  cmd:rpm2cpio      rpm2cpio          rpm
test  cmd:cpio          cpio              cpio
lint  cmd:cppcheck      cppcheck          cppcheck
lint  cmd:shellcheck    shellcheck        ShellCheck
lint  cmd:mandoc        mandoc            mandoc
bench cmd:laurel        laurel            -
bench cmd:softflowd     softflowd         -
bench cmd:ndpiReader    libndpi-bin       ndpi
END
}

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# has_header NAME: where compilers look by default, the multiarch folder too.
has_header() {
	for dir in /usr/local/include /usr/include /usr/include/*-linux-gnu*; do
		[ -e "$dir/$1" ] && return 0
	done
	return 1
}

present() {
	case $1 in
	cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	hdr:*) has_header "${1#hdr:}" ;;
	file:*) [ -e "${1#file:}" ] ;;
	esac
}

# missing CLASS COLUMN: packages of the class that this host lacks.
missing() {
	table | while read -r class probe deb rpm; do
		[ "$class" = "$1" ] || continue
		present "$probe" && continue
		case $2 in
		deb) echo "$deb" ;;
		rpm) echo "$rpm" ;;
		esac
	done | grep -vx -e - | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# Keeps maintainer scripts from starting services while it is there.
policy=/usr/sbin/policy-rc.d
hold_services() {
	[ -e $policy ] && return
	printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
	trap 'rm -f $policy' EXIT
	trap 'exit 1' INT TERM HUP
}

# A test needs auditctl; a daemon that takes the audit socket at the next
# boot is more than was asked for.
forget_auditd() {
	case " $1 " in
	*" auditd "* | *" audit "*)
		command -v systemctl >/dev/null 2>&1 &&
			systemctl disable auditd >/dev/null 2>&1
		;;
	esac
	return 0
}

apt_install() {
	hold_services
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	log=$(mktemp) || return 1
	# shellcheck disable=SC2086 # a list of package names
	if apt-get update >"$log" 2>&1; then
		apt-get install -y --no-install-recommends $1 >"$log" 2>&1
	else
		# A dead mirror of something else must not stop us.
		apt-get install -y --no-install-recommends $1 >>"$log" 2>&1
	fi
	status=$?
	[ $status -eq 0 ] || tail -n 20 "$log" >&2
	rm -f "$log"
	return $status
}

dnf_install() {
	log=$(mktemp) || return 1
	# shellcheck disable=SC2086 # a list of package names
	dnf install -y $1 >"$log" 2>&1
	status=$?
	[ $status -eq 0 ] || tail -n 20 "$log" >&2
	rm -f "$log"
	return $status
}

# provide CLASS: 0 when the class is complete in the end.
provide() {
	packages=$(missing "$1" "$kind")
	[ -n "$packages" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "missing to $1 tallyman; install it with:" >&2
		echo "  sudo $manager install -y $packages" >&2
		return 1
	fi
	echo "installing with $manager what is missing to $1 tallyman: $packages"
	case $kind in
	deb) apt_install "$packages" ;;
	rpm) dnf_install "$packages" ;;
	esac || {
		echo "deps.sh: $manager could not install: $packages" >&2
		return 1
	}
	forget_auditd "$packages"
}

if command -v apt-get >/dev/null 2>&1; then
	kind=deb manager=apt-get
elif command -v dnf >/dev/null 2>&1; then
	kind=rpm manager=dnf
else
	kind=deb manager=apt-get
	echo "deps.sh: neither apt-get nor dnf here; names below are Debian's" >&2
fi

for class; do
	provide "$class" || [ "$class" != build ] || exit 1
done
exit 0
