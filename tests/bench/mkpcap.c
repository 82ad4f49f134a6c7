/*
 * mkpcap: a capture file of a Docker host, made up but shaped like a real one.
 *
 *	mkpcap sll2|ether PACKETS >FILE
 *
 * Containers fetch from outside through SNAT, 64 connections at a time. Every
 * packet is there three times, as one ring for all interfaces sees it: veth,
 * docker0, eth0, the last with the host's address and one hop less. "sll2" is
 * what libpcap's "any" device gives, "ether" the same packets with an Ethernet
 * header, for programs that know no cooked header. No packet is cut, because
 * ndpiReader discards those that are.
 */
#include <arpa/inet.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTIVE		64
#define SNAP		1024
#define STEPS		24	/* packets of one connection */
#define REQUEST		320
#define SEGMENT		600

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

struct conn {
	uint32_t	container, server, seq[2];
	uint16_t	port, ip_id[2];
	unsigned	step;
};

static int cooked;
static uint64_t clock_us = 1767225600ULL * 1000000;
static unsigned long written, wanted;

static uint8_t *
put(uint8_t *p, uint32_t v, int bytes)
{
	while (bytes-- > 0)
		*p++ = (uint8_t)(v >> (8 * bytes));
	return p;
}

static uint16_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *
link_header(uint8_t *p, unsigned ifindex, int sent)
{
	if (cooked) {
		p = put(p, 0x0800, 2);
		p = put(p, 0, 2);
		p = put(p, ifindex, 4);
		p = put(p, 1, 2);		/* ARPHRD_ETHER */
		p = put(p, sent ? 4 : 0, 1);	/* PACKET_OUTGOING, _HOST */
		p = put(p, 6, 1);
		p = put(p, 0x02420000, 4);
		p = put(p, ifindex, 2);
		return put(p, 0, 2);
	}
	p = put(p, 0x02420000, 4);
	p = put(p, ifindex + 1, 2);
	p = put(p, 0x02420000, 4);
	p = put(p, ifindex, 2);
	return put(p, 0x0800, 2);
}

static void
write_packet(const uint8_t *data, uint32_t captured, uint32_t wire)
{
	uint32_t h[4] = { (uint32_t)(clock_us / 1000000),
	    (uint32_t)(clock_us % 1000000), captured, wire };

	clock_us += 3;
	if (fwrite(h, sizeof(h), 1, stdout) != 1 ||
	    fwrite(data, captured, 1, stdout) != 1)
		err(1, "write");
	written++;
}

/* One copy: where it was seen, and with which addresses. */
static void
write_copy(struct conn *c, int reply, unsigned flags, uint32_t len,
    unsigned ifindex, int sent, uint32_t inside, int ttl)
{
	static const char text[] = "GET /file HTTP/1.1\r\nHost: example.net\r\n";
	uint8_t data[2048], *ip, *p = link_header(data, ifindex, sent);
	uint32_t wire;

	if (written >= wanted)
		return;
	ip = p;
	p = put(p, 0x4500, 2);
	p = put(p, 40 + len, 2);
	p = put(p, c->ip_id[reply], 2);
	p = put(p, 0x4000, 2);
	p = put(p, (uint32_t)ttl, 1);
	p = put(p, 6, 1);
	p = put(p, 0, 2);
	p = put(p, reply ? c->server : inside, 4);
	p = put(p, reply ? inside : c->server, 4);
	put(ip + 10, checksum(ip, 20), 2);
	p = put(p, reply ? 80 : c->port, 2);
	p = put(p, reply ? c->port : 80, 2);
	p = put(p, c->seq[reply], 4);
	p = put(p, flags & ACK ? c->seq[!reply] : 0, 4);
	p = put(p, 0x5000 | flags, 2);
	p = put(p, 64240, 2);
	p = put(p, 0, 4);
	memset(p, 'x', SNAP);
	if (!reply && len > 0)
		memcpy(p, text, sizeof(text) - 1);
	wire = (uint32_t)(p - data) + len;
	write_packet(data, wire < SNAP ? wire : SNAP, wire);
}

static void
write_copies(struct conn *c, int reply, unsigned flags, uint32_t len)
{
	unsigned veth = 100 + (c->container & 0xff);
	uint32_t host = 0xc6120002;	/* 198.18.0.2 */

	if (reply) {
		write_copy(c, 1, flags, len, 2, 0, host, 60);
		write_copy(c, 1, flags, len, 3, 1, c->container, 59);
		write_copy(c, 1, flags, len, veth, 1, c->container, 59);
	} else {
		write_copy(c, 0, flags, len, veth, 0, c->container, 64);
		write_copy(c, 0, flags, len, 3, 0, c->container, 64);
		write_copy(c, 0, flags, len, 2, 1, host, 63);
	}
	c->ip_id[reply]++;
	c->seq[reply] += len + (flags & (SYN | FIN) ? 1 : 0);
}

static void
start(struct conn *c, unsigned long n)
{
	memset(c, 0, sizeof(*c));
	c->container = 0xac110002 + (uint32_t)(n % 50);
	c->server = 0xcb007100 + (uint32_t)(n % 200);
	c->port = (uint16_t)(32768 + n % 28000);
	c->seq[0] = (uint32_t)(n * 2654435761U);
	c->seq[1] = (uint32_t)(n * 40503U + 77);
}

/* Handshake, request, data with an ACK for every second segment, close. */
static void
go_on(struct conn *c)
{
	switch (c->step++) {
	case 0:		write_copies(c, 0, SYN, 0); break;
	case 1:		write_copies(c, 1, SYN | ACK, 0); break;
	case 2:		write_copies(c, 0, ACK, 0); break;
	case 3:		write_copies(c, 0, ACK | PSH, REQUEST); break;
	case STEPS - 3:	write_copies(c, 1, ACK | FIN, 0); break;
	case STEPS - 2:	write_copies(c, 0, ACK | FIN, 0); break;
	case STEPS - 1:	write_copies(c, 1, ACK, 0); break;
	default:
		if (c->step % 3 == 0)
			write_copies(c, 0, ACK, 0);
		else
			write_copies(c, 1, ACK, SEGMENT);
	}
}

int
main(int argc, char **argv)
{
	struct conn conns[ACTIVE];
	unsigned long n = 0;
	uint32_t file[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, SNAP, 0 };
	size_t i;

	if (argc != 3)
		errx(64, "usage: mkpcap sll2|ether PACKETS");
	cooked = strcmp(argv[1], "sll2") == 0;
	wanted = strtoul(argv[2], NULL, 10);
	file[5] = cooked ? 276 : 1;	/* LINKTYPE_LINUX_SLL2, _ETHERNET */
	if (fwrite(file, sizeof(file), 1, stdout) != 1)
		err(1, "write");
	for (i = 0; i < ACTIVE; i++)
		start(&conns[i], n++);
	for (i = 0; written < wanted; i = (i + 1) % ACTIVE) {
		if (conns[i].step == STEPS)
			start(&conns[i], n++);
		go_on(&conns[i]);
	}
	if (fflush(stdout) != 0)
		err(1, "write");
	fprintf(stderr, "%lu packets, %lu connections begun\n", written, n);
	return 0;
}
