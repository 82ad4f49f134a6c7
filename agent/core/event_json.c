/*
 * The table is sorted by name, so the fields of one object stand together:
 * from one field to the next the writer closes the objects that the two
 * names do not share and opens the new ones. Names of the table need no
 * escapes, so what opens them is put together once for each name;
 * json_writer writes the values.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "agent/core/event.h"
#include "lib/json.h"

/* No field of the table: the names of those that are missing. */
#define MISSING		FIELD_COUNT
#define MISSING_NAME	"tallyman.missing"

#define OBJECTS_MAX	6	/* dots in a name */
#define OPENING_BYTES	112	/* "a":{"b":{"c": of one name */

/* How the key of a field is written. */
struct opening {
	uint16_t	object[OBJECTS_MAX];	/* that it is in, by number */
	uint8_t		from[OBJECTS_MAX + 1];	/* text below so many of them */
	uint8_t		depth;			/* dots */
	uint8_t		len;
	char		text[OPENING_BYTES];
};

/* Set once and never changed. */
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static struct opening openings[FIELD_COUNT + 1];
static size_t opened_behind;	/* the first field behind MISSING_NAME */

static const char *
name_of(size_t id)
{
	return id == MISSING ? MISSING_NAME : field_table[id].name;
}

static void
append(struct opening *o, const char *text, size_t len)
{
	assert(len <= sizeof(o->text) - o->len);
	memcpy(o->text + o->len, text, len);
	o->len = (uint8_t)(o->len + len);
}

static void
open_name(struct opening *o, const char *name)
{
	const char *dot;

	append(o, "\"", 1);
	for (; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
		append(o, name, (size_t)(dot - name));
		append(o, "\":{\"", 4);
		assert(o->depth < OBJECTS_MAX);
		o->from[++o->depth] = (uint8_t)(o->len - 1);
	}
	append(o, name, strlen(name));
	append(o, "\":", 2);
}

/* The first n objects that a name is in are the same for both. */
static bool
shares(size_t a, size_t b, size_t n)
{
	const struct opening *x = &openings[a], *y = &openings[b];

	return n <= x->depth && n <= y->depth && x->from[n] == y->from[n] &&
	    memcmp(x->text, y->text, x->from[n]) == 0;
}

static void
open_all(void)
{
	while (opened_behind < FIELD_COUNT &&
	    strcmp(name_of(opened_behind), MISSING_NAME) < 0)
		opened_behind++;
	for (size_t i = 0; i <= FIELD_COUNT; i++) {
		open_name(&openings[i], name_of(i));
		/* An object has the number of the first field in it. */
		for (size_t n = 1; n <= openings[i].depth; n++)
			for (size_t first = 0; first <= i; first++)
				if (shares(first, i, n)) {
					openings[i].object[n - 1] =
					    (uint16_t)first;
					break;
				}
	}
}

/* What was written last; NULL: nothing yet. */
struct place {
	struct buf		*out;
	const struct opening	*at;
};

/* From the field that was written last to this one's key. */
static void
enter(struct place *p, size_t id)
{
	const struct opening *to = &openings[id];
	size_t same = 0, leave;

	if (p->at == NULL) {
		buf_add(p->out, to->text, to->len);
		p->at = to;
		return;
	}
	while (same < p->at->depth && same < to->depth &&
	    p->at->object[same] == to->object[same])
		same++;
	leave = p->at->depth - same;
	_Static_assert(OBJECTS_MAX == 6, "as many as there are braces below");
	buf_add(p->out, &"}}}}}},"[OBJECTS_MAX - leave], leave + 1);
	buf_add(p->out, to->text + to->from[same],
	    to->len - (size_t)to->from[same]);
	p->at = to;
}

static void
write_ip(struct json_writer *w, const struct ipaddr *ip)
{
	char text[IPADDR_TEXT];

	json_put_cstr(w, ipaddr_format(ip, text));
}

/* Milliseconds, unless there is more to say. */
static void
write_time(struct json_writer *w, struct wall when)
{
	char text[WALL_TEXT];
	size_t len;

	wall_format(when, text);
	len = strlen(text);
	if (when.ns % MONO_MS == 0) {
		len -= 6;
		text[len - 1] = 'Z';
	}
	json_put_str(w, text, len);
}

static void
write_map(struct json_writer *w, const struct event_value *v)
{
	json_open(w, '{');
	for (uint32_t i = 0; i < v->count; i += 2) {
		json_key(w, v->strs[i].text, v->strs[i].len);
		json_put_str(w, v->strs[i + 1].text, v->strs[i + 1].len);
	}
	json_close(w, '}');
}

static void
write_list(struct json_writer *w, const struct event_value *v,
    enum field_type type)
{
	json_open(w, '[');
	for (uint32_t i = 0; i < v->count; i++)
		if (type == FIELD_TYPE_IPS)
			write_ip(w, &v->ips[i]);
		else
			json_put_str(w, v->strs[i].text, v->strs[i].len);
	json_close(w, ']');
}

static void
write_value(struct json_writer *w, const struct event_value *v)
{
	enum field_type type = field_table[v->field].type;

	switch (type) {
	case FIELD_TYPE_STR: json_put_str(w, v->str.text, v->str.len); break;
	case FIELD_TYPE_JSON: json_put_raw(w, v->str.text, v->str.len); break;
	case FIELD_TYPE_INT: json_put_i64(w, v->num); break;
	case FIELD_TYPE_DBL: json_put_double(w, v->dbl); break;
	case FIELD_TYPE_BOOL: json_put_bool(w, v->flag); break;
	case FIELD_TYPE_TIME: write_time(w, v->time); break;
	case FIELD_TYPE_IP: write_ip(w, &v->ip); break;
	case FIELD_TYPE_MAP: write_map(w, v); break;
	case FIELD_TYPE_STRS:
	case FIELD_TYPE_IPS: write_list(w, v, type); break;
	}
}

static void
write_field(struct place *p, const struct event_value *v)
{
	struct json_writer w;

	enter(p, v->field);
	json_writer_init(&w, p->out);
	write_value(&w, v);
}

static void
write_missing(struct place *p, const struct event_value *const *values,
    size_t n)
{
	struct json_writer w;

	enter(p, MISSING);
	json_writer_init(&w, p->out);
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++)
		if (values[i]->missing)
			json_put_cstr(&w, field_table[values[i]->field].name);
	json_close(&w, ']');
}

static void
write_fields(struct place *p, const struct event *e)
{
	const struct event_value *values[FIELD_COUNT];
	size_t n = event_values(e, values);
	bool missing = false;

	for (size_t i = 0; i < n; i++)
		missing |= values[i]->missing;
	for (size_t i = 0; i < n; i++) {
		if (values[i]->missing)
			continue;
		if (missing && values[i]->field >= opened_behind) {
			write_missing(p, values, n);
			missing = false;
		}
		write_field(p, values[i]);
	}
	if (missing)
		write_missing(p, values, n);
}

int
event_write_json(const struct event *e, struct buf *out)
{
	struct place p = { .out = out };
	size_t before = out->len;

	pthread_once(&opened, open_all);
	buf_add_char(out, '{');
	write_fields(&p, e);
	for (size_t i = 0; p.at != NULL && i < p.at->depth; i++)
		buf_add_char(out, '}');
	buf_add_char(out, '}');
	if (buf_ok(out))
		return 0;
	if (out->len > before) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -ENOMEM;
}
