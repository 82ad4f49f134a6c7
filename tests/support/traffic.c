/*
 * traffic: makes traffic and processes whose size is known beforehand.
 *
 * The test host builds it statically and puts it into its images, so that the
 * truth of a test (five-tuples, payload bytes, number of execs) comes from
 * the two ends themselves.  Every mode prints one line for each connection:
 *
 *	proto LOCAL LPORT REMOTE RPORT SENT RECEIVED MSENT MRECEIVED RETRANS
 *
 * SENT and RECEIVED are payload bytes as the socket calls counted them.  For
 * tcp MSENT and MRECEIVED are segments (tcpi_segs_out, tcpi_segs_in), else
 * datagrams; RETRANS is tcpi_bytes_retrans.  A server prints "ready" first.
 * echo and token print the token instead of the last three.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS	30000	/* of who is sure to answer */
#define ERROR_MS	200
#define ERROR_TRIES	50

extern char **environ;

struct tally {
	struct sockaddr_storage local, remote;
	unsigned long long sent, received, msent, mreceived, retrans;
};

static char block[65536];

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
address(struct sockaddr_storage *ss, const char *host, const char *port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)number(port, 65535));
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		errx(64, "not an address: %s", host);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)number(port, 65535));
	return sizeof(*in6);
}

static void
print_end(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	char text[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		printf(" %s %u", text, ntohs(in->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text,
		    sizeof(text));
		printf(" %s %u", text, ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		printf(" %s %u", text, ntohs(in6->sin6_port));
	}
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

/* Early: a socket that both ends have closed has no peer any more. */
static void
find_ends(int fd, struct tally *t)
{
	socklen_t len = sizeof(t->local);

	if (getsockname(fd, (struct sockaddr *)&t->local, &len) == -1)
		err(1, "getsockname");
	len = sizeof(t->remote);
	if (getpeername(fd, (struct sockaddr *)&t->remote, &len) == -1)
		err(1, "getpeername");
}

static void
report_tcp(const char *proto, int fd, struct tally *t)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		err(1, "TCP_INFO");
	t->msent = info.tcpi_segs_out;
	t->mreceived = info.tcpi_segs_in;
	t->retrans = info.tcpi_bytes_retrans;
	report(proto, t);
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
	static char sink[65536];
	ssize_t got;

	while ((got = recv(fd, sink, sizeof(sink), 0)) > 0)
		t->received += (unsigned long long)got;
	if (got == -1)
		err(1, "recv");
}

/* A dual-stack socket bound to any address. */
static int
bind_any(int type, const char *port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd, off = 0, on = 1;

	in6.sin6_port = htons((uint16_t)number(port, 65535));
	if ((fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == -1)
		err(1, "bind port %s", port);
	if (type == SOCK_STREAM && listen(fd, 1024) == -1)
		err(1, "listen");
	printf("ready\n");
	fflush(stdout);
	return fd;
}

/* tcp-server PORT REPLY: read to the end, answer REPLY bytes, close. */
static int
tcp_server(char **argv)
{
	unsigned long reply = number(argv[1], 1UL << 40);
	int fd = bind_any(SOCK_STREAM, argv[0]), c;
	struct sockaddr_storage from;
	socklen_t len;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct tally t = { .sent = 0 };

		/* With the address it is on the audit record. */
		len = sizeof(from);
		if ((c = accept(fd, (struct sockaddr *)&from, &len)) == -1)
			continue;
		if (fork() == 0) {
			find_ends(c, &t);
			receive_all(c, &t);
			send_all(c, reply, &t);
			shutdown(c, SHUT_WR);
			report_tcp("tcp", c, &t);
			_exit(0);
		}
		close(c);
	}
}

/* tcp-client HOST PORT COUNT SEND STEP: connection i sends SEND + i * STEP. */
static int
tcp_client(char **argv)
{
	unsigned long count = number(argv[2], 1000000);
	unsigned long size = number(argv[3], 1UL << 40);
	unsigned long step = number(argv[4], 1UL << 30), i;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], argv[1]);
	int fd;

	for (i = 0; i < count; i++) {
		struct tally t = { .sent = 0 };

		if ((fd = socket(ss.ss_family, SOCK_STREAM, 0)) == -1)
			err(1, "socket");
		if (connect(fd, (struct sockaddr *)&ss, len) == -1)
			err(1, "connect %s %s", argv[0], argv[1]);
		find_ends(fd, &t);
		send_all(fd, size + i * step, &t);
		shutdown(fd, SHUT_WR);
		receive_all(fd, &t);
		report_tcp("tcp", fd, &t);
		close(fd);
	}
	return 0;
}

/* udp-server PORT REPLY: answer each datagram with REPLY bytes. */
static int
udp_server(char **argv)
{
	unsigned long reply = number(argv[1], 60000);
	int fd = bind_any(SOCK_DGRAM, argv[0]);

	for (;;) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		static char in[65536];

		if (recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from,
		    &len) == -1)
			continue;
		if (sendto(fd, block, reply, 0, (struct sockaddr *)&from,
		    len) == -1)
			warn("sendto");
	}
	return 0;
}

static void
udp_exchange(int fd, unsigned long datagrams, unsigned long size,
    struct tally *t)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static char in[65536];
	ssize_t got;

	while (datagrams-- > 0) {
		if (send(fd, block, size, 0) == -1)
			err(1, "send");
		t->sent += size;
		t->msent++;
		if (poll(&p, 1, ANSWER_MS) != 1)
			errx(1, "no answer within 30 s");
		if ((got = recv(fd, in, sizeof(in), 0)) == -1)
			err(1, "recv");
		t->received += (unsigned long long)got;
		t->mreceived++;
	}
}

/* Lets so many sockets stay open: none gets the port of another. */
static void
allow_files(unsigned long count)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		err(1, "getrlimit");
	if (r.rlim_cur < count + 16)
		r.rlim_cur = count + 16 < r.rlim_max ? count + 16 : r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		err(1, "setrlimit");
}

/* udp-client HOST PORT COUNT DATAGRAMS SIZE: socket i sends SIZE + i bytes. */
static int
udp_client(char **argv)
{
	unsigned long count = number(argv[2], 60000);
	unsigned long datagrams = number(argv[3], 1000000);
	unsigned long size = number(argv[4], 60000), i;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], argv[1]);
	int fd;

	allow_files(count);
	for (i = 0; i < count; i++) {
		struct tally t = { .sent = 0 };

		if ((fd = socket(ss.ss_family, SOCK_DGRAM, 0)) == -1)
			err(1, "socket");
		if (connect(fd, (struct sockaddr *)&ss, len) == -1)
			err(1, "connect");
		find_ends(fd, &t);
		udp_exchange(fd, datagrams, size + i, &t);
		report("udp", &t);
	}
	return 0;
}

/* The kernel's answer to what was sent: an error the socket then reports. */
static bool
udp_wait_error(int fd, int want)
{
	struct pollfd p = { .fd = fd };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, ERROR_MS) != 1)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		err(1, "SO_ERROR");
	if (error != want)
		errx(1, "not the error that was waited for, but %s",
		    strerror(error));
	return true;
}

static void
udp_send_one(int fd, unsigned long size, int want, struct tally *t)
{
	int tries;

	/* Hosts limit the rate of their errors. */
	for (tries = 0; tries < ERROR_TRIES; tries++) {
		if (send(fd, block, size, 0) == -1)
			err(1, "send");
		t->sent += size;
		t->msent++;
		if (want == 0 || udp_wait_error(fd, want))
			return;
	}
	errx(1, "no error came");
}

/*
 * udp-send HOST PORT COUNT DATAGRAMS SIZE: as udp-client, but nobody answers.
 * Broadcast and multicast addresses will do. With want, each datagram brings
 * about this error, or is sent again.
 */
static int
udp_send_only(char **argv, int want)
{
	unsigned long count = number(argv[2], 60000);
	unsigned long datagrams = number(argv[3], 1000000);
	unsigned long size = number(argv[4], 60000), i, n;
	int fd, on = 1, probe = want == EMSGSIZE ? IP_PMTUDISC_PROBE :
	    IP_PMTUDISC_WANT;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], argv[1]);

	allow_files(count);
	for (i = 0; i < count; i++) {
		struct tally t = { .sent = 0 };

		if ((fd = socket(ss.ss_family, SOCK_DGRAM, 0)) == -1)
			err(1, "socket");
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
		if (ss.ss_family == AF_INET)
			setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe,
			    sizeof(probe));
		if (connect(fd, (struct sockaddr *)&ss, len) == -1)
			err(1, "connect");
		find_ends(fd, &t);
		for (n = 0; n < datagrams; n++)
			udp_send_one(fd, size + i, want, &t);
		report("udp", &t);
	}
	return 0;
}

static int
udp_send(char **argv)
{
	return udp_send_only(argv, 0);
}

/* udp-refused HOST PORT COUNT DATAGRAMS SIZE: nobody listens there. */
static int
udp_refused(char **argv)
{
	return udp_send_only(argv, ECONNREFUSED);
}

/* udp-too-big HOST PORT COUNT DATAGRAMS SIZE: not to be fragmented. */
static int
udp_too_big(char **argv)
{
	return udp_send_only(argv, EMSGSIZE);
}

/* Is this datagram of a raw socket the answer? IPv4 comes with its header. */
static bool
is_echo_reply(const unsigned char *in, size_t len, int family, uint16_t id,
    uint16_t seq, size_t *payload)
{
	size_t header = family == AF_INET ? (in[0] & 15U) * 4 : 0;

	if (len < header + 8)
		return false;
	*payload = len - header - 8;
	in += header;
	return in[0] == (family == AF_INET ? ICMP_ECHOREPLY :
	    ICMP6_ECHO_REPLY) && (in[4] << 8 | in[5]) == id &&
	    (in[6] << 8 | in[7]) == seq;
}

static uint16_t
checksum(const unsigned char *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len % 2 != 0)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
echo(int fd, int family, uint16_t id, uint16_t seq, size_t size,
    struct tally *t)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static unsigned char out[65536], in[65536];
	size_t payload = 0;
	uint16_t sum;
	ssize_t got;

	memset(out, 0, 8);
	out[0] = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	out[4] = (unsigned char)(id >> 8);
	out[5] = (unsigned char)id;
	out[6] = (unsigned char)(seq >> 8);
	out[7] = (unsigned char)seq;
	memcpy(out + 8, block, size);
	if (family == AF_INET) {	/* the kernel does it for IPv6 */
		sum = checksum(out, 8 + size);
		out[2] = (unsigned char)(sum >> 8);
		out[3] = (unsigned char)sum;
	}
	if (send(fd, out, 8 + size, 0) == -1)
		err(1, "send");
	t->sent += size;
	t->msent++;
	do {
		if (poll(&p, 1, ANSWER_MS) != 1)
			errx(1, "no echo within 30 s");
		if ((got = recv(fd, in, sizeof(in), 0)) == -1)
			err(1, "recv");
	} while (!is_echo_reply(in, (size_t)got, family, id, seq, &payload));
	t->received += payload;
	t->mreceived++;
}

/*
 * ping HOST COUNT ECHOES SIZE: COUNT query ids with ECHOES requests each, of
 * SIZE + i bytes behind the ICMP header. LPORT is the id.
 */
static int
ping(char **argv)
{
	unsigned long count = number(argv[1], 60000);
	unsigned long echoes = number(argv[2], 60000);
	unsigned long size = number(argv[3], 60000), i, n;
	char any[] = "0";
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], any), local = sizeof(ss);
	uint16_t first = (uint16_t)(getpid() * 61);
	int fd;

	fd = socket(ss.ss_family, SOCK_RAW, ss.ss_family == AF_INET ?
	    IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&ss, len) == -1)
		err(1, "connect");
	for (i = 0; i < count; i++) {
		uint16_t id = (uint16_t)(first + i);
		struct tally t = { .sent = 0 };

		if (getsockname(fd, (struct sockaddr *)&t.local, &local) == -1)
			err(1, "getsockname");
		t.remote = ss;
		/* At the same place for both families. */
		((struct sockaddr_in *)&t.local)->sin_port = htons(id);
		for (n = 1; n <= echoes; n++)
			echo(fd, ss.ss_family, id, (uint16_t)n, size + i, &t);
		report(ss.ss_family == AF_INET ? "icmp" : "ipv6-icmp", &t);
	}
	return 0;
}

#define TOKEN	16		/* digits: the time, to the nanosecond */

/* The only digits among letters. */
static void
print_token(const char *proto, const struct tally *t, const char *bytes,
    size_t len)
{
	size_t at = 0, n = 0;

	while (at < len && !(bytes[at] >= '0' && bytes[at] <= '9'))
		at++;
	while (n < TOKEN && at + n < len)
		n++;
	printf("%s", proto);
	print_end(&t->local);
	print_end(&t->remote);
	printf(" %llu %llu %.*s\n", t->sent, t->received, (int)n, bytes + at);
	fflush(stdout);
}

static size_t
receive_whole(int fd, char *bytes, size_t room, struct tally *t)
{
	size_t len = 0;
	ssize_t got;

	while (len < room && (got = recv(fd, bytes + len, room - len, 0)) > 0)
		len += (size_t)got;
	t->received += len;
	return len;
}

static void
echo_tcp(int fd)
{
	static char bytes[65536];
	struct tally t = { .sent = 0 };
	size_t len;

	find_ends(fd, &t);
	len = receive_whole(fd, bytes, sizeof(bytes), &t);
	for (size_t i = 0; i < len;) {
		ssize_t n = send(fd, bytes + i, len - i, MSG_NOSIGNAL);

		if (n == -1)
			break;
		i += (size_t)n;
		t.sent += (unsigned long long)n;
	}
	shutdown(fd, SHUT_WR);
	print_token("tcp", &t, bytes, len);
}

/* echo tcp|udp PORT: send back what came, and print its token. */
static int
echo_server(char **argv)
{
	static char bytes[65536];
	int udp = strcmp(argv[0], "udp") == 0;
	int fd = bind_any(udp ? SOCK_DGRAM : SOCK_STREAM, argv[1]), c;
	struct tally t = { .sent = 0 };
	ssize_t n;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		socklen_t len = sizeof(t.remote);

		if (!udp && (c = accept(fd, NULL, NULL)) != -1) {
			if (fork() == 0) {
				echo_tcp(c);
				_exit(0);
			}
			close(c);
		}
		if (!udp)
			continue;
		n = recvfrom(fd, bytes, sizeof(bytes), 0,
		    (struct sockaddr *)&t.remote, &len);
		if (n == -1)
			continue;
		(void)sendto(fd, bytes, (size_t)n, 0,
		    (struct sockaddr *)&t.remote, len);
		t.sent = t.received = (unsigned long long)n;
		t.local = t.remote;
		print_token("udp", &t, bytes, (size_t)n);
	}
}

static void
send_token(int udp, const struct sockaddr_storage *ss, socklen_t len,
    char *bytes, size_t size)
{
	const struct timeval patience = { .tv_sec = 10 };
	struct tally t = { .sent = 0 };
	char back[65536];
	size_t i = 0;
	int fd = socket(ss->ss_family, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)ss, len) == -1)
		err(1, "connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	find_ends(fd, &t);
	while (i < size) {
		ssize_t n = send(fd, bytes + i, size - i, MSG_NOSIGNAL);

		if (n == -1)
			err(1, "send");
		i += (size_t)n;
	}
	t.sent = size;
	if (!udp)
		shutdown(fd, SHUT_WR);
	receive_whole(fd, back, udp ? size : sizeof(back), &t);
	if (t.received != size || memcmp(back, bytes, size) != 0)
		errx(1, "not what was sent came back");
	print_token(udp ? "udp" : "tcp", &t, bytes, size);
	close(fd);
}

/*
 * token tcp|udp HOST PORT COUNT SIZE PARALLEL OFFSET: connections to an echo,
 * all alike but for a token at OFFSET.
 */
static int
token(char **argv)
{
	int udp = strcmp(argv[0], "udp") == 0, status, bad = 0;
	unsigned long count = number(argv[3], 1000000), i;
	unsigned long size = number(argv[4], sizeof(block));
	unsigned long parallel = number(argv[5], 256), p;
	unsigned long offset = number(argv[6], size - TOKEN);
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[1], argv[2]);

	memset(block, 'z', sizeof(block));
	for (p = 0; p < parallel; p++) {
		if (fork() != 0)
			continue;
		for (i = p; i < count; i += parallel) {
			struct timespec now;
			char text[48];

			clock_gettime(CLOCK_MONOTONIC, &now);
			snprintf(text, sizeof(text), "%07lu%09lu",
			    (unsigned long)now.tv_sec % 10000000,
			    (unsigned long)now.tv_nsec);
			memcpy(block + offset, text, TOKEN);
			send_token(udp, &ss, len, block, size);
		}
		_exit(0);
	}
	while (wait(&status) != -1)
		bad |= status;
	return bad != 0;
}

static void
udp_one(int fd, const struct sockaddr_storage *to, socklen_t len)
{
	struct tally t = { .sent = 1, .msent = 1 };

	if (sendto(fd, block, 1, 0, (const struct sockaddr *)to, len) == -1)
		err(1, "sendto");
	len = sizeof(t.local);
	if (getsockname(fd, (struct sockaddr *)&t.local, &len) == -1)
		err(1, "getsockname");
	t.remote = *to;
	report("udp", &t);
}

/* udp-once HOST PORT: one datagram, without connect, and the end. */
static int
udp_once(char **argv)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, argv[0], argv[1]);
	int fd = socket(ss.ss_family, SOCK_DGRAM, 0);

	if (fd == -1)
		err(1, "socket");
	udp_one(fd, &ss, len);
	return 0;
}

/* udp-next FILE HOST PORT: like udp-once, to PORT plus the number in FILE,
 * which becomes one more. */
static int
udp_next(char **argv)
{
	char port[16];
	unsigned n = 0;
	FILE *f = fopen(argv[0], "r+");

	if (f == NULL)
		f = fopen(argv[0], "w+");
	if (f == NULL)
		err(1, "%s", argv[0]);
	if (fscanf(f, "%u", &n) != 1)
		n = 0;
	snprintf(port, sizeof(port), "%lu", number(argv[2], 65535) + n);
	rewind(f);
	fprintf(f, "%u\n", n + 1);
	fclose(f);
	argv[2] = port;
	return udp_once(argv + 1);
}

/* udp-from INTERFACE|ADDRESS HOST PORT: one datagram from there. */
static int
udp_from(char **argv)
{
	struct sockaddr_storage ss, from;
	socklen_t len = address(&ss, argv[1], argv[2]);
	int fd = socket(ss.ss_family, SOCK_DGRAM, 0);

	if (fd == -1)
		err(1, "socket");
	if (strchr(argv[0], '.') == NULL && strchr(argv[0], ':') == NULL) {
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, argv[0],
		    (socklen_t)strlen(argv[0])) == -1)
			err(1, "%s", argv[0]);
	} else {
		address(&from, argv[0], "0");
		if (bind(fd, (struct sockaddr *)&from, len) == -1)
			err(1, "bind %s", argv[0]);
	}
	udp_one(fd, &ss, len);
	return 0;
}

static unsigned short
echo_sum(const unsigned char *p, size_t n)
{
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (unsigned long)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((unsigned short)~sum);
}

static void
one_echo(const struct sockaddr_storage *to, socklen_t len, int type)
{
	unsigned char echo[16] = { to->ss_family == AF_INET ? 8 : 128 };
	unsigned short sum;
	int fd = socket(to->ss_family, type, to->ss_family == AF_INET ?
	    IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (fd == -1)
		err(1, "icmp socket");
	echo[4] = (unsigned char)(getpid() >> 8);
	echo[5] = (unsigned char)getpid();
	sum = echo_sum(echo, sizeof(echo));
	memcpy(&echo[2], &sum, 2);
	if (sendto(fd, echo, sizeof(echo), 0, (const struct sockaddr *)to,
	    len) == -1)
		err(1, "sendto");
}

/* one KIND HOST PORT MS ID: a socket of KIND (tcp, udp, udp-connected, icmp
 * or ping), something to PORT, and the end MS later. Prints its line with ID
 * before it. */
static int
one(char **argv)
{
	struct sockaddr_storage to, any = { .ss_family = 0 };
	socklen_t len = address(&to, argv[1], argv[2]), any_len = len;
	bool tcp = strcmp(argv[0], "tcp") == 0;
	struct tally t = { .sent = 0 };
	int fd;

	any.ss_family = to.ss_family;
	printf("%s ", argv[4]);
	if (strcmp(argv[0], "icmp") == 0 || strcmp(argv[0], "ping") == 0) {
		one_echo(&to, len, argv[0][0] == 'i' ? SOCK_RAW : SOCK_DGRAM);
		t.local = any;
	} else {
		fd = socket(to.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
		if (fd == -1)
			err(1, "socket");
		/* Its port is known also when nobody listens over there. */
		if (tcp && bind(fd, (struct sockaddr *)&any, len) == -1)
			err(1, "bind");
		if (tcp)
			getsockname(fd, (struct sockaddr *)&t.local, &any_len);
		if (strcmp(argv[0], "udp") == 0)
			sendto(fd, block, 1, 0, (struct sockaddr *)&to, len);
		else if (connect(fd, (struct sockaddr *)&to, len) == 0)
			send(fd, block, 1, MSG_NOSIGNAL);
		if (!tcp)
			getsockname(fd, (struct sockaddr *)&t.local, &any_len);
	}
	t.remote = to;
	report(argv[0], &t);
	usleep((useconds_t)number(argv[3], 100000) * 1000);
	return 0;
}

#define APART_US	45000	/* more than a record and its packet are apart */

/* swarm COUNT AT-ONCE KIND HOST PORT MS FIRST-ID: so many of "one", each a
 * program of its own; icmp and ping to the addresses from HOST on. AT-ONCE 0:
 * one at a time, and some time until the next. */
static int
swarm(char **argv)
{
	unsigned long count = number(argv[0], 60000), i;
	unsigned long at_once = number(argv[1], 1000), n = 0;
	bool many = argv[2][0] == 'i' || argv[2][0] == 'p';
	char id[24], host[INET6_ADDRSTRLEN];
	char *args[] = { "traffic", "one", argv[2], host, argv[4], argv[5],
	    id, NULL };
	struct in_addr in = { 0 };
	pid_t pid;

	if (many && inet_pton(AF_INET, argv[3], &in) != 1)
		errx(64, "not an address: %s", argv[3]);
	snprintf(host, sizeof(host), "%s", argv[3]);
	for (i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "id%lu", number(argv[6],
		    1UL << 30) + i);
		if (many) {
			inet_ntop(AF_INET, &in, host, sizeof(host));
			in.s_addr = htonl(ntohl(in.s_addr) + 1);
		}
		errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args,
		    environ);
		if (errno != 0)
			err(1, "spawn");
		if (++n >= at_once && wait(NULL) != -1)
			n--;
		if (at_once == 0)
			usleep(APART_US);
	}
	while (wait(NULL) != -1)
		;
	return 0;
}

/* Reads a request head; what follows it in the buffer counts as body. */
static int
http_head(int fd, char *head, size_t size, struct tally *t)
{
	size_t used = 0;
	ssize_t got;
	char *end;

	while (used < size - 1) {
		got = recv(fd, head + used, size - 1 - used, 0);
		if (got <= 0)
			return -1;
		used += (size_t)got;
		t->received += (unsigned long long)got;
		head[used] = '\0';
		if ((end = strstr(head, "\r\n\r\n")) != NULL)
			return (int)(used - (size_t)(end + 4 - head));
	}
	return -1;
}

static void
http_take(int fd, const char *go_on, const char *done)
{
	static char head[16384], sink[65536];
	struct tally t = { .sent = 0 };
	unsigned long long want = 0;
	char *length;
	ssize_t got;
	int have;

	find_ends(fd, &t);
	if ((have = http_head(fd, head, sizeof(head), &t)) == -1)
		return;
	if ((length = strcasestr(head, "content-length:")) != NULL)
		want = strtoull(length + 15, NULL, 10);
	if (strcasestr(head, "100-continue") != NULL) {
		send(fd, go_on, strlen(go_on), MSG_NOSIGNAL);
		t.sent += strlen(go_on);
	}
	want -= want < (unsigned long long)have ? want :
	    (unsigned long long)have;
	while (want > 0 && (got = recv(fd, sink, sizeof(sink), 0)) > 0) {
		t.received += (unsigned long long)got;
		want -= want < (unsigned long long)got ? want :
		    (unsigned long long)got;
	}
	send(fd, done, strlen(done), MSG_NOSIGNAL);
	t.sent += strlen(done);
	shutdown(fd, SHUT_WR);
	receive_all(fd, &t);
	report_tcp("http", fd, &t);
}

/* http-sink PORT: take uploads, answer 200. */
static int
http_sink(char **argv)
{
	int fd = bind_any(SOCK_STREAM, argv[0]), c;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if ((c = accept(fd, NULL, NULL)) == -1)
			continue;
		if (fork() == 0) {
			http_take(c, "HTTP/1.1 100 Continue\r\n\r\n",
			    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n");
			_exit(0);
		}
		close(c);
	}
}

/* notify PATH SECONDS: be a service manager, end when READY=1 comes. */
static int
notify(char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct pollfd p = { .events = POLLIN };
	char text[4096];
	time_t end = time(NULL) + (time_t)number(argv[1], 3600);
	ssize_t got;

	if (strlen(argv[0]) >= sizeof(un.sun_path))
		errx(64, "path too long");
	memcpy(un.sun_path, argv[0], strlen(argv[0]));
	if ((p.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	unlink(argv[0]);
	if (bind(p.fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		err(1, "bind %s", argv[0]);
	/* The sender need not be root. */
	if (chmod(argv[0], 0666) == -1)
		err(1, "chmod");
	while (time(NULL) < end) {
		if (poll(&p, 1, 200) != 1)
			continue;
		if ((got = recv(p.fd, text, sizeof(text) - 1, 0)) <= 0)
			continue;
		text[got] = '\0';
		printf("%s\n", text);
		fflush(stdout);
		if (strstr(text, "READY=1") != NULL)
			return 0;
	}
	return 1;
}

static volatile sig_atomic_t told_to_end;

static void
end(int sig)
{
	told_to_end = sig;
}

static int
audit_set_pid(int fd, uint32_t pid)
{
	struct {
		struct nlmsghdr h;
		struct audit_status s;
	} m = {
		.h.nlmsg_len = sizeof(m),
		.h.nlmsg_type = AUDIT_SET,
		.h.nlmsg_flags = NLM_F_REQUEST,
		.s.mask = AUDIT_STATUS_PID,
		.s.pid = pid,
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&kernel,
	    sizeof(kernel)) == -1 ? -1 : 0;
}

/* audit-owner: own kernel audit, as an audit daemon does, until SIGTERM. */
static int
audit_owner(char **argv)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK };
	struct sigaction sa = { .sa_handler = end };
	static char in[65536];
	int fd;

	(void)argv;
	sigaction(SIGTERM, &sa, NULL);
	if ((fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_AUDIT)) == -1 ||
	    bind(fd, (struct sockaddr *)&me, sizeof(me)) == -1 ||
	    audit_set_pid(fd, (uint32_t)getpid()) == -1)
		err(1, "audit");
	printf("ready\n");
	fflush(stdout);
	while (!told_to_end)
		recv(fd, in, sizeof(in), 0);
	return audit_set_pid(fd, 0) == -1;
}

/* storm COUNT PROGRAM: run "PROGRAM i" COUNT times, one after the other. */
static int
storm(char **argv)
{
	unsigned long count = number(argv[0], 10000000), i;
	struct timespec a, b;
	char text[24];
	char *args[] = { argv[1], text, NULL };
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "%lu", i);
		errno = posix_spawn(&pid, argv[1], NULL, NULL, args, environ);
		if (errno != 0)
			err(1, "%s", argv[1]);
		if (waitpid(pid, NULL, 0) == -1)
			err(1, "waitpid");
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("storm %lu %.6f\n", count, (double)(b.tv_sec - a.tv_sec) +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	return 0;
}

/* opens RATE SECONDS PATH: opens the file for writing so often. */
static int
opens(char **argv)
{
	double rate = (double)number(argv[0], 10000000), t, ahead;
	double seconds = (double)number(argv[1], 3600);
	struct timespec a, b, nap = { 0 };
	unsigned long n = 0;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		fd = open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd == -1)
			err(1, "%s", argv[2]);
		close(fd);
		clock_gettime(CLOCK_MONOTONIC, &b);
		t = (double)(b.tv_sec - a.tv_sec) +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		ahead = (double)++n / rate - t;
		nap.tv_nsec = (long)(ahead * 1e9);
		if (ahead > 0.001 && ahead < 1)
			nanosleep(&nap, NULL);
	} while (t < seconds);
	printf("opens %lu %.6f\n", n, t);
	return 0;
}

static const struct mode {
	const char *name;
	int args;
	int (*run)(char **argv);
} modes[] = {
	{ "tcp-server", 2, tcp_server },
	{ "tcp-client", 5, tcp_client },
	{ "udp-server", 2, udp_server },
	{ "udp-client", 5, udp_client },
	{ "udp-send", 5, udp_send },
	{ "udp-refused", 5, udp_refused },
	{ "udp-too-big", 5, udp_too_big },
	{ "ping", 4, ping },
	{ "echo", 2, echo_server },
	{ "token", 7, token },
	{ "udp-once", 2, udp_once },
	{ "udp-next", 3, udp_next },
	{ "udp-from", 3, udp_from },
	{ "one", 5, one },
	{ "swarm", 7, swarm },
	{ "http-sink", 1, http_sink },
	{ "notify", 2, notify },
	{ "audit-owner", 0, audit_owner },
	{ "storm", 2, storm },
	{ "opens", 3, opens },
};

int
main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	size_t i;

	/* Installed a second time as "true": the shortest possible program. */
	if (strcmp(base != NULL ? base + 1 : argv[0], "true") == 0)
		return 0;
	for (i = 0; i < sizeof(block); i++)
		block[i] = (char)('a' + i % 26);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc == modes[i].args + 2 &&
		    strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run(argv + 2);
	}
	fprintf(stderr, "usage: traffic tcp-server|udp-server PORT REPLY\n"
	    "       traffic tcp-client HOST PORT COUNT SEND STEP\n"
	    "       traffic udp-client HOST PORT COUNT DATAGRAMS SIZE\n"
	    "       traffic udp-send|udp-refused|udp-too-big HOST PORT COUNT "
	    "DATAGRAMS SIZE\n"
	    "       traffic ping HOST COUNT ECHOES SIZE\n"
	    "       traffic echo tcp|udp PORT\n"
	    "       traffic token tcp|udp HOST PORT COUNT SIZE PARALLEL OFFSET\n"
	    "       traffic udp-once HOST PORT\n"
	    "       traffic udp-next FILE HOST PORT\n"
	    "       traffic udp-from INTERFACE|ADDRESS HOST PORT\n"
	    "       traffic one KIND HOST PORT MS ID\n"
	    "       traffic swarm COUNT AT-ONCE KIND HOST PORT MS FIRST-ID\n"
	    "       traffic http-sink PORT\n"
	    "       traffic audit-owner\n"
	    "       traffic notify PATH SECONDS\n"
	    "       traffic storm COUNT PROGRAM\n"
	    "       traffic opens RATE SECONDS PATH\n");
	return 64;
}
