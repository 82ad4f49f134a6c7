/*
 * Any bytes: what is taken must write back as a document that is taken again
 * and says the same; what is picked out of it stands in it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jsonpick.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void write_node(struct json_writer *, const struct json *);

static void
write_children(struct json_writer *w, const struct json *node)
{
	bool object = json_typeof(node) == JSON_OBJECT;

	json_open(w, object ? '{' : '[');
	for (size_t i = 0; i < json_count(node); i++) {
		if (object)
			json_key_str(w, json_key_at(node, i));
		write_node(w, json_at(node, i));
	}
	json_close(w, object ? '}' : ']');
}

/* The writer allows fewer levels than the reader: the last ones are left
 * out. */
static void
write_node(struct json_writer *w, const struct json *node)
{
	const char *text;
	size_t len;

	text = json_str(node, &len);
	switch (json_typeof(node)) {
	case JSON_NULL:
		json_put_null(w);
		break;
	case JSON_BOOL:
		json_put_bool(w, json_bool(node));
		break;
	case JSON_NUMBER:
		json_put_raw(w, text, len);
		(void)json_int(node);
		(void)json_double(node);
		break;
	case JSON_STRING:
		json_put_str(w, text, len);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		if (w->depth < 62)
			write_children(w, node);
		else
			json_put_null(w);
		break;
	}
}

static void
check(const char *text, size_t len, int flags)
{
	struct json_doc *d, *again;
	struct json_writer w;
	struct buf first, second;
	char err[100];

	d = json_parse(text, len, flags, err, sizeof(err));
	if ((d == NULL) != (err[0] != '\0'))
		abort();
	if (d == NULL)
		return;
	buf_init(&first, 16 * 1024 * 1024);
	json_writer_init(&w, &first);
	write_node(&w, json_root(d));
	json_doc_free(d);
	again = json_parse(buf_text(&first), first.len, 0, err, sizeof(err));
	if (again == NULL)
		abort();
	buf_init(&second, 16 * 1024 * 1024);
	json_writer_init(&w, &second);
	write_node(&w, json_root(again));
	/* Two keys may become one: cut at a NUL, or by U+FFFD for other bytes
	 * in lax mode. */
	if (flags == 0 && memmem(text, len, "\\u0000", 6) == NULL &&
	    strcmp(buf_text(&first), buf_text(&second)) != 0)
		abort();
	json_doc_free(again);
	buf_fini(&first);
	buf_fini(&second);
}

static void
pick(const char *text, size_t len)
{
	static const char *const paths[] = { "a", "b.c", "event.start", "" };
	enum { N = sizeof(paths) / sizeof(paths[0]) };
	struct jsonpick got[N];
	struct wall when;

	if (jsonpick(text, len, paths, N, got) != 0)
		return;
	for (size_t i = 0; i < N; i++) {
		if (got[i].text == NULL)
			continue;
		if (got[i].text < text || got[i].len > len ||
		    (size_t)(got[i].text - text) > len - got[i].len)
			abort();
		(void)jsonpick_int(&got[i]);
		(void)jsonpick_wall(&got[i], &when);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *)data, size, 0);
	check((const char *)data, size, JSON_LAX);
	pick((const char *)data, size);
	return 0;
}
