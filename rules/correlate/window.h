/*
 * window: what one group of a correlation has seen within its timespan.
 * Internal to rules/correlate.
 *
 * The window ends at the newest event time and is timespan long. Sums and
 * counts are exact for the last WINDOW_SAMPLES events; beyond that two
 * neighbours in time become one sample at the later time, so an old one may
 * count a little longer. Events that come late are put in their place.
 */
#ifndef RULES_CORRELATE_WINDOW_H
#define RULES_CORRELATE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/sigma/sigma.h"

#define WINDOW_SAMPLES	64
#define WINDOW_IDS	16
#define WINDOW_ID_TEXT	48	/* longer ids are cut */

struct window_sample { int64_t ns, value; };
struct window_value { uint64_t hash; int64_t ns; };
struct window_id { int64_t ns; char text[WINDOW_ID_TEXT]; };

/* For temporal types: what is known of each rule. */
struct window_step {
	bool	 seen;
	int64_t	 ns;		/* temporal: last seen; ordered: where the
				 * latest chain up to here began */
	uint64_t serial;	/* of the event that made this step */
};

struct window {
	int64_t			 end_ns;
	int64_t			 quiet_until_ns;	/* fired before */
	bool			 begun, fired;
	size_t			 n_samples;
	struct window_sample	 samples[WINDOW_SAMPLES];
	struct window_value	*values;	/* value_count only */
	size_t			 n_values, room_values;
	struct window_step	 steps[SIGMA_REFS_MAX];
	struct window_id	 ids[WINDOW_IDS];	/* a ring */
	size_t			 next_id;
};

/* Moves the end and forgets what is older than the timespan. */
void window_move(struct window *, int64_t ns, int64_t span_ns);
void window_add_id(struct window *, int64_t ns, const char *id);

/* Each gives the number that the condition is about. Negative: no memory. */
int64_t window_add(struct window *, int64_t ns, int64_t value);
int64_t window_add_distinct(struct window *, int64_t ns, uint64_t hash,
    size_t room);
/* Number of rules seen within the timespan. */
int64_t window_see(struct window *, int64_t ns, size_t rule, size_t n_rules);
/* n_rules when the chain of all rules in order is complete, else less.
 * serial: of the event; one event is one step. */
int64_t window_step(struct window *, int64_t ns, size_t rule, size_t n_rules,
    int64_t span_ns, uint64_t serial);

void window_fini(struct window *);

#endif
