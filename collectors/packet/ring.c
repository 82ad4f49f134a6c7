/*
 * The kernel fills blocks and hands each over when it is full or old; the
 * order of frames in them is the order in which the host handled packets.
 */
#include "collectors/packet/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#define BLOCK_BYTES	((size_t)256 << 10)
#define BLOCKS_MIN	4
#define BLOCK_AGE_MS	50	/* after that a block is handed over */
#define FRAME_BYTES	2048	/* of no meaning for this version */

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif
#define HEAD_BYTES	192	/* of a frame, to the transport header */
#define VNET_BYTES	10	/* struct virtio_net_hdr */
#define TAG_BYTES	4	/* of IEEE 802.1Q */

struct ring {
	int		 fd;
	bool		 vnet;		/* a virtio header before each frame */
	uint8_t		*memory;
	size_t		 n_blocks, block;	/* the one that is read */
	uint8_t		*at;		/* next frame in it */
	uint32_t	 left;		/* frames in it */
};

int
ring_socket(void)
{
	/* Protocol 0: silent until it is bound. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd == -1 ? -errno : fd;
}

static int
set_option(int fd, int option, const void *value, size_t len)
{
	return setsockopt(fd, SOL_PACKET, option, value, (socklen_t)len) == 0 ?
	    0 : -errno;
}

/* Older kernels drop UDP_SEGMENT at a socket with this header. */
static bool
may_ask_for_gso(void)
{
	struct utsname u;
	unsigned major, minor;

	if (uname(&u) != 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 2);
}

static int
map_blocks(struct ring *r, size_t bytes)
{
	struct tpacket_req3 req = {
		.tp_block_size = (unsigned)BLOCK_BYTES,
		.tp_frame_size = FRAME_BYTES,
		.tp_retire_blk_tov = BLOCK_AGE_MS,
	};
	size_t n = bytes / BLOCK_BYTES;
	int rc = -ENOMEM;

	for (n = n < BLOCKS_MIN ? BLOCKS_MIN : n; n >= BLOCKS_MIN; n /= 2) {
		req.tp_block_nr = (unsigned)n;
		req.tp_frame_nr = (unsigned)(n * (BLOCK_BYTES / FRAME_BYTES));
		rc = set_option(r->fd, PACKET_RX_RING, &req, sizeof(req));
		if (rc != -ENOMEM)
			break;
	}
	if (rc != 0)
		return rc;
	r->memory = mmap(NULL, n * BLOCK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED, r->fd, 0);
	if (r->memory == MAP_FAILED) {
		r->memory = NULL;
		return -errno;
	}
	r->n_blocks = n;
	return 0;
}

static int
bind_all(const struct ring *r)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };

	return bind(r->fd, (const struct sockaddr *)&all, sizeof(all)) == 0 ?
	    0 : -errno;
}

static int
set_up(struct ring *r, size_t bytes, const struct sock_fprog *filter,
    struct buf *why)
{
	const int version = TPACKET_V3, on = 1;
	const char *what = "TPACKET_V3";
	int rc = set_option(r->fd, PACKET_VERSION, &version, sizeof(version));

	if (rc == 0 && may_ask_for_gso())
		r->vnet = set_option(r->fd, PACKET_VNET_HDR, &on,
		    sizeof(on)) == 0;
	if (rc == 0) {
		what = "filter";
		rc = ring_set_filter(r, filter);
	}
	if (rc == 0) {
		what = "memory of the ring";
		rc = map_blocks(r, bytes);
	}
	if (rc == 0) {
		what = "bind";
		rc = bind_all(r);
	}
	if (rc != 0)
		buf_printf(why, "%s: %s", what, strerror(-rc));
	return rc;
}

struct ring *
ring_new(int fd, size_t bytes, const struct sock_fprog *filter,
    struct buf *why)
{
	struct ring *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	r->fd = fd;
	if ((rc = set_up(r, bytes, filter, why)) == 0)
		return r;
	ring_free(r);
	errno = -rc;
	return NULL;
}

void
ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	if (r->memory != NULL)
		munmap(r->memory, r->n_blocks * BLOCK_BYTES);
	close(r->fd);
	free(r);
}

int
ring_fd(const struct ring *r)
{
	return r->fd;
}

bool
ring_knows_gso(const struct ring *r)
{
	return r->vnet;
}

int
ring_set_filter(struct ring *r, const struct sock_fprog *filter)
{
	return setsockopt(r->fd, SOL_SOCKET, SO_ATTACH_FILTER, filter,
	    sizeof(*filter)) == 0 ? 0 : -errno;
}

uint32_t
ring_drops(struct ring *r)
{
	struct tpacket_stats_v3 st;
	socklen_t len = sizeof(st);

	/* The kernel counts from zero again after each call. */
	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) != 0)
		return 0;
	return st.tp_drops;
}

static struct tpacket_block_desc *
block_at(const struct ring *r, size_t n)
{
	return (struct tpacket_block_desc *)(void *)(r->memory +
	    n * BLOCK_BYTES);
}

static _Atomic uint32_t *
status_of(struct tpacket_block_desc *b)
{
	return (_Atomic uint32_t *)&b->hdr.bh1.block_status;
}

/* The next block that has frames; false when the kernel has it still. */
static bool
open_block(struct ring *r)
{
	struct tpacket_block_desc *b = block_at(r, r->block);

	if (!(atomic_load_explicit(status_of(b), memory_order_acquire) &
	    TP_STATUS_USER))
		return false;
	r->left = b->hdr.bh1.num_pkts;
	r->at = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
	return true;
}

static void
give_back(struct ring *r)
{
	atomic_store_explicit(status_of(block_at(r, r->block)),
	    TP_STATUS_KERNEL, memory_order_release);
	r->block = r->block + 1 == r->n_blocks ? 0 : r->block + 1;
}

static uint16_t
gso_size(const struct ring *r, const uint8_t *mac)
{
	struct virtio_net_hdr v;

	if (!r->vnet)
		return 0;
	memcpy(&v, mac - VNET_BYTES, VNET_BYTES);
	return (v.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) ==
	    VIRTIO_NET_HDR_GSO_UDP_L4 ? v.gso_size : 0;
}

/*
 * A tag that the sender put into the frame itself, because the device cannot,
 * stands before the network header, but the frame is still called tagged.
 */
static uint16_t
protocol_of(const struct sockaddr_ll *from, const uint8_t *bytes, size_t link)
{
	uint16_t protocol = ntohs(from->sll_protocol);

	if ((protocol != ETH_P_8021Q && protocol != ETH_P_8021AD) ||
	    link < ETH_HLEN + TAG_BYTES)
		return protocol;
	return (uint16_t)(bytes[-2] << 8 | bytes[-1]);
}

static struct ring_frame
read_frame(const struct ring *r, uint8_t *at)
{
	const struct tpacket3_hdr *h = (const void *)at;
	const struct sockaddr_ll *from = (const void *)(at +
	    TPACKET_ALIGN(sizeof(*h)));
	size_t link = h->tp_net > h->tp_mac ? (size_t)h->tp_net - h->tp_mac : 0;
	struct ring_frame f = {
		.when.ns = (int64_t)h->tp_sec * MONO_S + h->tp_nsec,
		.ifindex = (uint32_t)from->sll_ifindex,
		.protocol = protocol_of(from, at + h->tp_mac + link, link),
		.hatype = from->sll_hatype,
		.gso_size = gso_size(r, at + h->tp_mac),
		.seen = from->sll_pkttype,
		.mac_len = from->sll_halen,
		.bytes = at + h->tp_mac + link,
		.len = h->tp_snaplen > link ? h->tp_snaplen - link : 0,
		.wire_len = h->tp_len > link ? h->tp_len - link : 0,
	};

	memcpy(f.mac, from->sll_addr, sizeof(f.mac));
	return f;
}

/* To the next frame. Another processor wrote it: it is asked for early. */
static void
move_on(struct ring *r)
{
	const struct tpacket3_hdr *h = (const void *)r->at;
	size_t byte;

	r->at += h->tp_next_offset;
	if (--r->left == 0)
		return;
	for (byte = 0; byte < HEAD_BYTES; byte += 64)
		__builtin_prefetch(r->at + byte);
}

int
ring_read(struct ring *r, int budget, ring_fn fn, void *ctx)
{
	struct ring_frame f;
	int n = 0;

	while (n < budget) {
		if (r->left == 0 && !open_block(r))
			break;
		if (r->left != 0) {
			f = read_frame(r, r->at);
			move_on(r);
			n++;
			fn(ctx, &f);
		}
		if (r->left == 0)
			give_back(r);
	}
	return n;
}
