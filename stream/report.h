/*
 * report: a flow as an event, and the questions that only then are asked:
 * its path, did it leave the host, what are its ends.
 *
 * Threads: loop thread.
 */
#ifndef STREAM_REPORT_H
#define STREAM_REPORT_H

#include <stdbool.h>

#include "agent/core/pipeline.h"
#include "lib/hash.h"
#include "stream/flow.h"
#include "stream/links.h"
#include "stream/nat.h"
#include "stream/relay.h"
#include "stream/tunnel.h"

struct report_env {
	struct pipeline		*pipeline;
	struct links		*links;
	const struct nat_conn	*conn;		/* of the flow; NULL none */
	uint64_t		 lost;		/* packets lost meanwhile */
	struct relay_link	 relay;		/* what it carries on */
	struct tunnel_link	 tunnel;	/* what carries it */
};

enum report_left {
	REPORT_LEFT_UNKNOWN,	/* an interface or our addresses are unknown */
	REPORT_LEFT_NO,		/* it stayed inside */
	REPORT_LEFT_YES,	/* a copy was seen on an uplink */
	REPORT_LEFT_ATTEMPTED	/* sent towards another host, or where no route
				   leads; none came out */
};
enum report_left report_left_host(const struct report_env *, struct flow *);

/* tallyman.flow.id. It stays the same from the first report on. */
void report_flow_id(const struct flow *, char id[static HASH_ID_TEXT]);
/*
 * Submits the event and resets the flow's deltas; final: f->end says why.
 * False when there was no memory for it: then nothing changed.
 */
bool report_flow(const struct report_env *, struct flow *, bool final);

#endif
