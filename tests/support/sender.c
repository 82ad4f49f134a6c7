/*
 * sender: traffic that is hard to count, whose size is known beforehand: the
 * rarer half of traffic.c, for the tests of hard cases. Every mode prints the
 * same line for each connection:
 *
 *	proto LOCAL LPORT REMOTE RPORT SENT RECEIVED MSENT MRECEIVED RETRANS
 *
 * udp-sink, flood and offload print what their comments say.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include <err.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif
#define BATCH		64

struct tally {
	struct sockaddr_storage local, remote;
	unsigned long long sent, received, msent, mreceived, retrans;
};

static char block[1 << 16];

static unsigned long
number(const char *s, unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n > max)
		errx(64, "not a number up to %lu: %s", max, s);
	return n;
}

static socklen_t
address(struct sockaddr_storage *ss, const char *host, unsigned long port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		errx(64, "not an address: %s", host);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return sizeof(*in6);
}

static void
print_end(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	char text[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	printf(" %s %u", text, ntohs(ss->ss_family == AF_INET ?
	    in->sin_port : in6->sin6_port));
}

static void
report(const char *proto, const struct tally *t)
{
	printf("%s", proto);
	print_end(&t->local);
	print_end(&t->remote);
	printf(" %llu %llu %llu %llu %llu\n", t->sent, t->received, t->msent,
	    t->mreceived, t->retrans);
	fflush(stdout);
}

static void
find_ends(int fd, struct tally *t)
{
	socklen_t len = sizeof(t->local);

	if (getsockname(fd, (struct sockaddr *)&t->local, &len) == -1)
		err(1, "getsockname");
	len = sizeof(t->remote);
	/* A raw socket has a peer, but does not say so. */
	if (getpeername(fd, (struct sockaddr *)&t->remote, &len) == -1 &&
	    errno != ENOTCONN)
		err(1, "getpeername");
}

static int
dial(int type, const char *host, unsigned long port, unsigned long from,
    struct tally *t)
{
	struct sockaddr_storage ss, any;
	socklen_t len = address(&ss, host, port);
	int fd, on = 1;

	fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address(&any, ss.ss_family == AF_INET ? "0.0.0.0" : "::", from);
	if (bind(fd, (struct sockaddr *)&any, len) == -1)
		err(1, "bind port %lu", from);
	if (connect(fd, (struct sockaddr *)&ss, len) == -1)
		err(1, "connect %s %lu", host, port);
	memset(t, 0, sizeof(*t));
	find_ends(fd, t);
	return fd;
}

/* TCP. */

static void
report_tcp(int fd, struct tally *t)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		err(1, "TCP_INFO");
	t->msent = info.tcpi_segs_out;
	t->mreceived = info.tcpi_segs_in;
	t->retrans = info.tcpi_bytes_retrans;
	report("tcp", t);
}

static void
send_all(int fd, unsigned long long n, struct tally *t)
{
	ssize_t got;

	while (n > 0) {
		got = send(fd, block, n < sizeof(block) ? n : sizeof(block),
		    MSG_NOSIGNAL);
		if (got == -1)
			err(1, "send");
		n -= (unsigned long long)got;
		t->sent += (unsigned long long)got;
	}
}

static void
receive_all(int fd, struct tally *t)
{
	static char sink[1 << 20];
	ssize_t got;

	/* tcp(7): MSG_TRUNC throws away without copying. */
	while ((got = recv(fd, sink, sizeof(sink), MSG_TRUNC)) > 0)
		t->received += (unsigned long long)got;
	if (got == -1)
		err(1, "recv");
}

static void
end_tcp(int fd, struct tally *t)
{
	shutdown(fd, SHUT_WR);
	receive_all(fd, t);
	report_tcp(fd, t);
	close(fd);
}

/* tcp-drain PORT REPLY: one connection after the other, as fast as it goes. */
static int
tcp_drain(char **argv)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	unsigned long reply = number(argv[1], 1UL << 30);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), c, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	in6.sin6_port = htons((uint16_t)number(argv[0], 65535));
	if (fd == -1 || bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == -1 ||
	    listen(fd, 1024) == -1)
		err(1, "port %s", argv[0]);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct tally t = { .sent = 0 };

		if ((c = accept(fd, NULL, NULL)) == -1)
			continue;
		find_ends(c, &t);
		receive_all(c, &t);
		send_all(c, reply, &t);
		shutdown(c, SHUT_WR);
		report_tcp(c, &t);
		close(c);
	}
}

/* tcp-from HOST PORT SPORT SEND: one connection from this port. */
static int
tcp_from(char **argv)
{
	struct tally t;
	int fd = dial(SOCK_STREAM, argv[0], number(argv[1], 65535),
	    number(argv[2], 65535), &t);

	send_all(fd, number(argv[3], 1UL << 40), &t);
	end_tcp(fd, &t);
	return 0;
}

/* tcp-big HOST PORT SEND: from pages that are never copied. */
static int
tcp_big(char **argv)
{
	unsigned long long left = number(argv[2], 1UL << 40);
	const size_t piece = 1 << 22;
	int file = memfd_create("big", MFD_CLOEXEC), fd;
	struct tally t;

	if (file == -1 || ftruncate(file, (off_t)piece) == -1)
		err(1, "memfd");
	fd = dial(SOCK_STREAM, argv[0], number(argv[1], 65535), 0, &t);
	while (left > 0) {
		off_t at = 0;
		ssize_t got = sendfile(fd, file, &at,
		    left < piece ? (size_t)left : piece);

		if (got <= 0)
			err(1, "sendfile");
		left -= (unsigned long long)got;
		t.sent += (unsigned long long)got;
	}
	end_tcp(fd, &t);
	return 0;
}

static void
say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

static void
wait_line(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

static int
has_line(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, 1) == 1;
}

/*
 * tcp-hold HOST PORT COUNT FIRST SECOND: COUNT connections side by side that
 * send FIRST bytes, say "held", and after a line on standard input SECOND.
 */
static int
tcp_hold(char **argv)
{
	unsigned long count = number(argv[2], 10000), i;
	struct tally *t = calloc(count, sizeof(*t));
	int *fd = calloc(count, sizeof(*fd));

	for (i = 0; i < count; i++) {
		fd[i] = dial(SOCK_STREAM, argv[0], number(argv[1], 65535), 0,
		    &t[i]);
		send_all(fd[i], number(argv[3], 1UL << 30), &t[i]);
	}
	say("held");
	wait_line();
	for (i = 0; i < count; i++)
		send_all(fd[i], number(argv[4], 1UL << 30) + i, &t[i]);
	for (i = 0; i < count; i++)
		end_tcp(fd[i], &t[i]);
	return 0;
}

/*
 * tcp-run HOST PORT COUNT CHUNK: COUNT connections that all keep sending. A
 * line on standard input: "mark LPORT SENT" of each, and "marked"; a second
 * line: they end.
 */
static int
tcp_run(char **argv)
{
	unsigned long count = number(argv[2], 10000), i, lines = 0;
	struct tally *t = calloc(count, sizeof(*t));
	int *fd = calloc(count, sizeof(*fd));

	for (i = 0; i < count; i++)
		fd[i] = dial(SOCK_STREAM, argv[0], number(argv[1], 65535), 0,
		    &t[i]);
	say("running");
	while (lines < 2) {
		for (i = 0; i < count; i++)
			send_all(fd[i], number(argv[3], sizeof(block)), &t[i]);
		if (!has_line())
			continue;
		wait_line();
		for (i = 0; lines == 0 && i < count; i++) {
			printf("mark");
			print_end(&t[i].local);
			printf(" %llu\n", t[i].sent);
		}
		if (lines++ == 0)
			say("marked");
	}
	for (i = 0; i < count; i++)
		end_tcp(fd[i], &t[i]);
	return 0;
}

/* Datagrams. */

static volatile sig_atomic_t told_to_end;

static void
end(int sig)
{
	told_to_end = sig;
}

/* udp-sink PORT: until SIGTERM; "sink DATAGRAMS BYTES" then. */
static int
udp_sink(char **argv)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sigaction sa = { .sa_handler = end };
	unsigned long long datagrams = 0, bytes = 0;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 64 << 20;
	ssize_t got;

	in6.sin6_port = htons((uint16_t)number(argv[0], 65535));
	if (fd == -1 || bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == -1)
		err(1, "port %s", argv[0]);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	sigaction(SIGTERM, &sa, NULL);
	say("ready");
	while (!told_to_end) {
		got = recv(fd, block, sizeof(block), 0);
		if (got == -1)
			continue;
		datagrams++;
		bytes += (unsigned long long)got;
	}
	printf("sink %llu %llu\n", datagrams, bytes);
	return 0;
}

static void
pause_ms(unsigned long ms)
{
	struct timespec ts = { .tv_sec = (time_t)(ms / 1000),
	    .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/*
 * udp-blast HOST PORT SPORT COUNT SIZE BURST KIND: datagrams, BURST of them
 * and then a millisecond of rest. KIND "same": all alike and without an IP ID
 * (not to be fragmented, and the socket is not connected); "numbered": each
 * begins with its number and may be fragmented.
 */
static int
udp_blast(char **argv)
{
	unsigned long count = number(argv[3], 100000000), i;
	unsigned long size = number(argv[4], 65000);
	unsigned long burst = number(argv[5], 100000000);
	int same = strcmp(argv[6], "same") == 0, how = same ?
	    IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], number(argv[1], 65535));
	struct tally t;
	int probe = dial(SOCK_DGRAM, argv[0], number(argv[1], 65535), 0, &t);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage own = t.local;

	close(probe);
	((struct sockaddr_in *)&own)->sin_port =
	    htons((uint16_t)number(argv[2], 65535));
	if (fd == -1 || bind(fd, (struct sockaddr *)&own, len) == -1)
		err(1, "bind port %s", argv[2]);
	t.local = own;
	if (ss.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
	for (i = 0; i < count; i++) {
		if (!same && size >= sizeof(i))
			memcpy(block, &i, sizeof(i));
		if (sendto(fd, block, size, 0, (struct sockaddr *)&ss, len) ==
		    -1)
			err(1, "sendto");
		t.sent += size;
		t.msent++;
		if (burst != 0 && i % burst == burst - 1)
			pause_ms(1);
	}
	report("udp", &t);
	return 0;
}

/* udp-gso HOST PORT SPORT COUNT SIZE SEGMENT: COUNT sends of SIZE bytes that
 * the kernel cuts into datagrams of SEGMENT bytes. */
static int
udp_gso(char **argv)
{
	unsigned long count = number(argv[3], 1000000), i;
	unsigned long size = number(argv[4], 65000);
	int segment = (int)number(argv[5], 1472);
	struct tally t;
	int fd = dial(SOCK_DGRAM, argv[0], number(argv[1], 65535),
	    number(argv[2], 65535), &t);

	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment,
	    sizeof(segment)) == -1)
		err(1, "UDP_SEGMENT");
	for (i = 0; i < count; i++) {
		memcpy(block, &i, sizeof(i));
		if (send(fd, block, size, 0) == -1)
			err(1, "send");
		t.sent += size;
		t.msent += (size + (unsigned)segment - 1) / (unsigned)segment;
		if (i % 32 == 31)
			pause_ms(1);
	}
	report("udp", &t);
	return 0;
}

static uint16_t
checksum(const void *data, size_t n, uint32_t sum)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n % 2 != 0)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Waits for the answer to the echo request with this number. */
static ssize_t
take_echo(int fd, int family, uint16_t id, uint16_t seq)
{
	static char in[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t skip;
	ssize_t got;

	while (poll(&p, 1, 5000) == 1) {
		if ((got = recv(fd, in, sizeof(in), 0)) == -1)
			err(1, "recv");
		skip = family == AF_INET ? (size_t)(in[0] & 15) * 4 : 0;
		if ((size_t)got < skip + 8 ||
		    in[skip] != (family == AF_INET ? ICMP_ECHOREPLY :
		    (char)ICMP6_ECHO_REPLY) ||
		    memcmp(in + skip + 4, &id, 2) != 0 ||
		    memcmp(in + skip + 6, &seq, 2) != 0)
			continue;
		return got - (ssize_t)skip - 8;
	}
	errx(1, "no answer within 5 s");
}

/* ping HOST ID COUNT SIZE: echo requests with SIZE bytes behind the header,
 * one after the other. LPORT is the id. */
static int
ping(char **argv)
{
	uint16_t id = htons((uint16_t)number(argv[1], 65535)), seq;
	unsigned long count = number(argv[2], 65535), i;
	size_t size = number(argv[3], 65000);
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], 0);
	int v4 = ss.ss_family == AF_INET, fd;
	struct tally t = { .sent = 0 };

	fd = socket(ss.ss_family, SOCK_RAW | SOCK_CLOEXEC,
	    v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd == -1 || connect(fd, (struct sockaddr *)&ss, len) == -1)
		err(1, "icmp %s", argv[0]);
	find_ends(fd, &t);
	((struct sockaddr_in *)&t.local)->sin_port = id;
	t.remote = ss;
	for (i = 0; i < count; i++) {
		uint16_t sum;

		memset(block, 0, 8);
		block[0] = v4 ? ICMP_ECHO : (char)ICMP6_ECHO_REQUEST;
		seq = htons((uint16_t)i);
		memcpy(block + 4, &id, 2);
		memcpy(block + 6, &seq, 2);
		sum = v4 ? checksum(block, size + 8, 0) : 0;
		memcpy(block + 2, &sum, 2);
		if (send(fd, block, size + 8, 0) == -1)
			err(1, "send");
		t.sent += size;
		t.msent++;
		t.received += (unsigned long long)take_echo(fd, ss.ss_family,
		    id, seq);
		t.mreceived++;
	}
	report(v4 ? "icmp" : "ipv6-icmp", &t);
	return 0;
}

/* Floods. */

struct segment {
	uint16_t	source, destination;
	uint32_t	seq, ack;
	uint8_t		offset, flags;
	uint16_t	window, sum, urgent;
};

static size_t
make_syn(char *p, const struct sockaddr_in *from, const struct sockaddr_in *to,
    uint16_t sport, uint16_t dport, uint32_t seq)
{
	struct segment s = { .source = htons(sport),
	    .destination = htons(dport), .seq = htonl(seq), .offset = 5 << 4,
	    .flags = 2, .window = htons(64240) };
	uint32_t a = ntohl(from->sin_addr.s_addr), b =
	    ntohl(to->sin_addr.s_addr);

	s.sum = checksum(&s, sizeof(s), (a >> 16) + (a & 0xffff) + (b >> 16) +
	    (b & 0xffff) + IPPROTO_TCP + (uint32_t)sizeof(s));
	memcpy(p, &s, sizeof(s));
	return sizeof(s);
}

static size_t
make_datagram(char *p, uint16_t sport, uint16_t dport)
{
	struct udphdr u = { .source = htons(sport), .dest = htons(dport),
	    .len = htons(sizeof(u) + 10) };

	memcpy(p, &u, sizeof(u));
	memcpy(p + sizeof(u), "0123456789", 10);
	return sizeof(u) + 10;
}

/*
 * flood KIND HOST PORT COUNT BURST: COUNT SYNs (KIND syn) or datagrams of 10
 * bytes (KIND udp), each from another source port, 10,000 on; after 50,000 of
 * them to the next destination port. IPv4. "flood COUNT" when done.
 */
static int
flood(char **argv)
{
	static char bytes[BATCH][32];
	int syn = strcmp(argv[0], "syn") == 0, fd;
	unsigned long port = number(argv[2], 65000), i;
	unsigned long count = number(argv[3], 100000000);
	unsigned long burst = number(argv[4], 100000000);
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[1], 0);
	struct tally t;
	unsigned n = 0;

	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC,
	    syn ? IPPROTO_TCP : IPPROTO_UDP);
	if (fd == -1 || connect(fd, (struct sockaddr *)&ss, len) == -1)
		err(1, "raw %s", argv[1]);
	find_ends(fd, &t);
	memset(m, 0, sizeof(m));
	for (i = 0; i < count; i++) {
		uint16_t sport = (uint16_t)(10000 + i % 50000);
		uint16_t dport = (uint16_t)(port + i / 50000);

		v[n].iov_base = bytes[n];
		v[n].iov_len = syn ? make_syn(bytes[n],
		    (struct sockaddr_in *)&t.local, (struct sockaddr_in *)&ss,
		    sport, dport, (uint32_t)i * 77) :
		    make_datagram(bytes[n], sport, dport);
		m[n].msg_hdr.msg_iov = &v[n];
		m[n].msg_hdr.msg_iovlen = 1;
		if (++n < BATCH && i + 1 < count)
			continue;
		if (sendmmsg(fd, m, n, 0) != (int)n)
			err(1, "sendmmsg");
		n = 0;
		if (burst != 0 && i % burst < BATCH)
			pause_ms(1);
	}
	printf("flood %lu\n", count);
	return 0;
}

/* Interfaces. */

static int
ethtool(int fd, struct ifreq *ifr, uint32_t command, uint32_t value)
{
	struct ethtool_value v = { .cmd = command, .data = value };

	ifr->ifr_data = (void *)&v;
	return ioctl(fd, SIOCETHTOOL, ifr);
}

/* The number of a feature by its name, which the kernel lists; -1 none. */
static int
feature(int fd, struct ifreq *ifr, const char *name, unsigned *words)
{
	static struct {
		struct ethtool_gstrings	head;
		char			names[512][ETH_GSTRING_LEN];
	} all = { .head = { .cmd = ETHTOOL_GSTRINGS,
	    .string_set = ETH_SS_FEATURES } };	/* len 0: all of them */
	unsigned i;

	ifr->ifr_data = (void *)&all;
	if (ioctl(fd, SIOCETHTOOL, ifr) == -1)
		err(1, "%s", ifr->ifr_name);
	*words = (all.head.len + 31) / 32;
	for (i = 0; i < all.head.len && i < 512; i++)
		if (strncmp(all.names[i], name, ETH_GSTRING_LEN) == 0)
			return (int)i;
	return -1;
}

static void
set_feature(int fd, struct ifreq *ifr, const char *name, int on)
{
	struct {
		struct ethtool_sfeatures		head;
		struct ethtool_set_features_block	blocks[16];
	} set = { .head = { .cmd = ETHTOOL_SFEATURES } };
	unsigned words;
	int n = feature(fd, ifr, name, &words);

	if (n == -1)
		return;
	set.head.size = words;
	set.blocks[n / 32].valid = 1U << n % 32;
	set.blocks[n / 32].requested = on ? 1U << n % 32 : 0;
	ifr->ifr_data = (void *)&set;
	if (ioctl(fd, SIOCETHTOOL, ifr) == -1)
		err(1, "%s: %s", ifr->ifr_name, name);
}

/* offload IFACE off|on: TSO, GSO (UDP's too) and GRO of an interface. */
static int
offload(char **argv)
{
	static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO,
	    ETHTOOL_SGRO };
	struct ifreq ifr = { .ifr_name = "" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t i;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", argv[0]);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (ethtool(fd, &ifr, commands[i],
		    strcmp(argv[1], "on") == 0) == -1)
			err(1, "%s", argv[0]);
	set_feature(fd, &ifr, "tx-udp-segmentation",
	    strcmp(argv[1], "on") == 0);
	return 0;
}

static const struct mode {
	const char *name;
	int args;
	int (*run)(char **argv);
} modes[] = {
	{ "tcp-drain", 2, tcp_drain },
	{ "tcp-from", 4, tcp_from },
	{ "tcp-big", 3, tcp_big },
	{ "tcp-hold", 5, tcp_hold },
	{ "tcp-run", 4, tcp_run },
	{ "udp-sink", 1, udp_sink },
	{ "udp-blast", 7, udp_blast },
	{ "udp-gso", 6, udp_gso },
	{ "ping", 4, ping },
	{ "flood", 5, flood },
	{ "offload", 2, offload },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = (char)('a' + i % 26);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc == modes[i].args + 2 &&
		    strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run(argv + 2);
	}
	fprintf(stderr, "usage: sender tcp-drain PORT REPLY\n"
	    "       sender tcp-from HOST PORT SPORT SEND\n"
	    "       sender tcp-big HOST PORT SEND\n"
	    "       sender tcp-hold HOST PORT COUNT FIRST SECOND\n"
	    "       sender tcp-run HOST PORT COUNT CHUNK\n"
	    "       sender udp-sink PORT\n"
	    "       sender udp-blast HOST PORT SPORT COUNT SIZE BURST "
	    "same|numbered\n"
	    "       sender udp-gso HOST PORT SPORT COUNT SIZE SEGMENT\n"
	    "       sender ping HOST ID COUNT SIZE\n"
	    "       sender flood syn|udp HOST PORT COUNT BURST\n"
	    "       sender offload IFACE on|off\n");
	return 64;
}
