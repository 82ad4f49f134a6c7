/*
 * docker: keeps the container table equal to what Docker knows, and turns
 * Docker's events into events of dataset tallyman.docker.
 *
 * Reads the event stream, and nothing slower than that: the daemon drops an
 * event for a reader that is 100 ms late and replays only its last 256. After
 * every (re)connect and every minute the whole list is compared with the
 * table, and what differs is inspected.
 *
 * Not for: talking to the socket (the privileged side does; see ask.h).
 * Every text here was chosen by whoever starts containers: parsed with
 * limits, counted when refused. Threads: the loop thread; nothing blocks.
 */
#ifndef ENRICH_DOCKER_H
#define ENRICH_DOCKER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "enrich/ask.h"
#include "enrich/container.h"
#include "enrich/docker_event.h"
#include "lib/mono.h"

struct docker;

struct docker_env {
	const struct enrich_ask	*ask;		/* NULL: replay */
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	const struct mono_clock	*clock;
	struct container_table	*containers;
	/* Both may be NULL. event is called before the event is submitted,
	 * inspected after the table has learnt from an inspect. */
	void (*event)(void *ctx, const struct docker_event *);
	void (*inspected)(void *ctx, const struct container *);
	void	*ctx;
};

struct docker *docker_new(const struct docker_env *);	/* NULL, errno */
void docker_free(struct docker *);

/* Opens the stream and asks for the list. When it is open already: asks for
 * the list and for every living container again, so that a recording that
 * begins now holds them. */
void docker_start(struct docker *);
/* Asks for the list and for every container that is known, so that somebody
 * who began to listen hears what was said before. */
void docker_ask_again(struct docker *);
/* Every 100 ms or so. */
void docker_tick(struct docker *, struct mono now);
/* True while the event stream is open and a list has been seen. */
bool docker_ready(const struct docker *);
/* Why the stream ended last, "" when it did not or a list came since. Valid
 * until the next call. */
const char *docker_trouble(const struct docker *);
/* True while this container may still be told of: its inspect is on its way, or
 * the stream has just been opened and repeats what we missed. */
bool docker_may_tell(const struct docker *, const char *id);
/* Asks for a container that something else has heard of; cheap when it is on
 * its way already. */
void docker_want(struct docker *, const char *id, struct wall from);
/* True while an inspect of this container, or of any when id is NULL, is on
 * its way. */
bool docker_is_waiting(const struct docker *, const char *id);

/*
 * Answers. json is lent for the call; NULL with len 0: the request failed.
 * status: of HTTP, 0 when there was no answer. docker_on_event_bytes takes
 * any piece of the stream. docker_on_gap: n bytes of the stream were dropped
 * on the way; the stream is opened anew.
 */
void docker_on_list(struct docker *, const char *json, size_t len);
void docker_on_inspect(struct docker *, const char *id, int status,
    const char *json, size_t len);
void docker_on_event_bytes(struct docker *, const char *bytes, size_t len);
void docker_on_events_end(struct docker *, const char *why);
void docker_on_gap(struct docker *, uint64_t n);

#endif
