/*
 * flow_filter: which flows `tallyman flows` shows, and by what it sorts them.
 * The peer of a flow is its responder, or who dialled when the owner is the
 * one that answers (a published port).
 *
 * Threads: any; no state but the caller's.
 */
#ifndef OUTPUTS_FLOW_FILTER_H
#define OUTPUTS_FLOW_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ipaddr.h"
#include "lib/json.h"
#include "lib/jsonpick.h"
#include "lib/mono.h"

/* What is asked of a flow, by number; the paths are in flow_filter.c. */
#define FLOW_FILTER_FACTS	20
struct flow_filter_facts {
	struct jsonpick	 v[FLOW_FILTER_FACTS];
	struct json_doc	*doc;		/* of one that had to be parsed */
};
/* Reads them out of a flow's document, which is lent until flow_filter_done.
 * Of one that is no JSON nothing is known. */
void flow_filter_read(struct flow_filter_facts *, const char *text,
    size_t len);
void flow_filter_done(struct flow_filter_facts *);

/* All zero: every flow fits. */
struct flow_filter {
	bool			 by_peer;
	struct ipaddr_cidr	 peer;		/* as dialled or after NAT */
	uint32_t		 port;		/* the responder's, as dialled or
						 * after NAT; 0 any */
	char			 proto[24];	/* "" any: transport, IANA number
						 * or application protocol */
	const char		*left_host;	/* "yes", "no", "attempted" or
						 * NULL */
};

enum flow_filter_option {
	FLOW_FILTER_PEER, FLOW_FILTER_PORT, FLOW_FILTER_PROTO,
	FLOW_FILTER_LEFT_HOST
};
/* Takes the value of an option. NULL, or what was expected instead. */
const char *flow_filter_set(struct flow_filter *, enum flow_filter_option,
    const char *text);
bool flow_filter_is_set(const struct flow_filter *);
bool flow_filter_fits(const struct flow_filter *,
    const struct flow_filter_facts *);

enum flow_filter_sort {
	FLOW_FILTER_STARTED, FLOW_FILTER_AGE, FLOW_FILTER_LASTED,
	FLOW_FILTER_BYTES, FLOW_FILTER_SENT, FLOW_FILTER_RECEIVED,
	FLOW_FILTER_PACKETS, FLOW_FILTER_SORTS
};
/* "bytes" and so on; FLOW_FILTER_SORTS when nothing is called that. */
enum flow_filter_sort flow_filter_find_sort(const char *name);
extern const char *const flow_filter_sorts[FLOW_FILTER_SORTS];
/* The number that the flow is sorted by. sent and received are the owner's. */
int64_t flow_filter_key(enum flow_filter_sort,
    const struct flow_filter_facts *);

#endif
