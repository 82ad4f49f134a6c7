#include "outputs/termtext.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "lib/utf8.h"

static uint32_t
decode(const uint8_t *p, size_t n)
{
	static const uint8_t mask[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = p[0] & mask[n];
	size_t i;

	for (i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* Unicode's general categories Cc, Cf, Zl and Zp, and the tag characters. */
static bool
is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad ||
	    (c >= 0x600 && c <= 0x605) || c == 0x61c || c == 0x6dd ||
	    c == 0x70f || c == 0x8e2 || c == 0x180e ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0x1d173 && c <= 0x1d17a) ||
	    (c >= 0xe0000 && c <= 0xe0fff);
}

/* Columns of the character, or -1 when it must be escaped. Combining marks
 * (width 0) are escaped too: a pile of them hides the line above. */
static int
columns_of(uint32_t c)
{
	int w;

	if (is_hidden(c))
		return -1;
	if (c < 0x80)
		return 1;
	w = wcwidth((wchar_t)c);
	return w > 0 ? w : -1;
}

size_t
termtext_add(struct buf *out, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t at = 0, n, before, width = 0;
	uint32_t c;
	int w;

	for (; at < len; at += n) {
		before = out->len;
		n = utf8_size(p + at, len - at);
		if (n == 0) {
			n = 1;
			buf_printf(out, "\\x%02x", p[at]);
			width += out->len - before;
			continue;
		}
		c = decode(p + at, n);
		w = columns_of(c);
		if (w > 0) {
			buf_add(out, p + at, n);
			width += (size_t)w;
			continue;
		}
		buf_printf(out, n == 1 ? "\\x%02x" : "\\u{%04x}",
		    (unsigned)c);
		width += out->len - before;
	}
	return width;
}

size_t
termtext_width(const char *safe)
{
	const uint8_t *p = (const uint8_t *)safe;
	size_t at = 0, n, width = 0, len = strlen(safe);
	int w;

	for (; at < len; at += n) {
		n = utf8_size(p + at, len - at);
		if (n == 0)
			n = 1;
		w = columns_of(decode(p + at, n));
		width += w > 0 ? (size_t)w : 1;
	}
	return width;
}

void
termtext_fit(struct buf *out, const char *safe, size_t width, bool pad)
{
	const uint8_t *p = (const uint8_t *)safe;
	size_t at = 0, n, used = 0, len = strlen(safe);
	bool cut = termtext_width(safe) > width;
	size_t room = cut && width > 0 ? width - 1 : width;
	int w;

	for (; at < len; at += n) {
		n = utf8_size(p + at, len - at);
		if (n == 0)
			n = 1;
		w = columns_of(decode(p + at, n));
		if (used + (w > 0 ? (size_t)w : 1) > room)
			break;
		buf_add(out, p + at, n);
		used += w > 0 ? (size_t)w : 1;
	}
	if (cut && width > 0) {
		buf_add_char(out, '>');
		used++;
	}
	while (pad && used < width) {
		buf_add_char(out, ' ');
		used++;
	}
}

void
termtext_add_json(struct buf *out, const char *json, size_t len)
{
	const uint8_t *p = (const uint8_t *)json;
	size_t at = 0, n;
	uint32_t c;

	for (; at < len; at += n) {
		n = utf8_size(p + at, len - at);
		if (n == 0) {	/* our own writer never makes these */
			n = 1;
			buf_add_str(out, "\\ufffd");
			continue;
		}
		c = decode(p + at, n);
		if (!is_hidden(c))
			buf_add(out, p + at, n);
		else if (c < 0x10000)
			buf_printf(out, "\\u%04x", (unsigned)c);
		else	/* a surrogate pair */
			buf_printf(out, "\\u%04x\\u%04x",
			    (unsigned)(0xd7c0 + (c >> 10)),
			    (unsigned)(0xdc00 + (c & 0x3ff)));
	}
}
