#include "rules/matcher/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_TEXT	64

static const struct event_value *
find_member(struct predicate_world *w, const struct predicate_view *view,
    const struct event_value *map)
{
	struct event_value *found;
	size_t len = strlen(view->field.key);
	uint32_t i;

	for (i = 0; i + 1 < map->count; i += 2) {
		if (map->strs[i].len != len ||
		    memcmp(map->strs[i].text, view->field.key, len) != 0)
			continue;
		found = arena_alloc(w->scratch, sizeof(*found));
		if (found == NULL) {
			ledger_add(w->no_memory, 1);
			return NULL;
		}
		found->field = map->field;
		found->count = 1;
		found->str = map->strs[i + 1];
		return found;
	}
	return NULL;
}

struct predicate_view *
view_get(struct predicate_world *w, uint32_t index)
{
	struct predicate_view *view = &w->views[index];

	if (view->epoch == w->epoch)
		return view;
	view->epoch = w->epoch;
	view->has_raw = view->has_low = false;
	view->value = NULL;
	view->n = 0;
	if (view->field.id == FIELD_COUNT)
		return view;
	view->value = event_get(w->event, view->field.id);
	if (view->value != NULL && view->field.key != NULL)
		view->value = find_member(w, view, view->value);
	return view;
}

/* A text that is written out; returns its length. */
static size_t
write_value(const struct event_value *v, uint32_t i, enum field_type type,
    char out[static NUMBER_TEXT])
{
	int n = 0;

	switch (type) {
	case FIELD_TYPE_INT:
		n = snprintf(out, NUMBER_TEXT, "%" PRId64, v->num);
		break;
	case FIELD_TYPE_DBL:
		n = snprintf(out, NUMBER_TEXT, "%.15g", v->dbl);
		break;
	case FIELD_TYPE_BOOL:
		n = snprintf(out, NUMBER_TEXT, "%s",
		    v->flag ? "true" : "false");
		break;
	case FIELD_TYPE_TIME:
		wall_format(v->time, out);
		return strlen(out);
	case FIELD_TYPE_IP:
		ipaddr_format(&v->ip, out);
		return strlen(out);
	case FIELD_TYPE_IPS:
		ipaddr_format(&v->ips[i], out);
		return strlen(out);
	case FIELD_TYPE_STR:
	case FIELD_TYPE_STRS:
	case FIELD_TYPE_JSON:
	case FIELD_TYPE_MAP:
		break;
	}
	return n < 0 ? 0 : (size_t)n;
}

static struct event_str *
make_texts(struct predicate_world *w, size_t n)
{
	struct event_str *texts = arena_alloc(w->scratch,
	    n * sizeof(*texts));

	if (texts == NULL)
		ledger_add(w->no_memory, 1);
	return texts;
}

static const struct event_str *
write_all(struct predicate_world *w, const struct event_value *v,
    enum field_type type, uint32_t *n)
{
	uint32_t count = type == FIELD_TYPE_IPS ? v->count : 1, i;
	struct event_str *texts = make_texts(w, count);
	char text[NUMBER_TEXT];

	for (i = 0; texts != NULL && i < count; i++) {
		texts[i].len = write_value(v, i, type, text);
		texts[i].text = arena_memdup(w->scratch, text, texts[i].len);
		if (texts[i].text == NULL) {
			ledger_add(w->no_memory, 1);
			return NULL;
		}
	}
	*n = texts == NULL ? 0 : count;
	return texts;
}

/* The values of a map, without its keys. */
static const struct event_str *
map_values(struct predicate_world *w, const struct event_value *v, uint32_t *n)
{
	struct event_str *texts = make_texts(w, v->count / 2 + 1);
	uint32_t i;

	if (texts == NULL)
		return NULL;
	for (i = 0; i + 1 < v->count; i += 2)
		texts[i / 2] = v->strs[i + 1];
	*n = v->count / 2;
	return texts;
}

static const struct event_str *
value_texts(struct predicate_world *w, const struct event_value *v,
    bool member, uint32_t *n)
{
	enum field_type type = field_table[v->field].type;

	if (member || type == FIELD_TYPE_STR || type == FIELD_TYPE_JSON) {
		*n = 1;
		return &v->str;
	}
	if (type == FIELD_TYPE_STRS) {
		*n = v->count;
		return v->strs;
	}
	if (type == FIELD_TYPE_MAP)
		return map_values(w, v, n);
	return write_all(w, v, type, n);
}

/* Keywords look at every text of the event, not at its numbers. */
static bool
is_searched(enum field_type type)
{
	return type == FIELD_TYPE_STR || type == FIELD_TYPE_STRS ||
	    type == FIELD_TYPE_MAP || type == FIELD_TYPE_IP ||
	    type == FIELD_TYPE_IPS;
}

static const struct event_str *
all_texts(struct predicate_world *w, uint32_t *n)
{
	const struct event_value *v;
	const struct event_str *some;
	struct event_str *texts;
	uint32_t total = 0, count;
	unsigned id;

	*n = 0;
	for (id = 0; id < FIELD_COUNT; id++)
		if (is_searched(field_table[id].type) &&
		    (v = event_get(w->event, (enum field_id)id)) != NULL)
			total += v->count;
	if ((texts = make_texts(w, total + 1)) == NULL)
		return NULL;
	for (id = 0; id < FIELD_COUNT; id++) {
		if (!is_searched(field_table[id].type) ||
		    (v = event_get(w->event, (enum field_id)id)) == NULL)
			continue;
		count = 0;
		some = value_texts(w, v, false, &count);
		if (some == NULL || count > total - *n)
			continue;
		memcpy(texts + *n, some, count * sizeof(*texts));
		*n += count;
	}
	return texts;
}

const struct event_str *
view_raw(struct predicate_world *w, struct predicate_view *view)
{
	if (view->has_raw)
		return view->raw;
	view->has_raw = true;
	view->raw = NULL;
	view->n = 0;
	if (view->field.id == FIELD_COUNT)
		view->raw = all_texts(w, &view->n);
	else if (view->value != NULL)
		view->raw = value_texts(w, view->value,
		    view->field.key != NULL, &view->n);
	if (view->raw == NULL)
		view->n = 0;
	return view->raw;
}

static char *
copy_low(struct predicate_world *w, const struct event_str *text)
{
	char *copy = arena_memdup(w->scratch, text->text, text->len);
	size_t i;

	for (i = 0; copy != NULL && i < text->len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] + ('a' - 'A'));
	return copy;
}

static bool
has_capitals(const struct event_str *text)
{
	size_t i;

	for (i = 0; i < text->len; i++)
		if (text->text[i] >= 'A' && text->text[i] <= 'Z')
			return true;
	return false;
}

const struct event_str *
view_low(struct predicate_world *w, struct predicate_view *view)
{
	struct event_str *low;
	uint32_t i;

	if (view->has_low)
		return view->low;
	view->has_low = true;
	view->low = NULL;
	if (view_raw(w, view) == NULL || view->n == 0 ||
	    (low = make_texts(w, view->n)) == NULL)
		return NULL;
	for (i = 0; i < view->n; i++) {
		low[i] = view->raw[i];
		if (!has_capitals(&low[i]))
			continue;
		low[i].text = copy_low(w, &view->raw[i]);
		if (low[i].text == NULL) {
			ledger_add(w->no_memory, 1);
			return NULL;
		}
	}
	view->low = low;
	return low;
}
