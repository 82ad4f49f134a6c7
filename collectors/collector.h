/*
 * collector: the shape of everything that hears. One table, collectors.c,
 * lists the members.
 *
 * Live, a collector's descriptor comes from the broker (or, for packets, is
 * opened before privileges go) and read() takes what is there. Each raw
 * message is first shown to the recorder as it came, then fed. Offline,
 * `replay` calls feed() with the recorded message: the same code from there
 * on. A collector never blocks and does no more than its budget per call.
 *
 * Threads: the engine's loop thread.
 */
#ifndef COLLECTORS_COLLECTOR_H
#define COLLECTORS_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/mono.h"

/* One raw message as it came; bytes are lent for the call. */
struct collector_input {
	struct wall	 when;		/* receive time, or the packet's stamp */
	uint32_t	 type;		/* audit: record type; packet: link type
					   (DLT_); others 0 */
	uint32_t	 wire_len;	/* packet: length on the wire, else 0 */
	const uint8_t	*bytes;
	size_t		 len;
};

typedef void (*collector_tap_fn)(void *ctx, const char *collector,
    const struct collector_input *);

/* What a collector may use; all pointers outlive it. */
struct collector_env {
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	const struct mono_clock	*clock;
	struct stream		*stream;	/* packet, conntrack, link */
	struct process_table	*processes;	/* proc, audit */
	const void		*conf;		/* the collector's own values */
	collector_tap_fn	 tap;		/* recorder, or NULL */
	void			*tap_ctx;
	/* Live only, or NULL: takes in what must be known first. Packets ask
	 * for conntrack, audit records for the proc connector. */
	void			(*before)(void *ctx);
	void			*before_ctx;
};

struct collector_ops {
	const char *name;	/* "audit": also the bundle's file stem */
	/* NULL with errno. */
	void *(*new)(const struct collector_env *);
	/* Adopts a non-blocking descriptor (owned from then on). 0, -errno. */
	int (*start)(void *self, int fd);
	/* Handles at most budget messages. Number handled, or -errno when the
	 * descriptor is of no use any more. */
	int (*read)(void *self, int budget);
	void (*feed)(void *self, const struct collector_input *);
	/* Every 100 ms or so, and once with a far time at the end. */
	void (*tick)(void *self, struct mono now);
	void (*free)(void *self);
};

#endif
