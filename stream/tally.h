/*
 * tally: the counters of stream on their way to the ledger. They are counted
 * in plain numbers and handed over now and then, since an atomic add for each
 * would cost a packet as much as a look-up.
 *
 * Threads: loop thread.
 */
#ifndef STREAM_TALLY_H
#define STREAM_TALLY_H

#include <stdint.h>

#include "agent/core/ledger.h"

enum tally_what {
	TALLY_DECODE_RECEIVED, TALLY_DECODE_DELIVERED, TALLY_DECODE_ARP_SEEN,
	TALLY_DECODE_NON_IP_SEEN, TALLY_DECODE_CUT, TALLY_DECODE_BAD,
	TALLY_DECODE_EXOTIC, TALLY_FLOW_RECEIVED, TALLY_FLOW_DELIVERED,
	TALLY_FLOW_NO_MEMORY, TALLY_FLOW_BAD_FRAGMENT,
	TALLY_FLOW_PARTIAL_UNREADABLE, TALLY_FLOW_NEW, TALLY_FLOW_COPY,
	TALLY_FLOW_AGAIN, TALLY_FLOW_ODD, TALLY_FLOW_PARTIAL, TALLY_FLOW_MADE,
	TALLY_FLOW_EVICTED, TALLY_FLOW_STRAY, TALLY_FLOW_HOLES,
	TALLY_FLOW_POINTS_FULL, TALLY_FLOW_DATAGRAM_EVICTED,
	TALLY_FLOW_TOLD_LOST, TALLY_FLOW_REOPENED, TALLY_RELAY_LINKED,
	TALLY_RELAY_EVICTED,
	TALLY_TUNNEL_RECEIVED, TALLY_TUNNEL_DELIVERED, TALLY_TUNNEL_ARP_SEEN,
	TALLY_TUNNEL_NON_IP_SEEN, TALLY_TUNNEL_CUT, TALLY_TUNNEL_BAD,
	TALLY_TUNNEL_EXOTIC, TALLY_TUNNEL_CROWDED, TALLY_TUNNEL_EVICTED,
	TALLY_NAT_RECEIVED, TALLY_NAT_DELIVERED,
	TALLY_NAT_MALFORMED, TALLY_NAT_UNKNOWN, TALLY_NAT_EVICTED,
	TALLY_NAT_VANISHED, TALLY_NAT_REPLACED, TALLY_REPORT_DUE,
	TALLY_REPORT_DELIVERED, TALLY_REPORT_NO_MEMORY, TALLY_REPORT_FLOOD,
	TALLY_KINDS
};

struct tally {
	uint64_t	 n[TALLY_KINDS];	/* since the last tally_flush */
	ledger_count	*to[TALLY_KINDS];
};

/* Makes the stages stream.decode, .flow, .tunnel, .nat and .reports. */
void tally_bind(struct tally *, struct ledger *);
/* Adds everything to the ledger and begins at zero again. */
void tally_flush(struct tally *);

#endif
