/*
 * container_sums: what the flows and alerts of the store add up to for each
 * container, and a container's document with that in it.
 *
 * Threads: one owner.
 */
#ifndef OUTPUTS_CONTAINER_SUMS_H
#define OUTPUTS_CONTAINER_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/mono.h"
#include "outputs/reader.h"

#define CONTAINER_SUMS_LIMIT	65536

struct container_sum {
	int64_t		ingress, egress;	/* layer 3 bytes of its flows */
	int64_t		left_host;		/* of them in flows that left */
	uint64_t	flows, alerts;
	struct wall	last;			/* alert; ns 0: none */
	int64_t		severity;
	char		rule[96], alert[48];	/* of that alert: name, id; raw */
};

struct container_sums;

/* Reads all flows and alerts, or those of the container with this id only.
 * NULL with errno as of a reader. */
struct container_sums *container_sums_new(struct reader *, const char *id);
void container_sums_free(struct container_sums *);
/* Never NULL: zeros when nothing is stored of it. */
const struct container_sum *container_sums_get(const struct container_sums *,
    const char *id);
/*
 * The document with container.network.ingress.bytes and .egress.bytes (ECS),
 * and under tallyman.container: flows, left_host.bytes, alerts, last_alert.
 */
void container_sums_write(const struct container_sum *,
    const struct json *doc, struct buf *out);

#endif
