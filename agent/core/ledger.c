#include "agent/core/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"

struct ledger {
	/* Other threads read while the loop thread makes a stage. */
	_Atomic size_t		 n;
	struct ledger_stage	*stages[LEDGER_STAGES];
	struct arena		*names;
};

struct ledger *
ledger_new(void)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->names = arena_new(LEDGER_STAGES *
	    (sizeof(struct ledger_stage) + 256));
	if (l->names == NULL) {
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	return l;
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	arena_free(l->names);
	free(l);
}

struct ledger_stage *
ledger_stage(struct ledger *l, const char *name)
{
	size_t n = atomic_load(&l->n);
	struct ledger_stage *s;

	for (size_t i = 0; i < n; i++)
		if (strcmp(l->stages[i]->name, name) == 0)
			return l->stages[i];
	assert(n < LEDGER_STAGES);
	s = arena_alloc(l->names, sizeof(*s));
	if (s != NULL)
		s->name = arena_strdup(l->names, name);
	/* A start that has no memory for this gets nowhere. */
	if (s == NULL || s->name == NULL)
		abort();
	l->stages[n] = s;
	atomic_store(&l->n, n + 1);
	return s;
}

static ledger_count *
reason(struct ledger_reason *reasons, const char *name)
{
	size_t i;

	for (i = 0; i < LEDGER_REASONS && reasons[i].name != NULL; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return &reasons[i].count;
	assert(i < LEDGER_REASONS);
	reasons[i].name = name;
	return &reasons[i].count;
}

ledger_count *
ledger_dropped(struct ledger_stage *s, const char *name)
{
	return reason(s->dropped, name);
}

ledger_count *
ledger_outside(struct ledger_stage *s, const char *what)
{
	return reason(s->outside, what);
}

ledger_count *
ledger_noted(struct ledger_stage *s, const char *what)
{
	return reason(s->noted, what);
}

static uint64_t
sum(const struct ledger_reason *reasons)
{
	uint64_t total = 0;

	for (size_t i = 0; i < LEDGER_REASONS; i++)
		total += ledger_get(&reasons[i].count);
	return total;
}

uint64_t
ledger_lost(const struct ledger *l)
{
	uint64_t total = 0;

	for (size_t i = 0, n = atomic_load(&l->n); i < n; i++)
		total += sum(l->stages[i]->dropped) +
		    sum(l->stages[i]->outside);
	return total;
}

bool
ledger_stage_balances(const struct ledger_stage *s)
{
	return ledger_get(&s->received) == ledger_get(&s->delivered) +
	    sum(s->dropped) + ledger_get(&s->pending);
}

static void
write_count(struct json_writer *w, const char *name, const ledger_count *c)
{
	json_key_str(w, name);
	json_put_u64(w, ledger_get(c));
}

static void
write_reasons(struct json_writer *w, const char *name,
    const struct ledger_reason *reasons)
{
	json_key_str(w, name);
	json_open(w, '{');
	for (size_t i = 0; i < LEDGER_REASONS && reasons[i].name != NULL; i++)
		write_count(w, reasons[i].name, &reasons[i].count);
	json_close(w, '}');
}

static bool
write_stage(struct json_writer *w, const struct ledger_stage *s)
{
	bool balances = ledger_stage_balances(s);

	json_open(w, '{');
	json_key_str(w, "name");
	json_put_cstr(w, s->name);
	write_count(w, "received", &s->received);
	write_count(w, "delivered", &s->delivered);
	write_reasons(w, "dropped", s->dropped);
	write_count(w, "pending", &s->pending);
	write_reasons(w, "outside", s->outside);
	write_reasons(w, "noted", s->noted);
	json_key_str(w, "balances");
	json_put_bool(w, balances);
	json_close(w, '}');
	return balances;
}

void
ledger_write_json(const struct ledger *l, struct json_writer *w)
{
	bool all = true;

	json_open(w, '{');
	json_key_str(w, "stages");
	json_open(w, '[');
	for (size_t i = 0, n = atomic_load(&l->n); i < n; i++)
		all &= write_stage(w, l->stages[i]);
	json_close(w, ']');
	json_key_str(w, "balances");
	json_put_bool(w, all);
	json_close(w, '}');
}

void
ledger_take(const struct ledger *l, struct ledger_snapshot *snap)
{
	size_t n = atomic_load(&l->n);

	memset(snap, 0, sizeof(*snap));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < LEDGER_REASONS; j++) {
			snap->dropped[i][j] =
			    ledger_get(&l->stages[i]->dropped[j].count);
			snap->outside[i][j] =
			    ledger_get(&l->stages[i]->outside[j].count);
		}
}

/* A counter that we only read starts again at 0 when its owner does. */
static uint64_t
growth(const struct ledger_reason *r, uint64_t then)
{
	uint64_t now = ledger_get(&r->count);

	return now >= then ? now - then : now;
}

static void
write_gap(struct json_writer *w, const char *stage, const char *name,
    uint64_t n)
{
	char key[128];
	int len = snprintf(key, sizeof(key), "%s.%s", stage, name);

	if (n == 0)
		return;
	if ((size_t)len >= sizeof(key))
		len = sizeof(key) - 1;
	json_key(w, key, (size_t)len);
	json_put_u64(w, n);
}

static uint64_t
growth_of(const struct ledger_reason *reasons, const uint64_t *then,
    const char *name)
{
	for (size_t i = 0; i < LEDGER_REASONS && reasons[i].name != NULL; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return growth(&reasons[i], then[i]);
	return 0;
}

static bool
has_reason(const struct ledger_reason *reasons, const char *name)
{
	for (size_t i = 0; i < LEDGER_REASONS && reasons[i].name != NULL; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return true;
	return false;
}

/* A name that is both a reason and an outside loss is one key: the sum. */
static void
write_stage_gaps(struct json_writer *w, const struct ledger_stage *s,
    const uint64_t *dropped, const uint64_t *outside)
{
	const char *name;

	for (size_t i = 0; i < LEDGER_REASONS; i++) {
		name = s->dropped[i].name;
		if (name != NULL)
			write_gap(w, s->name, name,
			    growth(&s->dropped[i], dropped[i]) +
			    growth_of(s->outside, outside, name));
	}
	for (size_t i = 0; i < LEDGER_REASONS; i++) {
		name = s->outside[i].name;
		if (name != NULL && !has_reason(s->dropped, name))
			write_gap(w, s->name, name,
			    growth(&s->outside[i], outside[i]));
	}
}

void
ledger_write_gaps(const struct ledger *l, const struct ledger_snapshot *snap,
    struct json_writer *w)
{
	size_t n = atomic_load(&l->n);

	json_open(w, '{');
	for (size_t i = 0; i < n; i++)
		write_stage_gaps(w, l->stages[i], snap->dropped[i],
		    snap->outside[i]);
	json_close(w, '}');
}
