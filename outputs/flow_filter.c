#include "outputs/flow_filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "outputs/doctext.h"

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

static bool
is_in(const struct json *doc, const char *path, const struct ipaddr_cidr *in)
{
	struct ipaddr ip;
	const char *text;
	size_t len;

	text = json_str(json_get(doc, path), &len);
	return len > 0 && ipaddr_parse(text, len, &ip) == 0 &&
	    ipaddr_in(&ip, in);
}

static bool
fits_peer(const struct flow_filter *f, const struct json *doc)
{
	bool in = doctext_owner_answers(doc);

	return is_in(doc, in ? "source.ip" : "destination.ip", &f->peer) ||
	    is_in(doc, in ? "source.nat.ip" : "destination.nat.ip", &f->peer);
}

static bool
fits_proto(const struct flow_filter *f, const struct json *doc)
{
	static const char *const paths[] = { "network.transport",
		"network.iana_number", "network.protocol" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcasecmp(json_str(json_get(doc, paths[i]), NULL),
		    f->proto) == 0)
			return true;
	return false;
}

bool
flow_filter_fits(const struct flow_filter *f, const struct json *doc)
{
	if (f->by_peer && !fits_peer(f, doc))
		return false;
	if (f->port != 0 &&
	    json_int(json_get(doc, "destination.port")) != f->port &&
	    json_int(json_get(doc, "destination.nat.port")) != f->port)
		return false;
	if (f->proto[0] != '\0' && !fits_proto(f, doc))
		return false;
	return f->left_host == NULL || strcmp(json_str(json_get(doc,
	    "tallyman.flow.left_host"), NULL), f->left_host) == 0;
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
sum(const struct json *doc, const char *one, const char *other)
{
	int64_t a = json_int(json_get(doc, one)), total;

	return __builtin_add_overflow(a, json_int(json_get(doc, other)),
	    &total) ? INT64_MAX : total;
}

int64_t
flow_filter_key(enum flow_filter_sort sort, const struct json *doc)
{
	bool in = doctext_owner_answers(doc);
	struct wall start = { 0 };

	switch (sort) {
	case FLOW_FILTER_STARTED:
	case FLOW_FILTER_AGE:
		if (!doctext_wall(doc, "event.start", &start))
			(void)doctext_wall(doc, "@timestamp", &start);
		return sort == FLOW_FILTER_AGE ? -start.ns : start.ns;
	case FLOW_FILTER_LASTED:
		return json_int(json_get(doc, "event.duration"));
	case FLOW_FILTER_SENT:
		return json_int(json_get(doc, in ? "destination.bytes" :
		    "source.bytes"));
	case FLOW_FILTER_RECEIVED:
		return json_int(json_get(doc, in ? "source.bytes" :
		    "destination.bytes"));
	case FLOW_FILTER_PACKETS:
		return sum(doc, "source.packets", "destination.packets");
	default:
		return sum(doc, "source.bytes", "destination.bytes");
	}
}
