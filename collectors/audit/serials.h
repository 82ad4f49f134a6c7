/*
 * serials: finds numbers that are missing from a sequence whose members come
 * slightly out of order. The kernel counts a lost audit record only when it
 * knows of it; a gap in the serials is exact.
 *
 * A serial is missing when 2 s have passed, or 4,096 newer ones came, and it
 * did not. A jump by more than a million, either way, is a new sequence (a
 * reboot), not a loss. Serials are 32 bits and wrap.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_SERIALS_H
#define COLLECTORS_AUDIT_SERIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

#define AUDIT_SERIALS_WINDOW	4096
#define AUDIT_SERIALS_JUMP	(1u << 20)

struct audit_serials {
	bool		started;
	uint32_t	next;		/* first that is not judged yet */
	uint32_t	high;		/* newest that came, plus one */
	uint32_t	mark;		/* high, at mark_time */
	struct mono	mark_time;
	uint64_t	seen[AUDIT_SERIALS_WINDOW / 64];
	uint64_t	gaps;		/* serials missing so far */
	uint64_t	restarts;	/* new sequences */
};

void audit_serials_init(struct audit_serials *);
void audit_serials_see(struct audit_serials *, uint32_t serial);
/* Judges those that are old enough; every 100 ms or so. */
void audit_serials_tick(struct audit_serials *, struct mono now);
/* Judges all up to the newest. */
void audit_serials_finish(struct audit_serials *);

#endif
