#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/utf8.h"

void
json_writer_init(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){ .out = out };
}

/* What stands before a key or a value: a comma, or nothing. */
static void
separate(struct json_writer *w)
{
	uint64_t bit = UINT64_C(1) << w->depth;

	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->comma & bit)
		buf_add_char(w->out, ',');
	w->comma |= bit;
}

void
json_open(struct json_writer *w, char bracket)
{
	assert(w->depth < 63);
	separate(w);
	buf_add_char(w->out, bracket);
	w->depth++;
	w->comma &= ~(UINT64_C(1) << w->depth);
}

void
json_close(struct json_writer *w, char bracket)
{
	assert(w->depth > 0 && !w->after_key);
	w->depth--;
	buf_add_char(w->out, bracket);
}

static void
escape(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0' };

	switch (c) {
	case '"': buf_add(out, "\\\"", 2); return;
	case '\\': buf_add(out, "\\\\", 2); return;
	case '\b': buf_add(out, "\\b", 2); return;
	case '\f': buf_add(out, "\\f", 2); return;
	case '\n': buf_add(out, "\\n", 2); return;
	case '\r': buf_add(out, "\\r", 2); return;
	case '\t': buf_add(out, "\\t", 2); return;
	}
	text[4] = digits[c >> 4];
	text[5] = digits[c & 15];
	buf_add(out, text, sizeof(text));
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#define EACH(byte)	(UINT64_C(0x0101010101010101) * (byte))

/* Whether a byte of the word is below n (at most 0x80). */
static inline bool
has_less(uint64_t word, uint8_t n)
{
	return ((word - EACH(n)) & ~word & EACH(0x80)) != 0;
}

/* Whether all eight bytes are plain. */
static inline bool
are_plain(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return (word & EACH(0x80)) == 0 && !has_less(word, 0x20) &&
	    !has_less(word ^ EACH('"'), 1) && !has_less(word ^ EACH('\\'), 1);
}

/* Skips plain bytes, eight at a time as long as all eight are. */
static inline const uint8_t *
skip_plain(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;

	while (end - p >= 8 && are_plain(p))
		p += 8;
	/* The last eight once more, instead of the rest one by one. */
	if (end - p < 8 && end - start >= 8 && are_plain(end - 8))
		return end;
	while (p < end && is_plain(*p))
		p++;
	return p;
}

static void
write_plain(struct buf *out, const char *s, size_t len)
{
	char *p = buf_grow(out, len + 2);

	if (p == NULL)
		return;
	p[0] = '"';
	memcpy(p + 1, s, len);
	p[len + 1] = '"';
}

/* The string with its quotes: runs of good bytes are copied whole. */
static void
write_string(struct buf *out, const char *s, size_t len)
{
	const uint8_t *run = (const uint8_t *)s, *end = run + len;
	const uint8_t *p = skip_plain(run, end);
	size_t n;

	if (p == end && len != 0) {
		write_plain(out, s, len);
		return;
	}
	buf_add_char(out, '"');
	while ((p = skip_plain(p, end)) < end) {
		n = *p < 0x80 ? 0 : utf8_size(p, (size_t)(end - p));
		if (n != 0) {
			p += n;
			continue;
		}
		buf_add(out, run, (size_t)(p - run));
		if (*p < 0x80)
			escape(out, *p);
		else
			buf_add(out, "\xef\xbf\xbd", 3);	/* U+FFFD */
		run = ++p;
	}
	buf_add(out, run, (size_t)(p - run));
	buf_add_char(out, '"');
}

void
json_key(struct json_writer *w, const char *key, size_t len)
{
	assert(!w->after_key);
	separate(w);
	write_string(w->out, key, len);
	buf_add_char(w->out, ':');
	w->after_key = true;
}

void
json_key_str(struct json_writer *w, const char *key)
{
	json_key(w, key, strlen(key));
}

void
json_put_str(struct json_writer *w, const char *s, size_t len)
{
	separate(w);
	write_string(w->out, s, len);
}

void
json_put_cstr(struct json_writer *w, const char *s)
{
	if (s == NULL)
		json_put_null(w);
	else
		json_put_str(w, s, strlen(s));
}

void
json_put_i64(struct json_writer *w, int64_t v)
{
	separate(w);
	buf_add_i64(w->out, v);
}

void
json_put_u64(struct json_writer *w, uint64_t v)
{
	separate(w);
	buf_add_u64(w->out, v);
}

/* The shortest text that reads back as the same number, marked as a
 * fraction. JSON has no infinity. */
void
json_put_double(struct json_writer *w, double v)
{
	char text[40];

	if (!isfinite(v)) {
		json_put_null(w);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	separate(w);
	buf_add_str(w->out, text);
	if (strpbrk(text, ".e") == NULL)
		buf_add(w->out, ".0", 2);
}

void
json_put_bool(struct json_writer *w, bool v)
{
	json_put_raw(w, v ? "true" : "false", v ? 4 : 5);
}

void
json_put_null(struct json_writer *w)
{
	json_put_raw(w, "null", 4);
}

void
json_put_raw(struct json_writer *w, const char *text, size_t len)
{
	separate(w);
	buf_add(w->out, text, len);
}
