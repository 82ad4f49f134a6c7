#include "rules/correlate/window.h"

#include <stdlib.h>
#include <string.h>

void
window_fini(struct window *w)
{
	free(w->values);
	w->values = NULL;
}

static int64_t
subtract(int64_t a, int64_t b)
{
	int64_t r;

	return __builtin_sub_overflow(a, b, &r) ? INT64_MIN : r;
}

static int64_t
add_up(int64_t a, int64_t b)
{
	int64_t r;

	return __builtin_add_overflow(a, b, &r) ? INT64_MAX : r;
}

void
window_move(struct window *w, int64_t ns, int64_t span_ns)
{
	int64_t oldest;
	size_t i, n = 0;

	if (!w->begun || ns > w->end_ns)
		w->end_ns = ns;
	w->begun = true;
	oldest = subtract(w->end_ns, span_ns);
	for (i = 0; i < w->n_samples; i++)
		if (w->samples[i].ns >= oldest)
			w->samples[n++] = w->samples[i];
	w->n_samples = n;
	for (i = n = 0; i < w->n_values; i++)
		if (w->values[i].ns >= oldest)
			w->values[n++] = w->values[i];
	w->n_values = n;
	for (i = 0; i < SIGMA_REFS_MAX; i++)
		if (w->steps[i].seen && w->steps[i].ns < oldest)
			w->steps[i].seen = false;
	for (i = 0; i < WINDOW_IDS; i++)
		if (w->ids[i].ns < oldest)
			w->ids[i].text[0] = '\0';
}

void
window_add_id(struct window *w, int64_t ns, const char *id)
{
	struct window_id *slot = &w->ids[w->next_id];
	size_t len = strnlen(id, WINDOW_ID_TEXT - 1);

	if (len == 0)
		return;
	slot->ns = ns;
	memcpy(slot->text, id, len);
	slot->text[len] = '\0';
	w->next_id = (w->next_id + 1) % WINDOW_IDS;
}

/* Two neighbours become one, at the later time. */
static void
merge_samples(struct window *w)
{
	size_t i;

	for (i = 0; i + 1 < w->n_samples; i += 2) {
		w->samples[i / 2].ns = w->samples[i + 1].ns;
		w->samples[i / 2].value = add_up(w->samples[i].value,
		    w->samples[i + 1].value);
	}
	w->n_samples /= 2;
}

int64_t
window_add(struct window *w, int64_t ns, int64_t value)
{
	int64_t sum = 0;
	size_t i, at;

	if (w->n_samples == WINDOW_SAMPLES)
		merge_samples(w);
	at = w->n_samples++;
	while (at > 0 && w->samples[at - 1].ns > ns) {
		w->samples[at] = w->samples[at - 1];
		at--;
	}
	w->samples[at].ns = ns;
	w->samples[at].value = value;
	for (i = 0; i < w->n_samples; i++)
		sum = add_up(sum, w->samples[i].value);
	return sum;
}

int64_t
window_add_distinct(struct window *w, int64_t ns, uint64_t hash, size_t room)
{
	size_t i, oldest = 0;

	if (w->values == NULL) {
		w->values = calloc(room, sizeof(*w->values));
		if (w->values == NULL)
			return -1;
		w->room_values = room;
	}
	for (i = 0; i < w->n_values; i++) {
		if (w->values[i].hash == hash) {
			if (ns > w->values[i].ns)
				w->values[i].ns = ns;
			return (int64_t)w->n_values;
		}
		if (w->values[i].ns < w->values[oldest].ns)
			oldest = i;
	}
	/* Full means above every threshold: the oldest makes room. */
	i = w->n_values < w->room_values ? w->n_values++ : oldest;
	w->values[i].hash = hash;
	w->values[i].ns = ns;
	return (int64_t)w->n_values;
}

int64_t
window_see(struct window *w, int64_t ns, size_t rule, size_t n_rules)
{
	int64_t n = 0;
	size_t i;

	if (!w->steps[rule].seen || ns > w->steps[rule].ns)
		w->steps[rule].ns = ns;
	w->steps[rule].seen = true;
	for (i = 0; i < n_rules; i++)
		n += w->steps[i].seen;
	return n;
}

/*
 * steps[i].ns is the latest time at which a chain of the rules 0 to i began:
 * the latest start is the one that stays in the window longest, so no other
 * has to be remembered.
 */
int64_t
window_step(struct window *w, int64_t ns, size_t rule, size_t n_rules,
    int64_t span_ns, uint64_t serial)
{
	struct window_step *step = &w->steps[rule], *before;
	int64_t start = ns;

	if (rule > 0) {
		before = &w->steps[rule - 1];
		if (!before->seen || before->serial == serial ||
		    before->ns < subtract(ns, span_ns))
			return 0;
		start = before->ns;
	}
	if (!step->seen || start > step->ns) {
		step->seen = true;
		step->ns = start;
		step->serial = serial;
	}
	return rule + 1 == n_rules ? (int64_t)n_rules : 0;
}
