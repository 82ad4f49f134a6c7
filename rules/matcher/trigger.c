#include "rules/matcher/trigger.h"

#include <stdlib.h>
#include <string.h>

#include "rules/matcher/view.h"

/* Finding the texts of a rule. */

#define COMMON	1000	/* weight of a field that says little */

/* Fields in which most events of a dataset have the same few values. */
static bool
is_common(enum field_id id)
{
	static const char *const common[] = {
		"container.", "event.", "host.", "network.", "tallyman.",
		"user."
	};
	size_t i;

	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strncmp(field_table[id].name, common[i],
		    strlen(common[i])) == 0)
			return true;
	return false;
}

static unsigned
weight(const struct trigger_list *l)
{
	unsigned w = 0;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (is_common(l->items[i].field->id))
			w = COMMON;
	return w + (l->n < COMMON ? (unsigned)l->n : COMMON - 1);
}

static char *
copy_low(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_memdup(arena, text, len);
	size_t i;

	for (i = 0; copy != NULL && i < len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] + ('a' - 'A'));
	return copy;
}

/* "/name" at the end: a whole last part of a path. */
static bool
is_base(const struct glob *g)
{
	return g->open_start && !g->open_end && g->n == 1 &&
	    g->pieces[0].any == NULL && g->pieces[0].text[0] == '/' &&
	    memchr(g->pieces[0].text + 1, '/', g->pieces[0].len - 1) == NULL;
}

static bool
find_match(struct trigger_list *out, struct arena *arena,
    const struct sigma_match *m, bool *no_memory)
{
	const struct glob *g = &m->glob;
	bool base;
	struct trigger *t;

	if (m->op != SIGMA_TEXT || m->field.id == FIELD_COUNT ||
	    (!glob_is_exact(g) && !is_base(g)))
		return false;
	base = is_base(g);
	t = arena_alloc(arena, sizeof(*t));
	if (t == NULL) {
		*no_memory = true;
		return false;
	}
	t->field = &m->field;
	t->base = base;
	t->len = g->n == 0 ? 0 : g->pieces[0].len - base;
	t->text = copy_low(arena, g->n == 0 ? "" : g->pieces[0].text + base,
	    t->len);
	if (t->text == NULL)
		*no_memory = true;
	out->items = t;
	out->n = 1;
	return t->text != NULL;
}

/* Any one of them has to hold: all of their texts. */
static bool
find_or(struct trigger_list *out, struct arena *arena,
    const struct sigma_expr *e, bool *no_memory)
{
	struct trigger_list kid, all = { 0 };
	struct trigger *items;
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (!trigger_find(&kid, arena, e->kids[i], no_memory))
			return false;
		items = arena_alloc(arena, (all.n + kid.n) * sizeof(*items));
		if (items == NULL) {
			*no_memory = true;
			return false;
		}
		if (all.n > 0)
			memcpy(items, all.items, all.n * sizeof(*items));
		memcpy(items + all.n, kid.items, kid.n * sizeof(*items));
		all.items = items;
		all.n += kid.n;
	}
	*out = all;
	return all.n > 0;
}

/* All have to hold: the texts of the one that says most. */
static bool
find_and(struct trigger_list *out, struct arena *arena,
    const struct sigma_expr *e, bool *no_memory)
{
	struct trigger_list kid;
	bool found = false;
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (!trigger_find(&kid, arena, e->kids[i], no_memory))
			continue;
		if (!found || weight(&kid) < weight(out))
			*out = kid;
		found = true;
	}
	return found;
}

bool
trigger_find(struct trigger_list *out, struct arena *arena,
    const struct sigma_expr *e, bool *no_memory)
{
	switch (e->node) {
	case SIGMA_MATCH:
		return find_match(out, arena, e->match, no_memory);
	case SIGMA_AND:
		return find_and(out, arena, e, no_memory);
	case SIGMA_OR:
		return find_or(out, arena, e, no_memory);
	case SIGMA_NOT:
		break;
	}
	return false;
}

/* The tables. */

struct slot {
	const char	*text;		/* NULL: free */
	size_t		 len;
	uint32_t	*entries;
	size_t		 n, room;
};

struct table {
	uint32_t	 view;
	bool		 base;
	struct slot	*slots;
	size_t		 n, room;	/* room is a power of two */
	size_t		 longest;
};

struct trigger_index {
	struct table	*tables;
	size_t		 n_tables;
	uint32_t	*always;
	size_t		 n_always, room_always;
	uint64_t	*fixed, *bits;
	size_t		 words;
};

struct trigger_index *
trigger_index_new(void)
{
	return calloc(1, sizeof(struct trigger_index));
}

void
trigger_index_free(struct trigger_index *x)
{
	size_t i, k;

	if (x == NULL)
		return;
	for (i = 0; i < x->n_tables; i++) {
		for (k = 0; k < x->tables[i].room; k++)
			free(x->tables[i].slots[k].entries);
		free(x->tables[i].slots);
	}
	free(x->tables);
	free(x->always);
	free(x->fixed);
	free(x->bits);
	free(x);
}

static bool
append(uint32_t **items, size_t *n, size_t *room, uint32_t item)
{
	size_t more = *room == 0 ? 4 : *room * 2;
	uint32_t *p;

	if (*n > 0 && (*items)[*n - 1] == item)
		return true;
	if (*n == *room) {
		p = reallocarray(*items, more, sizeof(*p));
		if (p == NULL)
			return false;
		*items = p;
		*room = more;
	}
	(*items)[(*n)++] = item;
	return true;
}

static struct slot *
find_slot(struct slot *slots, size_t room, const char *text, size_t len)
{
	uint64_t i = predicate_hash(text, len);
	struct slot *s;

	for (;; i++) {
		s = &slots[i & (room - 1)];
		if (s->text == NULL || (s->len == len &&
		    memcmp(s->text, text, len) == 0))
			return s;
	}
}

static bool
grow_table(struct table *t)
{
	size_t room = t->room == 0 ? 16 : t->room * 2, i;
	struct slot *slots;

	if (t->n * 2 < t->room)
		return true;
	slots = calloc(room, sizeof(*slots));
	if (slots == NULL)
		return false;
	for (i = 0; i < t->room; i++)
		if (t->slots[i].text != NULL)
			*find_slot(slots, room, t->slots[i].text,
			    t->slots[i].len) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->room = room;
	return true;
}

static struct table *
find_table(struct trigger_index *x, uint32_t view, bool base)
{
	struct table *tables;
	size_t i;

	for (i = 0; i < x->n_tables; i++)
		if (x->tables[i].view == view && x->tables[i].base == base)
			return &x->tables[i];
	tables = reallocarray(x->tables, x->n_tables + 1, sizeof(*tables));
	if (tables == NULL)
		return NULL;
	x->tables = tables;
	memset(&tables[i], 0, sizeof(tables[i]));
	tables[i].view = view;
	tables[i].base = base;
	x->n_tables++;
	return &tables[i];
}

bool
trigger_index_add(struct trigger_index *x, uint32_t view,
    const struct trigger *trigger, uint32_t entry)
{
	struct table *t = find_table(x, view, trigger->base);
	struct slot *s;

	if (t == NULL || !grow_table(t))
		return false;
	s = find_slot(t->slots, t->room, trigger->text, trigger->len);
	if (s->text == NULL) {
		s->text = trigger->text;
		s->len = trigger->len;
		t->n++;
		if (s->len > t->longest)
			t->longest = s->len;
	}
	return append(&s->entries, &s->n, &s->room, entry);
}

bool
trigger_index_always(struct trigger_index *x, uint32_t entry)
{
	return append(&x->always, &x->n_always, &x->room_always, entry);
}

static void
set_bit(uint64_t *bits, uint32_t entry)
{
	bits[entry / 64] |= UINT64_C(1) << entry % 64;
}

bool
trigger_index_finish(struct trigger_index *x, size_t n)
{
	size_t i;

	x->words = n / 64 + 1;
	x->fixed = calloc(x->words, sizeof(*x->fixed));
	x->bits = calloc(x->words, sizeof(*x->bits));
	if (x->fixed == NULL || x->bits == NULL)
		return false;
	for (i = 0; i < x->n_always; i++)
		set_bit(x->fixed, x->always[i]);
	return true;
}

static void
ask_text(struct trigger_index *x, const struct table *t,
    const struct event_str *text)
{
	const char *p = text->text, *slash;
	size_t len = text->len, i;
	const struct slot *s;

	if (t->base) {
		slash = memrchr(p, '/', len);
		if (slash == NULL)
			return;
		len -= (size_t)(slash + 1 - p);
		p = slash + 1;
	}
	if (len > t->longest)
		return;
	s = find_slot(t->slots, t->room, p, len);
	for (i = 0; i < s->n; i++)
		set_bit(x->bits, s->entries[i]);
}

const uint64_t *
trigger_index_ask(struct trigger_index *x, struct predicate_world *w)
{
	const struct event_str *texts;
	struct predicate_view *view;
	size_t i;
	uint32_t k;

	memcpy(x->bits, x->fixed, x->words * sizeof(*x->bits));
	for (i = 0; i < x->n_tables; i++) {
		view = view_get(w, x->tables[i].view);
		texts = view_low(w, view);
		for (k = 0; texts != NULL && k < view->n; k++)
			ask_text(x, &x->tables[i], &texts[k]);
	}
	return x->bits;
}

size_t
trigger_index_words(const struct trigger_index *x)
{
	return x->words;
}
