#include "collectors/packet/loopback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/dlt.h>
#include <pcap/sll.h>

#include "lib/cursor.h"
#include "stream/stream.h"

#define BLOCK_BYTES	(1 << 16)
#define BLOCKS		(LOOPBACK_BYTES / BLOCK_BYTES)
#define FRAME_BYTES	2048		/* of no meaning in version 3 */
#define RETIRE_MS	20
#define LO_IFINDEX	1		/* in every namespace */
#define FRAME_MAX	65536		/* captured bytes of one packet */

struct loopback {
	int		 fd;
	uint16_t	 scope;
	uint8_t		*ring;
	unsigned	 block;		/* that is read next */
	loopback_fn	 fn;
	void		*ctx;
	uint8_t		 frame[SLL2_HDR_LEN + FRAME_MAX];
};

static int
set_filter(int fd, size_t snaplen)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, (uint32_t)snaplen)
	};
	const struct sock_fprog program = { .len = 1, .filter = code };
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) == -1)
		return -errno;
	return 0;
}

static int
set_ring(int fd)
{
	const int version = TPACKET_V3, on = 1;
	const struct tpacket_req3 ring = {
		.tp_block_size = BLOCK_BYTES, .tp_block_nr = BLOCKS,
		.tp_frame_size = FRAME_BYTES,
		.tp_frame_nr = LOOPBACK_BYTES / FRAME_BYTES,
		.tp_retire_blk_tov = RETIRE_MS,
	};

	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	    sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version,
	    sizeof(version)) == -1 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring,
	    sizeof(ring)) == -1)
		return -errno;
	return 0;
}

/* Protocol 0 until all is set: nothing is heard before. */
int
loopback_open(size_t snaplen)
{
	const struct sockaddr_ll lo = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = LO_IFINDEX,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	int rc;

	if (fd == -1)
		return -errno;
	if ((rc = set_filter(fd, snaplen)) != 0 || (rc = set_ring(fd)) != 0)
		goto fail;
	if (bind(fd, (const struct sockaddr *)&lo, sizeof(lo)) == 0)
		return fd;
	rc = -errno;
fail:
	close(fd);
	return rc;
}

struct loopback *
loopback_new(int fd, uint16_t scope, loopback_fn fn, void *ctx)
{
	struct loopback *l = calloc(1, sizeof(*l));
	int rc = ENOMEM;

	if (l == NULL)
		goto fail;
	l->ring = mmap(NULL, LOOPBACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (l->ring == MAP_FAILED) {
		rc = errno;
		goto fail;
	}
	l->fd = fd;
	l->scope = scope;
	l->fn = fn;
	l->ctx = ctx;
	return l;
fail:
	free(l);
	close(fd);
	errno = rc;
	return NULL;
}

void
loopback_free(struct loopback *l)
{
	if (l == NULL)
		return;
	(void)munmap(l->ring, LOOPBACK_BYTES);
	close(l->fd);
	free(l);
}

int
loopback_fd(const struct loopback *l)
{
	return l->fd;
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/* A header of LINKTYPE_LINUX_SLL2 in front. */
static void
give(struct loopback *l, const struct tpacket3_hdr *h,
    const struct sockaddr_ll *from, const uint8_t *bytes, size_t len)
{
	uint32_t ifindex = STREAM_INSIDE + l->scope;
	struct collector_input in = {
		.when = { (int64_t)h->tp_sec * MONO_S + h->tp_nsec },
		.type = DLT_LINUX_SLL2,
		.wire_len = SLL2_HDR_LEN + h->tp_len,
		.bytes = l->frame, .len = SLL2_HDR_LEN + len,
	};
	uint8_t *p = l->frame;

	memset(p, 0, SLL2_HDR_LEN);
	p = put16(p, ntohs(from->sll_protocol));
	p = put16(p, 0);
	p = put16(put16(p, ifindex >> 16), ifindex);
	p = put16(p, ARPHRD_LOOPBACK);
	*p++ = from->sll_pkttype;
	*p = 6;
	memcpy(l->frame + SLL2_HDR_LEN, bytes, len);
	l->fn(l->ctx, &in);
}

/* One frame at this place of a block; where the next one stands, 0 last. */
static uint32_t
take_frame(struct loopback *l, const uint8_t *block, uint32_t at,
    unsigned *taken)
{
	struct cursor c = cursor_make(block, BLOCK_BYTES), bytes;
	struct tpacket3_hdr h;
	struct sockaddr_ll from;
	const void *head, *address;

	cursor_skip(&c, at);
	bytes = c;
	head = cursor_take(&c, TPACKET_ALIGN(sizeof(h)));
	address = cursor_take(&c, sizeof(from));
	if (head == NULL || address == NULL)
		return 0;
	memcpy(&h, head, sizeof(h));
	memcpy(&from, address, sizeof(from));
	cursor_skip(&bytes, h.tp_net);
	if (cursor_left(&bytes) < h.tp_snaplen || h.tp_snaplen > FRAME_MAX ||
	    !cursor_ok(&bytes))
		return 0;
	give(l, &h, &from, bytes.pos, h.tp_snaplen);
	++*taken;
	return h.tp_next_offset == 0 ? 0 : at + h.tp_next_offset;
}

static unsigned
take_block(struct loopback *l, const uint8_t *block)
{
	struct tpacket_block_desc desc;
	unsigned i, taken = 0;
	uint32_t at;

	memcpy(&desc, block, sizeof(desc));
	at = desc.hdr.bh1.offset_to_first_pkt;
	for (i = 0; i < desc.hdr.bh1.num_pkts && at != 0; i++)
		at = take_frame(l, block, at, &taken);
	return taken;
}

/* When lo goes down the socket has an error, and polls as ready until it is
 * taken. */
static void
take_error(struct loopback *l)
{
	socklen_t len = sizeof(int);
	int error;

	(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

unsigned
loopback_read(struct loopback *l, unsigned blocks)
{
	unsigned taken = 0;

	while (blocks-- > 0) {
		uint8_t *block = l->ring + (size_t)l->block * BLOCK_BYTES;
		/* A block begins on a page. */
		uint32_t *status = (uint32_t *)(void *)(block +
		    offsetof(struct tpacket_block_desc, hdr.bh1.block_status));

		if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) &
		    TP_STATUS_USER)) {
			take_error(l);
			break;
		}
		taken += take_block(l, block);
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		l->block = (l->block + 1) % BLOCKS;
	}
	return taken;
}

uint32_t
loopback_lost(struct loopback *l)
{
	struct tpacket_stats_v3 st;
	socklen_t len = sizeof(st);

	if (getsockopt(l->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == -1)
		return 0;
	return st.tp_drops;
}
