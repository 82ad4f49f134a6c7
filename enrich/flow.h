/*
 * flow: who is at the two ends of a flow: containers by the interfaces and
 * addresses, the process that opened it, and the one that took it.
 *
 * A connect is on the audit record 3.5 to 9 ms before its first packet is
 * captured. Records wait here by destination, and a flow takes the first that
 * fits its container, its time and the life of the process. Where that does
 * not tell, the kernel is asked who has the socket, which answers for all
 * that live 50 ms. Datagrams that are sent without a connect by a process
 * that is gone by then are given to who had made such a socket. An accept is
 * on the record with the peer's address and port. Where several processes
 * fit, all are listed and the confidence is low. What was found stays with
 * the flow.
 *
 * Bounded: FLOW_OPENERS records, FLOW_STICKY flows. Threads: the loop thread.
 */
#ifndef ENRICH_FLOW_H
#define ENRICH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "enrich/ask.h"
#include "enrich/owner.h"
#include "lib/ipaddr.h"
#include "lib/mono.h"

#define FLOW_OPENERS	32768
#define FLOW_STICKY	65536
#define FLOW_CANDIDATES	8

struct flow_join;

struct flow_env {
	const struct mono_clock	*clock;
	struct ledger		*ledger;
	struct owner		*owner;
	const struct enrich_ask	*ask;	/* NULL: replay */
	int64_t			 hold_ns;
	bool			 live;	/* ask the kernel for our addresses */
	uint32_t		 limit;	/* of records; 0: FLOW_OPENERS */
};

struct flow_join *flow_join_new(const struct flow_env *);
void flow_join_free(struct flow_join *);
/* An event of a process whose owner is known: connects and sends are kept. */
void flow_on_process(void *table, const struct event *, struct process *);
void flow_host_address(struct flow_join *, const struct ipaddr *, bool gone);
/* A container lives in the network namespace of this number: flows whose
 * tallyman.flow.inside says so are its own. */
void flow_within(struct flow_join *, uint16_t scope,
    const uint8_t id[static 32]);
/* Who has a socket, see socket_on_answer. */
void flow_on_socket(struct flow_join *, const uint8_t id[static 32],
    int status, const struct enrich_socket_answer *);
/* Forgets old records. */
void flow_tick(struct flow_join *);
/* Enricher for datasets flow, dns, http and tls. */
void flow_enrich(void *table, struct event *, bool *hold);

#endif
