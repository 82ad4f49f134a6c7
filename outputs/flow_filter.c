#include "outputs/flow_filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const flow_filter_sorts[FLOW_FILTER_SORTS] = {
	"started", "age", "lasted", "bytes", "sent", "received", "packets"
};

static const char *
set_port(struct flow_filter *f, const char *text)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
	    v == 0 || v > 65535)
		return "expected a port from 1 to 65535, not ";
	f->port = (uint32_t)v;
	return NULL;
}

static const char *
set_left(struct flow_filter *f, const char *text)
{
	static const char *const answers[] = { "yes", "no", "attempted" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcmp(text, answers[i]) == 0) {
			f->left_host = answers[i];
			return NULL;
		}
	return "expected yes, no or attempted, not ";
}

const char *
flow_filter_set(struct flow_filter *f, enum flow_filter_option option,
    const char *text)
{
	switch (option) {
	case FLOW_FILTER_PEER:
		if (ipaddr_cidr_parse(text, strlen(text), &f->peer) != 0)
			return "expected an address or a range such as "
			    "10.0.0.0/8, not ";
		f->by_peer = true;
		return NULL;
	case FLOW_FILTER_PORT:
		return set_port(f, text);
	case FLOW_FILTER_PROTO:
		if (text[0] == '\0' || strlen(text) >= sizeof(f->proto))
			return "expected a protocol such as tcp, udp, icmp, "
			    "ssh or 47, not ";
		(void)snprintf(f->proto, sizeof(f->proto), "%s", text);
		return NULL;
	case FLOW_FILTER_LEFT_HOST:
		return set_left(f, text);
	}
	return NULL;
}

bool
flow_filter_is_set(const struct flow_filter *f)
{
	return f->by_peer || f->port != 0 || f->proto[0] != '\0' ||
	    f->left_host != NULL;
}

enum {
	OWNER, FROM, TO, SOURCE_IP, SOURCE_NAT_IP, TARGET_IP, TARGET_NAT_IP,
	PORT, NAT_PORT, TRANSPORT, NUMBER, PROTOCOL, LEFT, START, TIME, LASTED,
	SENT, RECEIVED, SENT_PACKETS, RECEIVED_PACKETS
};
static const char *const paths[FLOW_FILTER_FACTS] = {
	[OWNER] = "container.id", [FROM] = "tallyman.source.container.id",
	[TO] = "tallyman.destination.container.id",
	[SOURCE_IP] = "source.ip", [SOURCE_NAT_IP] = "source.nat.ip",
	[TARGET_IP] = "destination.ip", [TARGET_NAT_IP] = "destination.nat.ip",
	[PORT] = "destination.port", [NAT_PORT] = "destination.nat.port",
	[TRANSPORT] = "network.transport", [NUMBER] = "network.iana_number",
	[PROTOCOL] = "network.protocol", [LEFT] = "tallyman.flow.left_host",
	[START] = "event.start", [TIME] = "@timestamp",
	[LASTED] = "event.duration",
	[SENT] = "source.bytes", [RECEIVED] = "destination.bytes",
	[SENT_PACKETS] = "source.packets",
	[RECEIVED_PACKETS] = "destination.packets",
};

void
flow_filter_read(struct flow_filter_facts *f, const char *text, size_t len)
{
	const struct json *node;
	size_t i;

	f->doc = NULL;
	if (jsonpick(text, len, paths, FLOW_FILTER_FACTS, f->v) == 0)
		return;
	f->doc = json_parse(text, len, JSON_LAX, NULL, 0);
	for (i = 0; i < FLOW_FILTER_FACTS; i++) {
		node = json_get(json_root(f->doc), paths[i]);
		f->v[i] = (struct jsonpick){ .text = NULL };
		if (json_typeof(node) == JSON_STRING ||
		    json_typeof(node) == JSON_NUMBER)
			f->v[i].text = json_str(node, &f->v[i].len);
		f->v[i].is_string = json_typeof(node) == JSON_STRING;
	}
}

void
flow_filter_done(struct flow_filter_facts *f)
{
	json_doc_free(f->doc);
	f->doc = NULL;
}

static bool
same(const struct jsonpick *a, const struct jsonpick *b)
{
	return a->len == b->len && (a->len == 0 ||
	    memcmp(a->text, b->text, a->len) == 0);
}

/* As doctext_owner_answers. */
static bool
owner_answers(const struct jsonpick *v)
{
	return v[OWNER].text != NULL && v[OWNER].len > 0 &&
	    !same(&v[OWNER], &v[FROM]) && same(&v[OWNER], &v[TO]);
}

static bool
is_in(const struct jsonpick *v, const struct ipaddr_cidr *in)
{
	struct ipaddr ip;

	return v->len > 0 && ipaddr_parse(v->text, v->len, &ip) == 0 &&
	    ipaddr_in(&ip, in);
}

static bool
fits_peer(const struct flow_filter *f, const struct jsonpick *v)
{
	bool in = owner_answers(v);

	return is_in(&v[in ? SOURCE_IP : TARGET_IP], &f->peer) ||
	    is_in(&v[in ? SOURCE_NAT_IP : TARGET_NAT_IP], &f->peer);
}

static bool
fits_proto(const struct flow_filter *f, const struct jsonpick *v)
{
	size_t i, len = strlen(f->proto);

	for (i = TRANSPORT; i <= PROTOCOL; i++)
		if (v[i].len == len && strncasecmp(v[i].text, f->proto, len)
		    == 0)
			return true;
	return false;
}

bool
flow_filter_fits(const struct flow_filter *f,
    const struct flow_filter_facts *facts)
{
	const struct jsonpick *v = facts->v;

	if (f->by_peer && !fits_peer(f, v))
		return false;
	if (f->port != 0 && jsonpick_int(&v[PORT]) != f->port &&
	    jsonpick_int(&v[NAT_PORT]) != f->port)
		return false;
	if (f->proto[0] != '\0' && !fits_proto(f, v))
		return false;
	return f->left_host == NULL || jsonpick_is(&v[LEFT], f->left_host);
}

enum flow_filter_sort
flow_filter_find_sort(const char *name)
{
	size_t i;

	for (i = 0; i < FLOW_FILTER_SORTS; i++)
		if (strcmp(flow_filter_sorts[i], name) == 0)
			break;
	return (enum flow_filter_sort)i;
}

static int64_t
sum(const struct jsonpick *one, const struct jsonpick *other)
{
	int64_t total;

	return __builtin_add_overflow(jsonpick_int(one), jsonpick_int(other),
	    &total) ? INT64_MAX : total;
}

int64_t
flow_filter_key(enum flow_filter_sort sort,
    const struct flow_filter_facts *facts)
{
	const struct jsonpick *v = facts->v;
	bool in = owner_answers(v);
	struct wall start = { 0 };

	switch (sort) {
	case FLOW_FILTER_STARTED:
	case FLOW_FILTER_AGE:
		if (!jsonpick_wall(&v[START], &start))
			(void)jsonpick_wall(&v[TIME], &start);
		return sort == FLOW_FILTER_AGE ? -start.ns : start.ns;
	case FLOW_FILTER_LASTED:
		return jsonpick_int(&v[LASTED]);
	case FLOW_FILTER_SENT:
		return jsonpick_int(&v[in ? RECEIVED : SENT]);
	case FLOW_FILTER_RECEIVED:
		return jsonpick_int(&v[in ? SENT : RECEIVED]);
	case FLOW_FILTER_PACKETS:
		return sum(&v[SENT_PACKETS], &v[RECEIVED_PACKETS]);
	default:
		return sum(&v[SENT], &v[RECEIVED]);
	}
}
