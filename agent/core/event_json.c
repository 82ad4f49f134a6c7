/*
 * The table is sorted by name, so the fields of one object stand together:
 * from one field to the next the writer closes the objects that the two
 * names do not share and opens the new ones. Names of the table need no
 * escapes, so all that stands between two values is put together here and
 * appended at once; json_writer writes the values.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/core/event.h"
#include "lib/json.h"

/* No field of the table: the names of those that are missing. */
#define MISSING_NAME	"tallyman.missing"

/* Length of the path of the objects that both are in, up to its last dot. */
static size_t
shared_path(const char *a, const char *b)
{
	size_t last = 0;

	for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++)
		if (a[i] == '.')
			last = i + 1;
	return last;
}

/* What goes between two values. */
struct glue {
	char	text[512];
	size_t	len;
};

static void
add(struct glue *g, const char *text, size_t len)
{
	assert(len <= sizeof(g->text) - g->len);
	memcpy(g->text + g->len, text, len);
	g->len += len;
}

/* A bracket for each dot. */
static void
leave(struct glue *g, const char *path)
{
	for (; *path != '\0'; path++)
		if (*path == '.')
			add(g, "}", 1);
}

/* From the field that was written last to this one's key. */
static void
enter(struct buf *out, const char **at, const char *name)
{
	size_t shared = shared_path(*at, name);
	const char *part = name + shared, *dot;
	struct glue g;

	g.len = 0;		/* the text needs no zeros */
	leave(&g, *at + shared);
	if (**at != '\0')
		add(&g, ",", 1);
	add(&g, "\"", 1);
	for (; (dot = strchr(part, '.')) != NULL; part = dot + 1) {
		add(&g, part, (size_t)(dot - part));
		add(&g, "\":{\"", 4);
	}
	add(&g, part, strlen(part));
	add(&g, "\":", 2);
	buf_add(out, g.text, g.len);
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
write_field(struct buf *out, const char **at, const struct event_value *v)
{
	struct json_writer w;

	enter(out, at, field_table[v->field].name);
	json_writer_init(&w, out);
	write_value(&w, v);
}

static void
write_missing(struct buf *out, const char **at, const struct event *e,
    const enum field_id *ids, size_t n)
{
	struct json_writer w;

	enter(out, at, MISSING_NAME);
	json_writer_init(&w, out);
	json_open(&w, '[');
	for (size_t i = 0; i < n; i++)
		if (event_get(e, ids[i]) == NULL)
			json_put_cstr(&w, field_table[ids[i]].name);
	json_close(&w, ']');
}

static void
write_fields(struct buf *out, const char **at, const struct event *e)
{
	enum field_id ids[FIELD_COUNT];
	size_t n = event_fields(e, ids);
	bool missing = false, written = false;

	for (size_t i = 0; i < n; i++)
		missing |= event_get(e, ids[i]) == NULL;
	for (size_t i = 0; i < n; i++) {
		const struct event_value *v = event_get(e, ids[i]);

		if (v == NULL)
			continue;
		if (missing && !written &&
		    strcmp(field_table[ids[i]].name, MISSING_NAME) > 0) {
			write_missing(out, at, e, ids, n);
			written = true;
		}
		write_field(out, at, v);
	}
	if (missing && !written)
		write_missing(out, at, e, ids, n);
}

int
event_write_json(const struct event *e, struct buf *out)
{
	struct glue end;
	size_t before = out->len;
	const char *at = "";

	buf_add_char(out, '{');
	write_fields(out, &at, e);
	end.len = 0;
	leave(&end, at);
	add(&end, "}", 1);
	buf_add(out, end.text, end.len);
	if (buf_ok(out))
		return 0;
	if (out->len > before) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -ENOMEM;
}
