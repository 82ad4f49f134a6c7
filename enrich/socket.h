/*
 * socket: which processes have a socket, asked from the privileged side by
 * the socket's exact ends. The answer is about now: a socket that was closed
 * before the question came is not found.
 *
 * Bounded: SOCKET_LIMIT questions with their answers, the oldest go first.
 * Threads: the loop thread; nothing blocks.
 */
#ifndef ENRICH_SOCKET_H
#define ENRICH_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "enrich/ask.h"
#include "enrich/process.h"

#define SOCKET_LIMIT	4096

struct socket_table;

/* container: zeros for the host's namespace. No padding: it is a key. */
struct socket_question {
	uint8_t			container[32];
	struct enrich_socket	socket;
};

enum socket_state {
	SOCKET_UNKNOWN,		/* not asked, forgotten, or asked too often */
	SOCKET_ASKED,
	SOCKET_ANSWERED
};

struct socket_owners {
	enum socket_state	state;
	size_t			n;
	struct process_ref	list[ENRICH_PIDS];
	bool			more;	/* than are listed */
	int64_t			asked_ns;	/* mono */
};

/* ask may be NULL: answers come from a recording. NULL with errno ENOMEM. */
struct socket_table *socket_table_new(const struct enrich_ask *,
    const struct mono_clock *, struct process_table *, struct ledger *);
void socket_table_free(struct socket_table *);

/* Asks, also when there is an answer already; not when too much is asked for:
 * then nothing is known. */
void socket_ask(struct socket_table *, const struct socket_question *);
/* NULL: not asked, or forgotten. Lent until the next call. */
const struct socket_owners *socket_get(struct socket_table *,
    const struct socket_question *);
/* Read the connector empty before this. status: 0, -ENOENT and the like for
 * "nobody", -EBUSY for "ask later". */
void socket_on_answer(struct socket_table *, const uint8_t id[static 32],
    int status, const struct enrich_socket_answer *);

#endif
