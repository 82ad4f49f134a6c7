#include "enrich/splitter.h"

void
splitter_init(struct splitter *s)
{
	*s = (struct splitter){ 0 };
	buf_init(&s->object, SPLITTER_BYTES);
}

void
splitter_fini(struct splitter *s)
{
	buf_fini(&s->object);
}

bool
splitter_reset(struct splitter *s)
{
	bool unfinished = s->depth != 0;

	buf_reset(&s->object);
	s->depth = 0;
	s->in_string = s->escaped = s->skipping = false;
	return unfinished;
}

static void
finish(struct splitter *s, splitter_fn fn, void *ctx)
{
	if (!s->skipping && buf_ok(&s->object)) {
		s->objects++;
		fn(ctx, s->object.data, s->object.len);
	} else
		s->skipped++;
	(void)splitter_reset(s);
}

static void
in_string(struct splitter *s, char c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
}

/* White space, and what stands around and between elements of an array. */
static bool
is_between(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' ||
	    c == '[' || c == ']';
}

/* True when c ended the object. */
static bool
in_object(struct splitter *s, char c)
{
	if (s->in_string) {
		in_string(s, c);
		return false;
	}
	switch (c) {
	case '"':
		s->in_string = true;
		return false;
	case '{':
	case '[':
		/* Past the limit depth still counts, to find the end. */
		if (s->depth < UINT32_MAX)
			s->depth++;
		if (s->depth > SPLITTER_DEPTH)
			s->skipping = true;
		return false;
	case '}':
	case ']':
		return --s->depth == 0;
	default:
		return false;
	}
}

void
splitter_feed(struct splitter *s, const char *bytes, size_t len,
    splitter_fn fn, void *ctx)
{
	size_t i, from = 0;

	for (i = 0; i < len; i++) {
		if (s->depth == 0) {
			if (bytes[i] == '{') {
				from = i;
				s->depth = 1;
			} else if (!is_between(bytes[i]))
				s->stray++;
			continue;
		}
		if (!in_object(s, bytes[i]))
			continue;
		if (!s->skipping)
			buf_add(&s->object, bytes + from, i + 1 - from);
		finish(s, fn, ctx);
	}
	if (s->depth == 0)
		return;
	/* An unfinished object goes on in the next chunk. */
	if (!s->skipping && buf_ok(&s->object))
		buf_add(&s->object, bytes + from, len - from);
	if (!buf_ok(&s->object))
		s->skipping = true;
	if (s->skipping)
		buf_reset(&s->object);
}
