#include "stream/report.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/json.h"
#include "stream/community.h"
#include "stream/decode.h"

/* Both ends of a flow, the initiator first, as seen on one side of NAT. */
struct ends {
	struct ipaddr	ip[2];
	uint16_t	port[2];
};

static const char *const end_reasons[FLOW_ENDS] = {
	[FLOW_END_FIN] = "fin", [FLOW_END_RST] = "rst",
	[FLOW_END_IDLE] = "idle", [FLOW_END_EVICTED] = "evicted",
	[FLOW_END_SHUTDOWN] = "shutdown", [FLOW_END_REPLACED] = "replaced"
};

static struct ends
ends_of(const struct key *key, unsigned side)
{
	struct ends e = {
		.ip = { key_ip(key, side), key_ip(key, !side) },
		.port = { key->port[side], key->port[!side] }
	};

	return e;
}

static struct ends
original_ends(const struct flow *f)
{
	return ends_of(&f->key, f->bits & FLOW_BIT_SIDE ? 1 : 0);
}

static bool
is_icmp(const struct flow *f)
{
	return f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6;
}

/* Has it never left a container's network namespace? */
static bool
is_inside(const struct flow *f)
{
	return f->key.scope != 0 && f->key.scope < TUNNEL_SCOPE;
}

static uint32_t
ifindex_of(struct flow *f, unsigned point)
{
	return flow_point(f, point)->where & ~FLOW_POINT_OUT;
}

static bool
is_out(struct flow *f, unsigned point)
{
	return (flow_point(f, point)->where & FLOW_POINT_OUT) != 0;
}

/* The place in order[] of the first port of this bridge; n when there is none. */
static size_t
find_port(const struct links *links, struct flow *f, uint32_t bridge,
    const uint8_t *order, size_t n)
{
	const struct stream_link *link;
	size_t i;

	for (i = 0; i < n; i++) {
		link = links_get(links, ifindex_of(f, order[i]));
		if (link != NULL && link->master == bridge)
			break;
	}
	return i;
}

/*
 * A promiscuous bridge hears a packet only after it went out at another port,
 * but on the path the bridge comes right behind the port that took it in.
 */
static void
move_bridges(const struct links *links, struct flow *f, uint8_t *order,
    size_t n)
{
	uint8_t point;
	size_t i, port;

	for (i = 2; i < n; i++) {
		point = order[i];
		if (is_out(f, point) ||
		    !links_is_bridge(links, ifindex_of(f, point)))
			continue;
		port = find_port(links, f, ifindex_of(f, point), order, i);
		if (port == i)
			continue;
		memmove(order + port + 2, order + port + 1, i - port - 1);
		order[port + 1] = point;
	}
}

/*
 * The points in the order of the initiator's path. Those that only replies
 * showed were met the other way round.
 */
static size_t
order_points(const struct links *links, struct flow *f,
    uint8_t order[static FLOW_POINTS])
{
	size_t n = 0;
	unsigned p;

	for (p = 0; p < f->n_points; p++)
		if (!(f->by_reply & 1U << p))
			order[n++] = (uint8_t)p;
	for (p = f->n_points; p-- > 0;)
		if (f->by_reply & 1U << p)
			order[n++] = (uint8_t)p;
	move_bridges(links, f, order, n);
	return n;
}

/*
 * Seen coming in from a container or bridge, never going out anywhere, and
 * not for this host: it was lost inside. It would have left unless it was for
 * the subnet of a bridge: what no route leads to counts as attempted.
 */
static enum report_left
left_unseen(const struct report_env *env, struct flow *f)
{
	struct ends e = original_ends(f);
	bool sent = false;
	unsigned p;

	for (p = 0; p < f->n_points; p++) {
		if (flow_point(f, p)->packets[0] == 0)
			continue;
		if (is_out(f, p))
			return REPORT_LEFT_NO;
		sent = true;
	}
	if (!sent || (f->bits & FLOW_BIT_CAST) ||
	    (env->conn != NULL && env->conn->moved_destination) ||
	    ipaddr_is_multicast(&e.ip[1]))
		return REPORT_LEFT_NO;
	if (!links_know_host(env->links))
		return REPORT_LEFT_UNKNOWN;
	return links_is_host(env->links, &e.ip[1]) ||
	    links_is_inside(env->links, &e.ip[1]) ? REPORT_LEFT_NO :
	    REPORT_LEFT_ATTEMPTED;
}

/*
 * What one macvlan sends to another comes in at their parent, in both
 * directions, and went out nowhere.
 */
static bool
turns_at(struct flow *f, uint32_t ifindex)
{
	bool there = false, back = false;
	unsigned p;

	for (p = 0; p < f->n_points; p++) {
		const struct flow_point *at = flow_point(f, p);

		if (ifindex_of(f, p) != ifindex)
			continue;
		if (at->packets[is_out(f, p) ? 0 : 1] != 0)
			return false;
		there = there || at->packets[0] != 0;
		back = back || at->packets[1] != 0;
	}
	return there && back;
}

/* Does the host end here? */
static bool
is_border(struct flow *f, const struct stream_link *link)
{
	return link != NULL && link->uplink && !turns_at(f, link->ifindex);
}

enum report_left
report_left_host(const struct report_env *env, struct flow *f)
{
	const struct stream_link *link;
	bool unknown = false, turned = false;
	unsigned p;

	if (is_inside(f))
		return REPORT_LEFT_NO;
	for (p = 0; p < f->n_points; p++) {
		link = links_get(env->links, ifindex_of(f, p));
		if (link == NULL)
			unknown = true;
		else if (is_border(f, link))
			return REPORT_LEFT_YES;
		else if (link->uplink)
			turned = true;
	}
	if (unknown)
		return REPORT_LEFT_UNKNOWN;
	return turned ? REPORT_LEFT_NO : left_unseen(env, f);
}

/* Did packets of the initiator come in from (or go out to) an uplink? */
static bool
crosses_uplink(const struct report_env *env, struct flow *f, bool out)
{
	const struct stream_link *link;
	unsigned p;

	for (p = 0; p < f->n_points; p++) {
		link = links_get(env->links, ifindex_of(f, p));
		if (is_border(f, link) && is_out(f, p) == out)
			return true;
	}
	return false;
}

static void
set_scopes(struct event *ev, const struct report_env *env, struct flow *f,
    const struct ends *e)
{
	if (is_inside(f)) {
		event_set_num(ev, FIELD_TALLYMAN_FLOW_INSIDE, f->key.scope);
		event_set_cstr(ev, FIELD_TALLYMAN_SOURCE_SCOPE, "container");
		event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_SCOPE,
		    "container");
		return;
	}
	if (links_is_host(env->links, &e->ip[0]))
		event_set_cstr(ev, FIELD_TALLYMAN_SOURCE_SCOPE, "host");
	else if (crosses_uplink(env, f, false))
		event_set_cstr(ev, FIELD_TALLYMAN_SOURCE_SCOPE, "outside");
	/* What was dialled is translated: enrich knows the container. */
	if (env->conn != NULL && env->conn->moved_destination)
		return;
	if (links_is_host(env->links, &e->ip[1]))
		event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_SCOPE, "host");
	else if (crosses_uplink(env, f, true))
		event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_SCOPE, "outside");
}

static void
set_left(struct event *ev, const struct report_env *env, struct flow *f)
{
	static const char *const names[] = {
		[REPORT_LEFT_NO] = "no", [REPORT_LEFT_YES] = "yes",
		[REPORT_LEFT_ATTEMPTED] = "attempted"
	};
	enum report_left left = report_left_host(env, f);

	if (left == REPORT_LEFT_UNKNOWN)
		event_set_missing(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST);
	else
		event_set_cstr(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, names[left]);
}

/* Packets at every point of an interface; 0 when it stands earlier in the
 * order already: there and back are one place on the path. */
static uint64_t
packets_of_interface(struct flow *f, const uint8_t *order, size_t n, size_t i)
{
	uint32_t ifindex = ifindex_of(f, order[i]);
	uint64_t packets = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		struct flow_point *p = flow_point(f, order[k]);

		if (ifindex_of(f, order[k]) != ifindex)
			continue;
		if (k < i)
			return 0;
		packets += (uint64_t)p->packets[0] + p->packets[1];
	}
	return packets;
}

static void
set_points(struct event *ev, const struct report_env *env, struct flow *f)
{
	uint8_t order[FLOW_POINTS];
	size_t n = order_points(env->links, f, order), i;
	uint64_t packets;
	struct json_writer w;
	struct buf out;

	buf_init(&out, 0);
	json_writer_init(&w, &out);
	json_open(&w, '[');
	for (i = 0; i < n; i++) {
		packets = packets_of_interface(f, order, n, i);
		if (packets == 0)
			continue;
		json_open(&w, '{');
		json_key_str(&w, "interface");
		json_put_cstr(&w, links_name(env->links,
		    ifindex_of(f, order[i])));
		json_key_str(&w, "packets");
		json_put_u64(&w, packets);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	if (buf_ok(&out))
		event_set_json(ev, FIELD_TALLYMAN_FLOW_POINTS, out.data,
		    out.len);
	buf_fini(&out);
	if (n == 0)
		return;
	if (!is_out(f, order[0])) {
		event_set_cstr(ev, FIELD_OBSERVER_INGRESS_INTERFACE_NAME,
		    links_name(env->links, ifindex_of(f, order[0])));
		event_set_digits(ev, FIELD_OBSERVER_INGRESS_INTERFACE_ID,
		    ifindex_of(f, order[0]));
	}
	if (is_out(f, order[n - 1])) {
		event_set_cstr(ev, FIELD_OBSERVER_EGRESS_INTERFACE_NAME,
		    links_name(env->links, ifindex_of(f, order[n - 1])));
		event_set_digits(ev, FIELD_OBSERVER_EGRESS_INTERFACE_ID,
		    ifindex_of(f, order[n - 1]));
	}
}

static void
set_end(struct event *ev, const struct ipaddr *ip, uint16_t port, bool ports,
    enum field_id ip_field, enum field_id port_field)
{
	event_set_ip(ev, ip_field, ip);
	event_add_ip(ev, FIELD_RELATED_IP, ip);
	if (ports)
		event_set_num(ev, port_field, port);
}

static bool
has_ports(const struct flow *f)
{
	return !is_icmp(f) && (f->key.port[0] != 0 || f->key.port[1] != 0);
}

static void
set_ends(struct event *ev, const struct report_env *env, const struct flow *f,
    const struct ends *e)
{
	bool ports = has_ports(f);
	char text[IPADDR_TEXT];
	struct ends wire;

	set_end(ev, &e->ip[0], e->port[0], ports, FIELD_SOURCE_IP,
	    FIELD_SOURCE_PORT);
	event_set_cstr(ev, FIELD_SOURCE_ADDRESS,
	    ipaddr_format(&e->ip[0], text));
	set_end(ev, &e->ip[1], e->port[1], ports, FIELD_DESTINATION_IP,
	    FIELD_DESTINATION_PORT);
	event_set_cstr(ev, FIELD_DESTINATION_ADDRESS,
	    ipaddr_format(&e->ip[1], text));
	if (env->conn == NULL)
		return;
	wire = ends_of(&env->conn->wire, env->conn->side[NAT_WIRE]);
	if (env->conn->moved_source)
		set_end(ev, &wire.ip[0], wire.port[0], ports,
		    FIELD_SOURCE_NAT_IP, FIELD_SOURCE_NAT_PORT);
	if (env->conn->moved_destination)
		set_end(ev, &wire.ip[1], wire.port[1], ports,
		    FIELD_DESTINATION_NAT_IP, FIELD_DESTINATION_NAT_PORT);
	if (env->conn->moved_source || env->conn->moved_destination)
		event_set_cstr(ev, FIELD_TALLYMAN_FLOW_NAT_METHOD,
		    "conntrack");
}

static void
set_community(struct event *ev, enum field_id field, const struct flow *f,
    const struct ends *e)
{
	uint16_t from = e->port[0], to = e->port[1];
	char text[COMMUNITY_TEXT];

	if (is_icmp(f) && to == DECODE_ASKED) {
		from = f->key.proto == IPPROTO_ICMP ? 8 : 128;
		to = 0;
	} else if (is_icmp(f)) {
		to &= 0xff;
	}
	community_id(text, &e->ip[0], from, &e->ip[1], to, f->key.proto);
	event_set_cstr(ev, field, text);
}

static void
set_communities(struct event *ev, const struct report_env *env,
    const struct flow *f, const struct ends *e)
{
	const struct nat_conn *c = env->conn;
	bool moved = c != NULL && (c->moved_source || c->moved_destination);
	/* With only the destination translated the container answers. */
	bool answers = moved && !c->moved_source;
	struct ends wire;

	if (moved)
		wire = ends_of(&c->wire, c->side[NAT_WIRE]);
	set_community(ev, FIELD_NETWORK_COMMUNITY_ID, f, answers ? &wire : e);
	if (moved)
		set_community(ev, FIELD_TALLYMAN_FLOW_NAT_COMMUNITY_ID, f,
		    answers ? e : &wire);
}

static const char *
transport_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_ICMP: return "icmp";
	case IPPROTO_ICMPV6: return "ipv6-icmp";
	case IPPROTO_SCTP: return "sctp";
	case IPPROTO_DCCP: return "dccp";
	case IPPROTO_UDPLITE: return "udplite";
	case IPPROTO_GRE: return "gre";
	case IPPROTO_ESP: return "esp";
	case IPPROTO_IGMP: return "igmp";
	default: return NULL;
	}
}

static void
set_network(struct event *ev, const struct flow *f)
{
	const char *transport = transport_name(f->key.proto);

	event_set_cstr(ev, FIELD_NETWORK_TYPE,
	    f->key.family == 4 ? "ipv4" : "ipv6");
	if (transport != NULL)
		event_set_cstr(ev, FIELD_NETWORK_TRANSPORT, transport);
	event_set_digits(ev, FIELD_NETWORK_IANA_NUMBER, f->key.proto);
	event_set_num(ev, FIELD_NETWORK_BYTES,
	    (int64_t)(f->sum[0].bytes + f->sum[1].bytes));
	event_set_num(ev, FIELD_NETWORK_PACKETS,
	    (int64_t)(f->sum[0].packets + f->sum[1].packets));
}

static void
set_sums(struct event *ev, const struct flow *f)
{
	uint64_t again = f->extra == NULL ? 0 : f->extra->again_sum;

	event_set_num(ev, FIELD_SOURCE_BYTES, (int64_t)f->sum[0].bytes);
	event_set_num(ev, FIELD_SOURCE_PACKETS, (int64_t)f->sum[0].packets);
	event_set_num(ev, FIELD_DESTINATION_BYTES, (int64_t)f->sum[1].bytes);
	event_set_num(ev, FIELD_DESTINATION_PACKETS,
	    (int64_t)f->sum[1].packets);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT,
	    (int64_t)f->sum[0].payload);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_RECEIVED,
	    (int64_t)f->sum[1].payload);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_DELTA_SOURCE_BYTES,
	    f->delta_bytes[0]);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_DELTA_DESTINATION_BYTES,
	    f->delta_bytes[1]);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT,
	    f->delta_payload[0]);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_RECEIVED,
	    f->delta_payload[1]);
	event_set_num(ev, FIELD_TALLYMAN_FLOW_COPIES_DROPPED,
	    (int64_t)f->copies);
	if (f->key.proto == IPPROTO_TCP)
		event_set_num(ev, FIELD_TALLYMAN_FLOW_RETRANSMITTED_BYTES,
		    (int64_t)again);
}

static void
set_tcp_flags(struct event *ev, const struct flow *f)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	unsigned flags = f->tcp_flags[0] | f->tcp_flags[1], i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & 1U << i)
			event_add_str(ev, FIELD_TALLYMAN_FLOW_TCP_FLAGS,
			    names[i], strlen(names[i]), true);
}

void
report_flow_id(const struct flow *f, char id[static HASH_ID_TEXT])
{
	struct ends e = original_ends(f);
	const int64_t rest[] = { f->key.proto, e.port[0], e.port[1],
	    (int64_t)(f->key.zone | (uint32_t)f->key.scope << 16), f->first_ns };
	char ip[2][IPADDR_TEXT];
	const char *parts[] = {
		ipaddr_format(&e.ip[0], ip[0]),
		ipaddr_format(&e.ip[1], ip[1]), NULL
	};
	struct buf text;
	size_t i;

	buf_init(&text, 0);
	for (i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		if (i != 0)
			buf_add_char(&text, ' ');
		buf_add_i64(&text, rest[i]);
	}
	parts[2] = buf_text(&text);
	hash_id(id, parts, sizeof(parts) / sizeof(parts[0]));
	buf_fini(&text);
}

static void
set_id(struct event *ev, const struct flow *f)
{
	char id[HASH_ID_TEXT];
	struct buf text;

	report_flow_id(f, id);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_ID, id);
	buf_init(&text, 0);
	buf_add_str(&text, id);
	buf_add_char(&text, '-');
	buf_add_u64(&text, f->reports + 1);
	event_set_str(ev, FIELD_EVENT_ID, buf_text(&text), text.len);
	buf_fini(&text);
}

static void
set_what(struct event *ev, const struct flow *f, bool final)
{
	event_set_cstr(ev, FIELD_EVENT_KIND, "event");
	event_add_str(ev, FIELD_EVENT_CATEGORY, "network", 7, true);
	event_add_str(ev, FIELD_EVENT_TYPE, "connection", 10, true);
	if (f->reports == 0)
		event_add_str(ev, FIELD_EVENT_TYPE, "start", 5, true);
	if (final)
		event_add_str(ev, FIELD_EVENT_TYPE, "end", 3, true);
	event_set_cstr(ev, FIELD_EVENT_ACTION, "network_flow");
	event_set_cstr(ev, FIELD_EVENT_PROVIDER, "pcap");
	event_set_time(ev, FIELD_EVENT_START, (struct wall){ f->first_ns });
	event_set_time(ev, FIELD_EVENT_END, (struct wall){ f->last_ns });
	event_set_num(ev, FIELD_EVENT_DURATION, f->last_ns - f->first_ns);
	event_set_bool(ev, FIELD_TALLYMAN_FLOW_FINAL, final);
	if (final)
		event_set_cstr(ev, FIELD_TALLYMAN_FLOW_END_REASON,
		    end_reasons[f->end]);
}

static void
set_relay(struct event *ev, const struct relay_link *link)
{
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_RELAY_OF, link->id);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_RELAY_CONFIDENCE,
	    relay_confidence_name(link->confidence));
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_RELAY_METHOD,
	    link->counted ? "counts" : "heads");
}

static void
set_tunnel(struct event *ev, const struct tunnel_link *link)
{
	size_t i;

	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_TUNNEL_TYPE, "vxlan");
	event_set_num(ev, FIELD_TALLYMAN_FLOW_TUNNEL_ID, link->vni);
	for (i = 0; i < link->n; i++)
		event_add_str(ev, FIELD_TALLYMAN_FLOW_TUNNEL_OUTER,
		    link->outer[i], strlen(link->outer[i]), true);
}

static void
set_gaps(struct event *ev, uint64_t lost)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"packets_lost\":%llu}",
	    (unsigned long long)lost);

	event_set_json(ev, FIELD_TALLYMAN_GAPS, text, (size_t)n);
}

bool
report_flow(const struct report_env *env, struct flow *f, bool final)
{
	struct event *ev = event_new(EVENT_FLOW, (struct wall){ f->last_ns });
	struct ends e = original_ends(f);

	if (ev == NULL)
		return false;
	set_what(ev, f, final);
	set_id(ev, f);
	set_ends(ev, env, f, &e);
	set_network(ev, f);
	set_communities(ev, env, f, &e);
	set_sums(ev, f);
	set_points(ev, env, f);
	set_left(ev, env, f);
	set_scopes(ev, env, f, &e);
	if (f->key.proto == IPPROTO_TCP)
		set_tcp_flags(ev, f);
	if (env->relay.confidence != RELAY_NONE)
		set_relay(ev, &env->relay);
	if (env->tunnel.known)
		set_tunnel(ev, &env->tunnel);
	if (env->lost != 0)
		set_gaps(ev, env->lost);
	f->reports++;
	f->bits &= (uint16_t)~FLOW_BIT_CHANGED;
	memset(f->delta_bytes, 0, sizeof(f->delta_bytes));
	memset(f->delta_payload, 0, sizeof(f->delta_payload));
	pipeline_submit(env->pipeline, ev);
	return true;
}
