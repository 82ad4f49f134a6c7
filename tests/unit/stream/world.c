#include "tests/unit/stream/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#define START_NS	(INT64_C(1780000000) * MONO_S)

static bool
keep_event(void *self, const struct event *ev)
{
	struct world *w = self;

	if (event_dataset(ev) != EVENT_FLOW)
		return true;
	if (w->only_dport != 0 &&
	    event_num(ev, FIELD_DESTINATION_PORT) != w->only_dport)
		return true;
	if (w->n_events == EVENTS_MAX) {
		w->n_lost_events++;
		return true;
	}
	w->events[w->n_events++] = event_ref(ev);
	return true;
}

struct stream_conf
world_conf(void)
{
	return (struct stream_conf){ .period_ns = 10 * MONO_S,
	    .idle_timeout_ns = 60 * MONO_S, .report_bytes = 1 << 20,
	    .max_flows = 1024, .max_aliases = 1024, .max_datagrams = 65536,
	    .window_ns = 5 * MONO_S };
}

static void
add_link(struct world *w, uint32_t ifindex, const char *name,
    enum stream_link_kind kind, uint32_t master)
{
	struct stream_link link = { .ifindex = ifindex, .kind = kind,
	    .master = master, .peer_netns = -1,
	    .uplink = kind == STREAM_LINK_PHYSICAL };

	memcpy(link.name, name, strlen(name) + 1);
	stream_link(w->stream, &link);
}

static struct ipaddr
ip_of(const char *text)
{
	struct ipaddr ip = { .family = 0 };

	assert_int_equal(ipaddr_parse(text, strlen(text), &ip), 0);
	return ip;
}

static void
add_address(struct world *w, uint32_t ifindex, const char *text,
    uint8_t prefix)
{
	struct stream_address a = { .ip = ip_of(text), .ifindex = ifindex,
	    .prefix = prefix };

	stream_address(w->stream, &a);
}

void
world_init(struct world *w, const struct stream_conf *conf)
{
	struct stream_conf preset = world_conf();

	memset(w, 0, sizeof(*w));
	w->snap = 256;
	w->clock.driven = true;
	mono_drive(&w->clock, (struct wall){ START_NS });
	w->ledger = ledger_new();
	w->pipeline = pipeline_new(w->ledger, &w->clock);
	pipeline_add_sink(w->pipeline, "test", keep_event, w);
	w->stream = stream_new(conf == NULL ? &preset : conf, w->ledger,
	    w->pipeline, &w->clock);
	assert_non_null(w->stream);
	add_link(w, LO, "lo", STREAM_LINK_LOOPBACK, 0);
	add_link(w, ETH0, "eth0", STREAM_LINK_PHYSICAL, 0);
	add_link(w, DOCKER0, "docker0", STREAM_LINK_BRIDGE, 0);
	add_link(w, BR1, "br1", STREAM_LINK_BRIDGE, 0);
	add_link(w, V1, "veth1", STREAM_LINK_VETH, DOCKER0);
	add_link(w, V2, "veth2", STREAM_LINK_VETH, DOCKER0);
	add_link(w, V3, "veth3", STREAM_LINK_VETH, BR1);
	add_address(w, ETH0, HOST_IP, 24);
	add_address(w, ETH0, HOST_IP6, 64);
	add_address(w, ETH0, "fe80::10", 64);
	add_address(w, DOCKER0, BRIDGE_IP, 16);
	add_address(w, DOCKER0, "fe80::1", 64);
	add_address(w, BR1, "172.18.0.1", 19);
}

void
world_end(struct world *w)
{
	stream_free(w->stream);
	w->stream = NULL;
	pipeline_flush(w->pipeline);
}

void
world_fini(struct world *w)
{
	size_t i;

	if (w->stream != NULL)
		world_end(w);
	pipeline_free(w->pipeline);
	for (i = 0; i < w->n_events; i++)
		event_unref(w->events[i]);
	ledger_free(w->ledger);
}

static void
advance(struct world *w, int64_t ns)
{
	mono_drive(&w->clock, (struct wall){ w->clock.wall.ns + ns });
}

void
world_pass(struct world *w, int64_t ns)
{
	int64_t step;

	while (ns > 0) {
		step = ns < 10 * MONO_MS ? ns : 10 * MONO_MS;
		advance(w, step);
		stream_tick(w->stream);
		pipeline_tick(w->pipeline);
		ns -= step;
	}
}

/* Packets. */

static uint8_t *
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v);
}

static size_t
l4_header(const struct pkt *p)
{
	return p->proto == IPPROTO_TCP ? 20 : 8;
}

static size_t
l4_len(const struct pkt *p)
{
	if (p->inner != NULL)
		return 8 + pkt_len(p->inner);
	return l4_header(p) + p->payload;
}

static bool
is_v6(const struct pkt *p)
{
	return strchr(p->from, ':') != NULL;
}

static size_t
l3_header(const struct pkt *p)
{
	return is_v6(p) ? 40 + (p->size != 0 ? 8 : 0) : 20;
}

size_t
pkt_len(const struct pkt *p)
{
	return l3_header(p) + (p->size != 0 ? p->size : l4_len(p));
}

static void
write_payload(const struct pkt *p, uint8_t *out, size_t room)
{
	size_t i, n = p->payload < room ? p->payload : room;

	/* TCP: a byte depends on its sequence number, as in life. */
	for (i = 0; i < n; i++)
		out[i] = (uint8_t)((p->proto == IPPROTO_TCP ? p->seq + i : i) +
		    p->fill * 31 + (p->fill >> 8));
	if (p->proto != IPPROTO_TCP && n >= 4)
		(void)put32(out, p->fill);
}

static void
write_l4(const struct pkt *p, uint8_t *b, size_t room)
{
	uint8_t *at = b;

	memset(b, 0, room);
	if (p->proto == IPPROTO_TCP) {
		at = put32(put16(put16(at, p->sport), p->dport), p->seq);
		at = put32(at, p->ack);
		*at++ = 5 << 4;
		*at++ = p->flags;
		(void)put16(at, 65535);
	} else if (p->proto == IPPROTO_UDP) {
		at = put16(put16(at, p->sport), p->dport);
		(void)put16(at, (uint32_t)(8 + p->payload));
	} else {
		*at++ = p->type;
		*at++ = p->code;
		(void)put16(put16(at + 2, p->icmp_id), p->icmp_seq);
	}
	if (p->inner != NULL)
		(void)pkt_write(p->inner, b + 8, room - 8);
	else
		write_payload(p, b + l4_header(p), room - l4_header(p));
}

static size_t
write_v4(const struct pkt *p, uint8_t *b, size_t len)
{
	struct ipaddr from = ip_of(p->from), to = ip_of(p->to);
	uint32_t frag = 0;

	if (p->size != 0)
		frag = (uint32_t)p->offset / 8 |
		    (p->offset + p->size < l4_len(p) ? 0x2000 : 0);
	memset(b, 0, 20);
	b[0] = 0x45;
	(void)put16(put16(put16(b + 2, p->zero_len ? 0 : (uint32_t)len),
	    p->id), frag);
	b[8] = p->ttl != 0 ? p->ttl : 64;
	b[9] = p->proto;
	memcpy(b + 12, from.bytes, 4);
	memcpy(b + 16, to.bytes, 4);
	return 20;
}

static size_t
write_v6(const struct pkt *p, uint8_t *b, size_t len)
{
	struct ipaddr from = ip_of(p->from), to = ip_of(p->to);

	memset(b, 0, 48);
	b[0] = 0x60;
	(void)put16(b + 4, p->zero_len ? 0 : (uint32_t)(len - 40));
	b[6] = p->proto;
	b[7] = p->ttl != 0 ? p->ttl : 64;
	memcpy(b + 8, from.bytes, 16);
	memcpy(b + 24, to.bytes, 16);
	if (p->size == 0)
		return 40;
	b[6] = IPPROTO_FRAGMENT;
	b[40] = p->proto;
	(void)put32(put16(b + 42, (uint32_t)p->offset |
	    (p->offset + p->size < l4_len(p) ? 1 : 0)), p->id);
	return 48;
}

size_t
pkt_write(const struct pkt *p, uint8_t *b, size_t room)
{
	size_t len = pkt_len(p), header, l4 = l4_len(p), size;
	uint8_t *scratch;

	assert_true(room >= 48);
	header = is_v6(p) ? write_v6(p, b, len) : write_v4(p, b, len);
	size = p->size != 0 ? p->size : l4;
	if (size > room - header)
		size = room - header;
	/* Only what is captured of it has to be there. */
	scratch = malloc(p->offset + size + 64);
	assert_non_null(scratch);
	write_l4(p, scratch, p->offset + size + 64);
	memcpy(b + header, scratch + p->offset, size);
	free(scratch);
	return len;
}

void
world_see_at(struct world *w, const struct pkt *p, uint32_t ifindex,
    enum stream_seen seen, int64_t off_ns)
{
	uint8_t bytes[SNAP_MAX], *exact;
	struct stream_packet packet = { .ifindex = ifindex,
	    .seen = (uint8_t)seen };

	advance(w, 2 * MONO_US);
	packet.when.ns = w->clock.wall.ns + off_ns;
	packet.ethertype = is_v6(p) ? 0x86dd : 0x0800;
	packet.gso_size = p->gso_size;
	packet.wire_len = pkt_write(p, bytes, w->snap);
	packet.len = packet.wire_len < w->snap ? packet.wire_len : w->snap;
	/* A block of its own, so that a sanitizer sees a read beyond it. */
	exact = malloc(packet.len);
	assert_non_null(exact);
	memcpy(exact, bytes, packet.len);
	packet.bytes = exact;
	stream_packet(w->stream, &packet);
	free(exact);
}

void
world_see(struct world *w, const struct pkt *p, uint32_t ifindex,
    enum stream_seen seen)
{
	world_see_at(w, p, ifindex, seen, 0);
}

void
world_walk(struct world *w, const struct pkt *p, const struct step *path,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct pkt copy = *p;

		if (path[i].from != NULL)
			copy.from = path[i].from;
		if (path[i].to != NULL)
			copy.to = path[i].to;
		if (path[i].sport != 0)
			copy.sport = path[i].sport;
		if (path[i].dport != 0)
			copy.dport = path[i].dport;
		copy.ttl = (uint8_t)(64 - i);
		world_see(w, &copy, path[i].ifindex, path[i].seen);
	}
}

struct snat
world_snat(uint32_t veth, uint16_t wire_port)
{
	return (struct snat){
	    .there = { { .ifindex = veth, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN },
	        { .ifindex = ETH0, .seen = OUT, .from = HOST_IP,
	            .sport = wire_port } },
	    .back = { { .ifindex = ETH0, .seen = IN, .to = HOST_IP,
	            .dport = wire_port },
	        { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = veth, .seen = OUT } } };
}

void
world_nat(struct world *w, enum stream_nat_kind kind, uint8_t proto,
    const char *osrc, uint16_t osport, const char *odst, uint16_t odport,
    const char *rsrc, uint16_t rsport, const char *rdst, uint16_t rdport,
    uint32_t id)
{
	struct stream_nat e = { .kind = kind, .proto = proto, .id = id,
	    .when = w->clock.wall,
	    .original = { ip_of(osrc), ip_of(odst), osport, odport },
	    .reply = { ip_of(rsrc), ip_of(rdst), rsport, rdport } };

	stream_nat(w->stream, &e);
}

/* What came out. */

static bool
is_final(const struct event *ev)
{
	const struct event_value *v = event_get(ev, FIELD_TALLYMAN_FLOW_FINAL);

	return v != NULL && v->flag;
}

const struct event *
world_final(const struct world *w, size_t n)
{
	size_t i;

	for (i = 0; i < w->n_events; i++)
		if (is_final(w->events[i]) && n-- == 0)
			return w->events[i];
	return NULL;
}

size_t
world_finals(const struct world *w)
{
	size_t n = 0;

	while (world_final(w, n) != NULL)
		n++;
	return n;
}

static bool
ip_is(const struct event *ev, enum field_id field, const char *text)
{
	const struct event_value *v = event_get(ev, field);
	struct ipaddr ip = ip_of(text);

	return v != NULL && ipaddr_equal(&v->ip, &ip);
}

const struct event *
world_find(const struct world *w, const char *source, uint16_t sport,
    const char *destination, uint16_t dport)
{
	const struct event *ev;
	size_t n;

	for (n = 0; (ev = world_final(w, n)) != NULL; n++)
		if (ip_is(ev, FIELD_SOURCE_IP, source) &&
		    ip_is(ev, FIELD_DESTINATION_IP, destination) &&
		    (sport == 0 || event_num(ev, FIELD_SOURCE_PORT) == sport) &&
		    (dport == 0 ||
		    event_num(ev, FIELD_DESTINATION_PORT) == dport))
			return ev;
	return NULL;
}

bool
world_balances(const struct world *w)
{
	static const char *const names[] = {
		"stream.decode", "stream.flow", "stream.nat", "stream.reports",
		"stream.tunnel"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!ledger_stage_balances(ledger_stage(w->ledger, names[i])))
			return false;
	return true;
}

uint64_t
world_noted(const struct world *w, const char *stage, const char *what)
{
	return ledger_get(ledger_noted(ledger_stage(w->ledger, stage), what));
}

void
check_counts(const struct event *ev, int64_t out_packets, int64_t out_bytes,
    int64_t out_payload, int64_t in_packets, int64_t in_bytes,
    int64_t in_payload)
{
	assert_non_null(ev);
	assert_int_equal(event_num(ev, FIELD_SOURCE_PACKETS), out_packets);
	assert_int_equal(event_num(ev, FIELD_SOURCE_BYTES), out_bytes);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT),
	    out_payload);
	assert_int_equal(event_num(ev, FIELD_DESTINATION_PACKETS), in_packets);
	assert_int_equal(event_num(ev, FIELD_DESTINATION_BYTES), in_bytes);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_RECEIVED),
	    in_payload);
	assert_int_equal(event_num(ev, FIELD_NETWORK_PACKETS),
	    out_packets + in_packets);
	assert_int_equal(event_num(ev, FIELD_NETWORK_BYTES),
	    out_bytes + in_bytes);
}

void
check_text(const struct event *ev, enum field_id field, const char *text)
{
	assert_non_null(ev);
	assert_string_equal(event_str(ev, field), text);
}

void
check_ip(const struct event *ev, enum field_id field, const char *text)
{
	assert_non_null(ev);
	assert_true(ip_is(ev, field, text));
}
