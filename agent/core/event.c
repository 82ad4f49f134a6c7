/*
 * An event lies at the start of its own arena, so that a small one is one
 * allocation. Its fields are a growing array of values in the order in which
 * they were set; a byte per field of the table says where. An event that sets
 * more fields than a byte can count is truncated.
 */
#include "agent/core/event.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/arena.h"

#define EVENT_BYTES_MAX	(256 * 1024)
#define FIRST_BYTES	8000	/* an exec with its container needs 6000 */
#define FIRST_VALUES	80	/* most events have 50 to 77 */
#define VALUES_MAX	(FIELD_COUNT < 254 ? FIELD_COUNT : 254)
#define FIRST_MEMBERS	4
#define MEMBERS_MAX	4096

struct event {
	struct arena		*arena;
	atomic_uint		 refs;
	enum event_dataset	 dataset;
	struct wall		 when;
	bool			 sealed;
	bool			 truncated;
	bool			 private;
	uint8_t			 n, room;	/* values */
	struct event_value	*values;
	/* Place + 1, 0 absent; whole words of eight. */
	uint8_t			 at[(FIELD_COUNT + 7) / 8 * 8];
};

/* The value of a field, made when absent; NULL when there is no room. */
static struct event_value *
place(struct event *e, enum field_id id)
{
	struct event_value *v;

	if (e->at[id] != 0)
		return &e->values[e->at[id] - 1];
	if (e->n == e->room) {
		size_t room = (size_t)e->room * 2;

		if (room > VALUES_MAX)
			room = VALUES_MAX;
		v = e->n == room ? NULL :
		    arena_alloc(e->arena, room * sizeof(*v));
		if (v == NULL)
			return NULL;
		memcpy(v, e->values, e->n * sizeof(*v));
		e->values = v;
		e->room = (uint8_t)room;
	}
	v = &e->values[e->n++];
	e->at[id] = e->n;
	v->field = id;
	v->count = 1;
	return v;
}

/* Every setter begins here. */
static void
check(const struct event *e, enum field_id id, enum field_type type)
{
	assert(id < FIELD_COUNT);
	assert(!e->sealed);
	assert(field_table[id].type == type);
	(void)e;
	(void)id;
	(void)type;
}

/* For values without memory of their own. */
static struct event_value *
start(struct event *e, enum field_id id, enum field_type type)
{
	struct event_value *v;

	check(e, id, type);
	v = place(e, id);
	if (v == NULL)
		e->truncated = true;
	else
		v->missing = false;
	return v;
}

/* text is in the arena already or static; NULL means there was no memory. */
static void
put_str(struct event *e, enum field_id id, const char *text, size_t len)
{
	struct event_value *v = text == NULL ? NULL : place(e, id);

	if (v == NULL) {
		e->truncated = true;
		return;
	}
	v->missing = false;
	v->str = (struct event_str){ text, len };
}

struct event *
event_new(enum event_dataset dataset, struct wall when)
{
	const char *name = event_dataset_name(dataset);
	struct arena *a = arena_new_sized(EVENT_BYTES_MAX, FIRST_BYTES);
	struct event *e;

	if (a == NULL)
		return NULL;
	/* These two fit the arena's first block. */
	e = arena_alloc(a, sizeof(*e));
	e->values = arena_alloc(a, FIRST_VALUES * sizeof(*e->values));
	e->arena = a;
	e->room = FIRST_VALUES;
	e->dataset = dataset;
	e->when = when;
	atomic_init(&e->refs, 1);
	event_set_time(e, FIELD_TIMESTAMP, when);
	put_str(e, FIELD_EVENT_DATASET, name, strlen(name));
	put_str(e, FIELD_DATA_STREAM_DATASET, name, strlen(name));
	return e;
}

/* The count is the one thing of a const event that changes. */
static atomic_uint *
refs(const struct event *e)
{
	return &((struct event *)(uintptr_t)e)->refs;
}

struct event *
event_ref(const struct event *e)
{
	atomic_fetch_add_explicit(refs(e), 1, memory_order_relaxed);
	return (struct event *)(uintptr_t)e;
}

void
event_unref(const struct event *e)
{
	unsigned before;

	if (e == NULL)
		return;
	before = atomic_fetch_sub_explicit(refs(e), 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		arena_free(e->arena);
}

enum event_dataset
event_dataset(const struct event *e)
{
	return e->dataset;
}

struct wall
event_time(const struct event *e)
{
	return e->when;
}

void
event_seal(struct event *e)
{
	e->sealed = true;
}

bool
event_sealed(const struct event *e)
{
	return e->sealed;
}

void
event_set_private(struct event *e)
{
	e->private = true;
}

bool
event_private(const struct event *e)
{
	return e->private;
}

bool
event_truncated(const struct event *e)
{
	return e->truncated;
}

size_t
event_bytes(const struct event *e)
{
	return arena_used(e->arena);
}

/* Who enriches a held event again mostly writes what is there already. */
static bool
has_text(const struct event *e, enum field_id id, const char *s, size_t len)
{
	const struct event_value *v;

	if (e->at[id] == 0)
		return false;
	v = &e->values[e->at[id] - 1];
	return !v->missing && v->str.len == len &&
	    (len == 0 || memcmp(v->str.text, s, len) == 0);
}

void
event_set_str(struct event *e, enum field_id id, const char *s, size_t len)
{
	check(e, id, FIELD_TYPE_STR);
	if (has_text(e, id, s, len))
		return;
	put_str(e, id, arena_memdup(e->arena, s, len), len);
}

void
event_set_cstr(struct event *e, enum field_id id, const char *s)
{
	if (s != NULL)
		event_set_str(e, id, s, strlen(s));
}

void
event_set_digits(struct event *e, enum field_id id, uint64_t v)
{
	char digits[BUF_DIGITS];

	event_set_str(e, id, digits, buf_digits(digits, v, 10, 0));
}

void
event_set_fmt(struct event *e, enum field_id id, const char *fmt, ...)
{
	char small[256], *text;
	va_list ap, again;
	int n;

	check(e, id, FIELD_TYPE_STR);
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		e->truncated = true;
	else if ((size_t)n < sizeof(small))
		event_set_str(e, id, small, (size_t)n);
	else {
		text = arena_alloc(e->arena, (size_t)n + 1);
		if (text != NULL)
			vsnprintf(text, (size_t)n + 1, fmt, again);
		put_str(e, id, text, (size_t)n);
	}
	va_end(again);
}

void
event_set_json(struct event *e, enum field_id id, const char *s, size_t len)
{
	check(e, id, FIELD_TYPE_JSON);
	put_str(e, id, arena_memdup(e->arena, s, len), len);
}

/*
 * Room for one more of a list's elements of `size` bytes: the array itself,
 * or a copy twice as long when it is full, which the count tells: it is a
 * power of two then. NULL when the list or the arena is full.
 */
static void *
extend(struct event *e, const void *old, size_t count, size_t size)
{
	size_t room = count * 2;
	void *p;

	if (count >= MEMBERS_MAX)
		return NULL;
	if (count == 0)
		room = FIRST_MEMBERS;
	else if (count < FIRST_MEMBERS || (count & (count - 1)) != 0)
		return (void *)(uintptr_t)old;
	p = arena_alloc(e->arena, room * size);
	if (p != NULL && count != 0)
		memcpy(p, old, count * size);
	return p;
}

/* The list so far; NULL when there is none yet. */
static const struct event_value *
list(const struct event *e, enum field_id id)
{
	const struct event_value *v;

	if (e->at[id] == 0)
		return NULL;
	v = &e->values[e->at[id] - 1];
	return v->missing ? NULL : v;
}

static bool
same_str(const struct event_str *s, const char *text, size_t len)
{
	return s->len == len && memcmp(s->text, text, len) == 0;
}

static bool
contains(const struct event_value *v, const char *text, size_t len)
{
	for (size_t i = 0; v != NULL && i < v->count; i++)
		if (same_str(&v->strs[i], text, len))
			return true;
	return false;
}

static void
put_strs(struct event *e, enum field_id id, const struct event_str *strs,
    size_t count)
{
	struct event_value *v = place(e, id);

	if (v == NULL) {
		e->truncated = true;
		return;
	}
	v->missing = false;
	v->strs = strs;
	v->count = (uint32_t)count;
}

void
event_add_str(struct event *e, enum field_id id, const char *s, size_t len,
    bool unique)
{
	const struct event_value *v;
	struct event_str *strs;
	size_t count;
	char *copy;

	check(e, id, FIELD_TYPE_STRS);
	v = list(e, id);
	if (unique && contains(v, s, len))
		return;
	count = v == NULL ? 0 : v->count;
	strs = extend(e, v == NULL ? NULL : v->strs, count, sizeof(*strs));
	copy = arena_memdup(e->arena, s, len);
	if (strs == NULL || copy == NULL) {
		e->truncated = true;
		return;
	}
	strs[count] = (struct event_str){ copy, len };
	put_strs(e, id, strs, count + 1);
}

/* The key's pair, or NULL. */
static struct event_str *
find_pair(const struct event_value *v, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; v != NULL && i < v->count; i += 2)
		if (same_str(&v->strs[i], key, len))
			return (struct event_str *)(uintptr_t)&v->strs[i];
	return NULL;
}

void
event_add_pair(struct event *e, enum field_id id, const char *key,
    const char *value)
{
	struct event_str pair[2] = { { NULL, strlen(key) },
	    { NULL, strlen(value) } };
	const struct event_value *v;
	struct event_str *strs;
	size_t pairs;

	check(e, id, FIELD_TYPE_MAP);
	v = list(e, id);
	pairs = v == NULL ? 0 : v->count / 2;
	strs = find_pair(v, key);
	pair[1].text = arena_memdup(e->arena, value, pair[1].len);
	if (strs != NULL && pair[1].text != NULL) {
		strs[1] = pair[1];
		return;
	}
	pair[0].text = arena_memdup(e->arena, key, pair[0].len);
	strs = extend(e, v == NULL ? NULL : v->strs, pairs, sizeof(pair));
	if (pair[0].text == NULL || pair[1].text == NULL || strs == NULL) {
		e->truncated = true;
		return;
	}
	memcpy(&strs[2 * pairs], pair, sizeof(pair));
	put_strs(e, id, strs, 2 * (pairs + 1));
}

void
event_set_num(struct event *e, enum field_id id, int64_t num)
{
	struct event_value *v = start(e, id, FIELD_TYPE_INT);

	if (v != NULL)
		v->num = num;
}

void
event_set_dbl(struct event *e, enum field_id id, double dbl)
{
	struct event_value *v = start(e, id, FIELD_TYPE_DBL);

	if (v != NULL)
		v->dbl = dbl;
}

void
event_set_bool(struct event *e, enum field_id id, bool flag)
{
	struct event_value *v = start(e, id, FIELD_TYPE_BOOL);

	if (v != NULL)
		v->flag = flag;
}

void
event_set_time(struct event *e, enum field_id id, struct wall time)
{
	struct event_value *v = start(e, id, FIELD_TYPE_TIME);

	if (v != NULL)
		v->time = time;
}

void
event_set_ip(struct event *e, enum field_id id, const struct ipaddr *ip)
{
	struct event_value *v = start(e, id, FIELD_TYPE_IP);

	if (v != NULL)
		v->ip = *ip;
}

void
event_add_ip(struct event *e, enum field_id id, const struct ipaddr *ip)
{
	const struct event_value *old;
	struct event_value *v;
	struct ipaddr *ips;
	size_t count;

	check(e, id, FIELD_TYPE_IPS);
	old = list(e, id);
	count = old == NULL ? 0 : old->count;
	for (size_t i = 0; i < count; i++)
		if (ipaddr_equal(&old->ips[i], ip))
			return;
	ips = extend(e, old == NULL ? NULL : old->ips, count, sizeof(*ips));
	v = ips == NULL ? NULL : place(e, id);
	if (v == NULL) {
		e->truncated = true;
		return;
	}
	ips[count] = *ip;
	v->missing = false;
	v->ips = ips;
	v->count = (uint32_t)count + 1;
}

void
event_set_missing(struct event *e, enum field_id id)
{
	struct event_value *v;

	assert(id < FIELD_COUNT && !e->sealed);
	if (e->at[id] != 0)
		return;
	v = place(e, id);
	if (v == NULL)
		e->truncated = true;
	else
		v->missing = true;
}

static void
copy_list(struct event *to, const struct event_value *v)
{
	/* A list is replaced, not added to. */
	if (to->at[v->field] != 0)
		to->values[to->at[v->field] - 1].missing = true;
	for (size_t i = 0; i < v->count; i++)
		if (field_table[v->field].type == FIELD_TYPE_STRS)
			event_add_str(to, v->field, v->strs[i].text,
			    v->strs[i].len, false);
		else if (field_table[v->field].type == FIELD_TYPE_IPS)
			event_add_ip(to, v->field, &v->ips[i]);
		else if (i % 2 == 0)
			event_add_pair(to, v->field, v->strs[i].text,
			    v->strs[i + 1].text);
}

void
event_copy(struct event *to, const struct event *from, enum field_id id)
{
	const struct event_value *v = event_get(from, id);

	if (v == NULL)
		return;
	switch (field_table[id].type) {
	case FIELD_TYPE_STR:
		event_set_str(to, id, v->str.text, v->str.len);
		break;
	case FIELD_TYPE_JSON:
		event_set_json(to, id, v->str.text, v->str.len);
		break;
	case FIELD_TYPE_INT: event_set_num(to, id, v->num); break;
	case FIELD_TYPE_DBL: event_set_dbl(to, id, v->dbl); break;
	case FIELD_TYPE_BOOL: event_set_bool(to, id, v->flag); break;
	case FIELD_TYPE_TIME: event_set_time(to, id, v->time); break;
	case FIELD_TYPE_IP: event_set_ip(to, id, &v->ip); break;
	case FIELD_TYPE_STRS:
	case FIELD_TYPE_IPS:
	case FIELD_TYPE_MAP: copy_list(to, v); break;
	}
}

const struct event_value *
event_get(const struct event *e, enum field_id id)
{
	assert(id < FIELD_COUNT);
	return list(e, id);
}

enum event_presence
event_has(const struct event *e, enum field_id id)
{
	assert(id < FIELD_COUNT);
	if (e->at[id] == 0)
		return EVENT_ABSENT;
	return e->values[e->at[id] - 1].missing ? EVENT_MISSING : EVENT_SET;
}

size_t
event_values(const struct event *e,
    const struct event_value *values[FIELD_COUNT])
{
	size_t n = 0;
	uint64_t eight;

	/* Most are absent: eight at a time. */
	for (size_t i = 0; i < sizeof(e->at); i += sizeof(eight)) {
		memcpy(&eight, e->at + i, sizeof(eight));
		if (eight == 0)
			continue;
		for (size_t k = i; k < i + sizeof(eight); k++)
			if (e->at[k] != 0)
				values[n++] = &e->values[e->at[k] - 1];
	}
	return n;
}

const char *
event_str(const struct event *e, enum field_id id)
{
	const struct event_value *v = event_get(e, id);

	if (v == NULL || (field_table[id].type != FIELD_TYPE_STR &&
	    field_table[id].type != FIELD_TYPE_JSON))
		return "";
	return v->str.text;
}

int64_t
event_num(const struct event *e, enum field_id id)
{
	const struct event_value *v = event_get(e, id);

	return v == NULL || field_table[id].type != FIELD_TYPE_INT ? 0 : v->num;
}
