/*
 * within: follows containers into their network namespaces when
 * capture.container_loopback is on. For each namespace of a running container
 * it asks the broker for a socket in there, reads its ring, and tells stream
 * and enrichment which containers the namespace belongs to. Two containers
 * that share a namespace share a ring. When the last of them has ended, the
 * ring goes at once.
 *
 * The broker's answer has the inode of the namespace, a space, and the lines
 * of /proc/PID/net/udp and tcp in there, from which the ports of Docker's
 * embedded DNS server are read. An answer with the scope, the two ports and
 * whether the container came is what stream and enrichment get, and what a
 * bundle keeps in docker.ndjson: verb WIRE_OPEN_LOOPBACK, status 0, the
 * container's id, text "SCOPE UDP TCP".
 *
 * Bounded: WITHIN_RINGS namespaces at a time, LOOPBACK_BYTES each; containers
 * beyond are counted in the stage packet.loopback. Not seen: what happened
 * before the container's first inspect, some 10 ms after its start.
 *
 * Threads: the engine's loop thread.
 */
#ifndef AGENT_WITHIN_H
#define AGENT_WITHIN_H

#include "agent/core/ledger.h"
#include "agent/core/loop.h"
#include "agent/wire.h"
#include "collectors/collector.h"
#include "enrich/container.h"
#include "lib/buf.h"

#define WITHIN_RINGS	64

struct within;

struct within_env {
	struct loop	*loop;
	struct ledger	*ledger;
	/* Asks for WIRE_OPEN_LOOPBACK. */
	void		(*ask)(void *ctx, const char *id, uint32_t pid);
	/* A frame for the packet collector and the recorder. */
	void		(*frame)(void *ctx, const struct collector_input *);
	/* What is to be recorded, and given to works_answer. */
	void		(*told)(void *ctx, const struct wire_answer *,
			    const char *text, size_t len);
	/* So many packets were lost. */
	void		(*lost)(void *ctx, uint64_t packets);
	void		*ctx;
};

/* NULL with errno. */
struct within *within_new(const struct within_env *);
void within_free(struct within *);
/* A container is new or has changed. */
void within_on_container(struct within *, const struct container *);
/* The answer to ask(); owns the descriptor. */
void within_on_answer(struct within *, const struct wire_answer *,
    const char *bytes, size_t len, int fd);
/* Every 20 to 100 ms. */
void within_tick(struct within *, struct mono now);
/* Takes what is in the rings, at the end. */
void within_drain(struct within *);
/* Tells all of it once more, for a recording that begins. */
void within_tell_again(struct within *);

#endif
