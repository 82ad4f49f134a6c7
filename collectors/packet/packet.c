/*
 * The stamp of a packet tells whether conntrack has to be drained again
 * before it: an alias that the kernel queued before the packet was captured
 * is in the socket by then. Once per wake-up is the usual case.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <pcap/sll.h>

#include "collectors/packet/filter.h"
#include "collectors/packet/packet.h"
#include "collectors/packet/promisc.h"
#include "collectors/packet/ring.h"
#include "lib/cursor.h"

#define LOG_TAG "packet"
#include "lib/log.h"

/* The kernel hands a ring block over when it is full or this old. */
#define BLOCK_TIMEOUT_MS	50
#define FILTER_BYTES		8192

static const char *const promisc_choices[] = { "auto", "on", "off", NULL };
static const char *const source_choices[] = { "auto", "ring", "pcap", NULL };

#define KEY(name, type, preset, min, max, help)				\
	{ "capture", #name, type, offsetof(struct packet_conf, name),	\
	  preset, min, max, NULL, help }
const struct conf_key packet_conf_keys[] = {
	KEY(enabled, CONF_BOOL, "on", 0, 0,
	    "Capture packets at all."),
	{ "capture", "source", CONF_ENUM, offsetof(struct packet_conf, source),
	  "auto", 0, 0, source_choices,
	  "A ring of the agent's own, or libpcap. auto takes the ring where "
	  "it can be had." },
	{ "capture", "promiscuous", CONF_ENUM,
	  offsetof(struct packet_conf, promiscuous), "auto", 0, 0,
	  promisc_choices,
	  "Promiscuous membership on bridges, veths and physical interfaces. "
	  "auto withholds it where it would change traffic." },
	KEY(snaplen, CONF_SIZE, "256", 96, 262144,
	    "Bytes of each packet that are captured."),
	KEY(ring_bytes, CONF_SIZE, "64MiB", 1 << 20, 1 << 30,
	    "Memory shared with the kernel for packets."),
	KEY(container_loopback, CONF_BOOL, "off", 0, 0,
	    "Capture also what never leaves the network namespace of a "
	    "container. Takes 2 MiB of memory for each, for at most 64."),
	KEY(exclude, CONF_LIST, "[]", 0, 0,
	    "pcap-filter(7) expressions of traffic that is not captured. Those "
	    "that look into the link header (vlan, ether host) are refused."),
};
const size_t packet_conf_n_keys =
    sizeof(packet_conf_keys) / sizeof(packet_conf_keys[0]);
#undef KEY

/* Each by itself, so that the one that is wrong is named. */
static int
check_one(const struct packet_conf *conf, const char *item, struct buf *errors)
{
	static const char place[] = "capture filter: ";
	struct sock_fprog program;
	struct buf text, why;
	const char *said;
	int rc;

	buf_init(&text, FILTER_BYTES);
	buf_init(&why, 0);
	buf_printf(&text, "not (%s)", item);
	rc = !buf_ok(&text) ? -E2BIG : filter_make(&program, buf_text(&text),
	    (uint32_t)conf->snaplen, &why);
	if (rc == 0)
		filter_free(&program);
	said = why.len > 0 ? buf_text(&why) : strerror(-rc);
	if (strncmp(said, place, sizeof(place) - 1) == 0)
		said += sizeof(place) - 1;
	if (rc != 0)
		buf_printf(errors, "capture.exclude: %s: %s\n", item, said);
	buf_fini(&text);
	buf_fini(&why);
	return rc;
}

int
packet_check(const struct packet_conf *conf, struct buf *errors)
{
	int rc = 0;

	for (size_t i = 0; i < conf->exclude.n; i++)
		if (check_one(conf, conf->exclude.items[i], errors) != 0)
			rc = -EINVAL;
	return rc;
}

struct capture {
	struct collector_env	 env;
	struct packet_conf	 conf;
	struct ring		*ring;		/* one of these, or neither */
	pcap_t			*pcap;
	struct promisc		*promisc;
	char			*own;		/* the agent's connections */
	struct wall		 drained;	/* when `before` last ran */
	struct ledger_stage	*stage;
	ledger_count		*short_header, *link_type;
	ledger_count		*ring_drops, *interface_drops;
	uint64_t		 passed;	/* copies, since the last tick */
	uint32_t		 drops_seen;
	char			 why[PCAP_ERRBUF_SIZE + 64];
};

static void *
new(const struct collector_env *env)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->env = *env;
	if (env->conf != NULL)
		c->conf = *(const struct packet_conf *)env->conf;
	c->stage = ledger_stage(env->ledger, "packet.copies");
	c->short_header = ledger_dropped(c->stage, "short_link_header");
	c->link_type = ledger_dropped(c->stage, "unknown_link_type");
	c->ring_drops = ledger_outside(c->stage, "ring_drops");
	c->interface_drops = ledger_outside(c->stage, "interface_drops");
	return c;
}

static void
stop(struct capture *c)
{
	promisc_free(c->promisc);
	c->promisc = NULL;
	ring_free(c->ring);
	c->ring = NULL;
	if (c->pcap != NULL)
		pcap_close(c->pcap);
	c->pcap = NULL;
	c->drops_seen = 0;
}

static void
release(void *self)
{
	struct capture *c = self;

	if (c == NULL)
		return;
	stop(c);
	free(c->own);
	free(c);
}

const char *
packet_why(const void *self)
{
	const struct capture *c = self;

	return c->why;
}

const char *
packet_how(const void *self)
{
	const struct capture *c = self;

	if (c->ring == NULL)
		return "libpcap";
	return ring_knows_gso(c->ring) ? "ring" :
	    "ring without the size of UDP segments";
}

int
packet_fd(const void *self)
{
	const struct capture *c = self;

	if (c->ring != NULL)
		return ring_fd(c->ring);
	return c->pcap == NULL ? -1 : pcap_get_selectable_fd(c->pcap);
}

/* Appends "not (a) and not (b)", or nothing; -E2BIG when it is too long. */
static int
write_exclusions(const struct capture *c, struct buf *text)
{
	for (size_t i = 0; i < c->conf.exclude.n; i++)
		buf_printf(text, "%snot (%s)", text->len == 0 ? "" : " and ",
		    c->conf.exclude.items[i]);
	if (c->own != NULL && c->own[0] != '\0')
		buf_printf(text, "%snot (%s)", text->len == 0 ? "" : " and ",
		    c->own);
	return buf_ok(text) ? 0 : -E2BIG;
}

/* The program for the ring, in *out. */
static int
make_program(struct capture *c, struct sock_fprog *out)
{
	struct buf text, why;
	int rc;

	buf_init(&text, FILTER_BYTES);
	buf_init(&why, sizeof(c->why));
	rc = write_exclusions(c, &text);
	if (rc != 0)
		buf_add_str(&why, "capture.exclude is too long");
	else
		rc = filter_make(out, buf_text(&text),
		    (uint32_t)c->conf.snaplen, &why);
	if (rc != 0)
		snprintf(c->why, sizeof(c->why), "%s", why.len > 0 ?
		    buf_text(&why) : strerror(-rc));
	buf_fini(&text);
	buf_fini(&why);
	return rc;
}

static int
set_ring_filter(struct capture *c)
{
	struct sock_fprog program;
	int rc = make_program(c, &program);

	if (rc != 0)
		return rc;
	rc = ring_set_filter(c->ring, &program);
	if (rc != 0)
		snprintf(c->why, sizeof(c->why), "capture filter: %s",
		    strerror(-rc));
	filter_free(&program);
	return rc;
}

static int
set_pcap_filter(struct capture *c)
{
	struct bpf_program program;
	struct buf text;
	int rc;

	buf_init(&text, FILTER_BYTES);
	buf_add_str(&text, "not ifindex 1");
	rc = write_exclusions(c, &text);
	if (rc != 0)
		snprintf(c->why, sizeof(c->why), "capture.exclude is too long");
	else if (pcap_compile(c->pcap, &program, buf_text(&text), 1,
	    PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(c->why, sizeof(c->why), "capture filter: %s",
		    pcap_geterr(c->pcap));
		rc = -EINVAL;
	}
	buf_fini(&text);
	if (rc != 0)
		return rc;
	rc = pcap_setfilter(c->pcap, &program) == 0 ? 0 : -EIO;
	if (rc != 0)
		snprintf(c->why, sizeof(c->why), "capture filter: %s",
		    pcap_geterr(c->pcap));
	pcap_freecode(&program);
	return rc;
}

static int
activate(struct capture *c)
{
	int rc;

	if ((rc = pcap_set_snaplen(c->pcap, (int)c->conf.snaplen)) != 0 ||
	    (rc = pcap_set_timeout(c->pcap, BLOCK_TIMEOUT_MS)) != 0 ||
	    (rc = pcap_set_buffer_size(c->pcap,
	    (int)c->conf.ring_bytes)) != 0 ||
	    (rc = pcap_set_tstamp_precision(c->pcap,
	    PCAP_TSTAMP_PRECISION_NANO)) != 0 ||
	    (rc = pcap_activate(c->pcap)) < 0) {
		snprintf(c->why, sizeof(c->why), "%s: %s",
		    pcap_statustostr(rc), pcap_geterr(c->pcap));
		return rc == PCAP_ERROR_PERM_DENIED ? -EPERM : -EIO;
	}
	return 0;
}

static int
start_pcap(struct capture *c)
{
	char err[PCAP_ERRBUF_SIZE];
	int rc;

	c->pcap = pcap_create("any", err);
	if (c->pcap == NULL) {
		snprintf(c->why, sizeof(c->why), "%s", err);
		return -EIO;
	}
	if ((rc = activate(c)) != 0)
		return rc;
	if (pcap_set_datalink(c->pcap, DLT_LINUX_SLL2) != 0 ||
	    pcap_setnonblock(c->pcap, 1, err) != 0) {
		snprintf(c->why, sizeof(c->why), "%s", pcap_geterr(c->pcap));
		return -EIO;
	}
	return set_pcap_filter(c);
}

/* fd: a packet socket, or what ring_socket said instead. */
static int
start_ring(struct capture *c, int fd)
{
	struct sock_fprog program;
	struct buf why;
	int rc = fd;

	if (fd < 0) {
		snprintf(c->why, sizeof(c->why), "packet socket: %s",
		    strerror(-fd));
		return fd;
	}
	if ((rc = make_program(c, &program)) != 0) {
		close(fd);
		return rc;
	}
	buf_init(&why, sizeof(c->why));
	c->ring = ring_new(fd, (size_t)c->conf.ring_bytes, &program, &why);
	rc = c->ring == NULL ? -errno : 0;
	filter_free(&program);
	if (rc != 0)
		snprintf(c->why, sizeof(c->why), "ring: %s", buf_text(&why));
	buf_fini(&why);
	return rc;
}

static int
start_either(struct capture *c, int fd)
{
	int rc;

	if (fd >= 0 || c->conf.source != PACKET_SOURCE_PCAP) {
		rc = start_ring(c, fd >= 0 ? fd : ring_socket());
		if (rc == 0 || fd >= 0 || rc == -EINVAL || rc == -E2BIG ||
		    c->conf.source == PACKET_SOURCE_RING)
			return rc;
		log_warnx("%s: libpcap instead", c->why);
	}
	return start_pcap(c);
}

static int
start(void *self, int fd)
{
	struct capture *c = self;
	int rc;

	stop(c);
	if ((rc = start_either(c, fd)) == 0) {
		c->promisc = promisc_new(c->ring != NULL ? ring_fd(c->ring) :
		    pcap_fileno(c->pcap),
		    (enum packet_promisc)c->conf.promiscuous);
		rc = c->promisc == NULL ? -ENOMEM : 0;
	}
	if (rc != 0)
		stop(c);
	return rc;
}

static int
set_filter(struct capture *c)
{
	if (c->ring != NULL)
		return set_ring_filter(c);
	return c->pcap == NULL ? 0 : set_pcap_filter(c);
}

int
packet_exclude(void *self, const char *expression)
{
	struct capture *c = self;
	char *copy = strdup(expression);

	if (copy == NULL)
		return -ENOMEM;
	free(c->own);
	c->own = copy;
	return set_filter(c);
}

void
packet_on_link(void *self, const struct stream_link *link, bool hairpin)
{
	struct capture *c = self;

	if (c->promisc != NULL)
		promisc_on_link(c->promisc, link, hairpin);
}

void
packet_write_promisc(const void *self, struct json_writer *w)
{
	const struct capture *c = self;

	if (c->promisc != NULL)
		promisc_write_json(c->promisc, w);
	else {
		json_open(w, '[');
		json_close(w, ']');
	}
}

static uint32_t
pcap_drops(struct capture *c)
{
	struct pcap_stat st;
	uint32_t lost;

	if (c->pcap == NULL || pcap_stats(c->pcap, &st) != 0)
		return 0;
	/* libpcap adds up in 32 bits, and begins again at 0. */
	lost = st.ps_drop - c->drops_seen;
	c->drops_seen = st.ps_drop;
	ledger_set(c->interface_drops, st.ps_ifdrop);
	return lost;
}

void
packet_count_ring(void *self)
{
	struct capture *c = self;
	uint32_t lost = c->ring != NULL ? ring_drops(c->ring) : pcap_drops(c);

	if (lost > 0)
		stream_lost(c->env.stream, lost);
	ledger_add(c->ring_drops, lost);
}

static void
strip_sll2(struct cursor *cur, struct stream_packet *p)
{
	const uint8_t *mac;
	uint8_t mac_len;

	p->ethertype = cursor_u16be(cur);
	p->gso_size = cursor_u16be(cur);	/* reserved: 0 of others */
	p->ifindex = cursor_u32be(cur);
	cursor_skip(cur, 2);
	p->seen = cursor_u8(cur);
	mac_len = cursor_u8(cur);
	mac = cursor_take(cur, SLL_ADDRLEN);
	if (mac != NULL && mac_len == 6)
		memcpy(p->source_mac, mac, 6);
}

static void
strip_sll(struct cursor *cur, struct stream_packet *p)
{
	const uint8_t *mac;
	uint16_t mac_len;

	p->seen = (uint8_t)cursor_u16be(cur);
	cursor_skip(cur, 2);
	mac_len = cursor_u16be(cur);
	mac = cursor_take(cur, SLL_ADDRLEN);
	p->ethertype = cursor_u16be(cur);
	p->ifindex = 1;
	if (mac != NULL && mac_len == 6)
		memcpy(p->source_mac, mac, 6);
}

static void
strip_ethernet(struct cursor *cur, struct stream_packet *p)
{
	const uint8_t *mac;

	cursor_skip(cur, 6);
	mac = cursor_take(cur, 6);
	p->ethertype = cursor_u16be(cur);
	p->ifindex = 1;
	if (mac != NULL)
		memcpy(p->source_mac, mac, 6);
}

static void
strip_raw(struct cursor *cur, struct stream_packet *p)
{
	struct cursor peek = *cur;

	p->ethertype = cursor_u8(&peek) >> 4 == 6 ? 0x86dd : 0x0800;
	p->ifindex = 1;
}

/* One row per link type that is understood. */
static const struct {
	uint32_t	type;
	void		(*strip)(struct cursor *, struct stream_packet *);
} link_types[] = {
	{ DLT_LINUX_SLL2, strip_sll2 },
	{ DLT_LINUX_SLL, strip_sll },
	{ DLT_EN10MB, strip_ethernet },
	{ DLT_RAW, strip_raw },
	{ 101, strip_raw },	/* LINKTYPE_RAW, as files have it */
};

static void
feed(void *self, const struct collector_input *in)
{
	struct capture *c = self;
	struct stream_packet p = { .when = in->when };
	struct cursor cur = cursor_make(in->bytes, in->len);
	size_t header;

	for (size_t i = 0; i < sizeof(link_types) / sizeof(link_types[0]); i++) {
		if (link_types[i].type != in->type)
			continue;
		link_types[i].strip(&cur, &p);
		if (!cursor_ok(&cur)) {
			ledger_add(&c->stage->received, 1);
			ledger_add(c->short_header, 1);
			return;
		}
		p.len = cursor_left(&cur);
		header = in->len - p.len;
		p.bytes = cur.pos;
		p.wire_len = in->wire_len > header ? in->wire_len - header : 0;
		if (p.wire_len < p.len)
			p.wire_len = p.len;
		c->passed++;
		stream_packet(c->env.stream, &p);
		return;
	}
	ledger_add(&c->stage->received, 1);
	ledger_add(c->link_type, 1);
}

/* A live copy: what explains it first, then the recorder, then stream. */
static void
take(struct capture *c, const struct collector_input *in)
{
	if (in->when.ns >= c->drained.ns && c->env.before != NULL) {
		c->drained = mono_wall(c->env.clock);
		c->env.before(c->env.before_ctx);
	}
	if (c->env.tap != NULL)
		c->env.tap(c->env.tap_ctx, packet_collector.name, in);
	feed(c, in);
}

static void
on_packet(u_char *self, const struct pcap_pkthdr *h, const u_char *bytes)
{
	const struct collector_input in = {
		/* nanoseconds: asked for with pcap_set_tstamp_precision */
		.when = { (int64_t)h->ts.tv_sec * MONO_S + h->ts.tv_usec },
		.type = DLT_LINUX_SLL2,
		.wire_len = h->len,
		.bytes = bytes,
		.len = h->caplen,
	};

	take((struct capture *)(void *)self, &in);
}

/* Writes the cooked header in front of the packet, as libpcap does. */
static uint8_t *
cook(const struct ring_frame *f)
{
	uint8_t *h = f->bytes - SLL2_HDR_LEN;

	h[0] = (uint8_t)(f->protocol >> 8);
	h[1] = (uint8_t)f->protocol;
	h[2] = (uint8_t)(f->gso_size >> 8);
	h[3] = (uint8_t)f->gso_size;
	h[4] = (uint8_t)(f->ifindex >> 24);
	h[5] = (uint8_t)(f->ifindex >> 16);
	h[6] = (uint8_t)(f->ifindex >> 8);
	h[7] = (uint8_t)f->ifindex;
	h[8] = (uint8_t)(f->hatype >> 8);
	h[9] = (uint8_t)f->hatype;
	h[10] = f->seen;
	h[11] = f->mac_len;
	memcpy(h + 12, f->mac, SLL_ADDRLEN);
	return h;
}

static void
on_frame(void *self, const struct ring_frame *f)
{
	struct capture *c = self;
	struct collector_input in = {
		.when = f->when,
		.type = DLT_LINUX_SLL2,
		.wire_len = (uint32_t)(f->wire_len + SLL2_HDR_LEN),
		.bytes = cook(f),
		.len = f->len + SLL2_HDR_LEN,
	};

	if (in.len > (size_t)c->conf.snaplen)
		in.len = (size_t)c->conf.snaplen;
	take(c, &in);
}

static int
read_some(void *self, int budget)
{
	struct capture *c = self;
	int n;

	if (c->ring != NULL)
		return ring_read(c->ring, budget, on_frame, c);
	n = pcap_dispatch(c->pcap, budget, on_packet, (u_char *)c);
	if (n >= 0)
		return n;
	/* An interface that went down is no fault of the "any" device. */
	snprintf(c->why, sizeof(c->why), "%s", pcap_geterr(c->pcap));
	return n == PCAP_ERROR_BREAK ? 0 : -EIO;
}

static void
tick(void *self, struct mono now)
{
	struct capture *c = self;

	(void)now;
	/* Handed over now and then, as in stream/tally.h. */
	ledger_add(&c->stage->received, c->passed);
	ledger_add(&c->stage->delivered, c->passed);
	c->passed = 0;
	packet_count_ring(c);
}

const struct collector_ops packet_collector = {
	.name = "packet", .new = new, .start = start, .read = read_some,
	.feed = feed, .tick = tick, .free = release,
};
