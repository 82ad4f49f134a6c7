/*
 * The table is sorted by name, so the fields of one object stand together:
 * from one field to the next the writer closes the objects that the two
 * names do not share and opens the new ones.
 */
#include <errno.h>
#include <string.h>

#include "agent/core/event.h"
#include "lib/json.h"

/* No field of the table: the names of those that are missing. */
#define MISSING_NAME	"tallyman.missing"

/* Length of the objects that both names are in, up to the last dot. */
static size_t
shared_path(const char *a, const char *b)
{
	size_t last = 0;

	for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++)
		if (a[i] == '.')
			last = i + 1;
	return last;
}

static void
leave(struct json_writer *w, const char *path)
{
	while ((path = strchr(path, '.')) != NULL) {
		json_close(w, '}');
		path++;
	}
}

/* From the field that was written last to this one's key. */
static void
enter(struct json_writer *w, const char **at, const char *name)
{
	size_t shared = shared_path(*at, name);
	const char *part = name + shared, *dot;

	leave(w, *at + shared);
	for (; (dot = strchr(part, '.')) != NULL; part = dot + 1) {
		json_key(w, part, (size_t)(dot - part));
		json_open(w, '{');
	}
	json_key_str(w, part);
	*at = name;
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
write_missing(struct json_writer *w, const struct event *e)
{
	json_open(w, '[');
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (event_has(e, (enum field_id)i) == EVENT_MISSING)
			json_put_cstr(w, field_table[i].name);
	json_close(w, ']');
}

static bool
has_missing(const struct event *e)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (event_has(e, (enum field_id)i) == EVENT_MISSING)
			return true;
	return false;
}

int
event_write_json(const struct event *e, struct buf *out)
{
	bool owed = has_missing(e);
	size_t before = out->len;
	const struct event_value *v;
	struct json_writer w;
	const char *at = "";

	json_writer_init(&w, out);
	json_open(&w, '{');
	for (size_t i = 0; i <= FIELD_COUNT; i++) {
		v = i == FIELD_COUNT ? NULL : event_get(e, (enum field_id)i);
		if (owed && (i == FIELD_COUNT || (v != NULL &&
		    strcmp(field_table[i].name, MISSING_NAME) > 0))) {
			enter(&w, &at, MISSING_NAME);
			write_missing(&w, e);
			owed = false;
		}
		if (v != NULL) {
			enter(&w, &at, field_table[i].name);
			write_value(&w, v);
		}
	}
	leave(&w, at);
	json_close(&w, '}');
	if (buf_ok(out))
		return 0;
	if (out->len > before) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -ENOMEM;
}
