/*
 * flow_private: what flow.c (table and enricher), flow_end.c (containers of
 * the ends), flow_match.c (processes) and flow_write.c (fields) share. Not
 * for others.
 */
#ifndef ENRICH_FLOW_PRIVATE_H
#define ENRICH_FLOW_PRIVATE_H

#include "enrich/flow.h"
#include "enrich/netns.h"
#include "enrich/opener.h"
#include "enrich/socket.h"
#include "enrich/within.h"
#include "lib/map.h"

/* Entity ids of who fits. */
struct candidates {
	size_t			 n;
	char			 list[FLOW_CANDIDATES][HASH_ID_TEXT];
};

/* The process of one end of a flow, as far as it was found. */
struct party {
	struct opener_process	*process;	/* NULL: not found yet */
	const char		*method;
	struct candidates	*candidates;	/* NULL: there is one alone */
	enum process_confidence	 confidence;
	bool			 asked;		/* for its socket */
	bool			 listens;	/* for who listens there */
};

struct sticky {
	struct party		 from, to;
	int64_t			 asked_ns;	/* mono of the first report */
};

/* A socket that was made and may send without a connect. */
struct creator {
	int64_t			 when_ns;	/* wall */
	struct opener_process	*process;
	uint8_t			 proto;		/* 0: any, a raw one */
	bool			 connected;	/* perhaps: it connected next */
};
#define FLOW_CREATORS	8192

struct flow_join {
	struct flow_env		 env;
	struct opener_table	*openers;	/* by what was dialled */
	struct opener_table	*acceptors;	/* by who dialled */
	struct socket_table	*sockets;
	struct candidates	 found;		/* by the search that runs */
	struct creator		*creators;	/* a ring */
	uint64_t		 first_creator, last_creator;
	struct map		*sticky;	/* 32 bytes of flow id */
	struct map		*host;		/* our own addresses */
	struct within_table	*within;
	ledger_count		*joined, *ambiguous, *without, *recorded,
				*evicted;
};

/* Who is at one end. */
struct end {
	struct ipaddr		 ip;		/* family 0: unknown */
	uint16_t		 port;
	struct ipaddr		 peer;		/* as this end sees it */
	uint16_t		 peer_port;
	uint32_t		 ifindex;	/* host's interface there, or 0 */
	const struct container	*container;	/* or NULL */
	bool			 is_host;
	const char		*network;	/* name, or "" */
	const char		*method, *confidence;
	struct netns_member	 behind[NETNS_MEMBERS];
	size_t			 n_behind;	/* containers of the interface's
						   other side */
};

/* What is known of a flow's two ends. */
struct ends {
	struct end		 source, destination;
	uint8_t			 proto;
	bool			 inside;	/* of one namespace */
	struct wall		 start;
};

/* flow_end.c */
struct ends flow_find_ends(struct flow_join *, const struct event *);
bool flow_is_host(struct flow_join *, const struct ipaddr *);
/* How well a process fits that end: 2 it has that network, 1 it may have
 * entered it, 0 it cannot be. */
int flow_fits(struct flow_join *, const struct end *,
    const struct opener_process *);
bool flow_is_behind(const struct end *, const struct container *);
bool flow_lacks_container(struct flow_join *, const struct ends *);

/* flow_match.c */
/*
 * The record of a connect that blocks comes after the first report, so the
 * weaker windows have to wait: patience 0 only what fits exactly, 1 the hold
 * is over, 2 nothing better will come. Both set *waits when an answer is on
 * its way.
 */
void flow_match_opener(struct flow_join *, const struct ends *,
    struct party *, unsigned patience, bool *waits);
void flow_match_acceptor(struct flow_join *, const struct ends *,
    struct party *, unsigned patience, bool *waits);

/* flow_write.c */
void flow_write_owner(struct flow_join *, struct event *, struct ends *,
    const struct sticky *);
void flow_write_process(struct flow_join *, struct event *,
    const struct ends *, const struct sticky *);

#endif
