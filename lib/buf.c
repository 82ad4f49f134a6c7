#include "lib/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CAP	(1024 * 1024)
#define FIRST_ROOM	256

void
buf_init(struct buf *b, size_t cap)
{
	memset(b, 0, sizeof(*b));
	b->cap = cap == 0 ? DEFAULT_CAP : cap;
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b, b->cap);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

const char *
buf_text(const struct buf *b)
{
	return b->data == NULL ? "" : b->data;
}

/* Makes room for extra bytes and a NUL; fails the buffer when it cannot. */
static bool
reserve(struct buf *b, size_t extra)
{
	size_t need, room;
	char *p;

	if (b->failed || extra > b->cap - b->len) {
		b->failed = true;
		return false;
	}
	need = b->len + extra + 1;
	if (need <= b->room)
		return true;
	room = b->room < FIRST_ROOM / 2 ? FIRST_ROOM : b->room * 2;
	if (room > b->cap)
		room = b->cap + 1;
	if (room < need)
		room = need;
	p = realloc(b->data, room);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->data = p;
	b->data[b->len] = '\0';
	b->room = room;
	return true;
}

char *
buf_grow_more(struct buf *b, size_t n)
{
	char *p;

	if (!reserve(b, n))
		return NULL;
	p = b->data + b->len;
	b->len += n;
	b->data[b->len] = '\0';
	return p;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	char *p = buf_grow(b, len);

	if (p != NULL && len != 0)
		memcpy(p, data, len);
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_char(struct buf *b, char c)
{
	char *p = buf_grow(b, 1);

	if (p != NULL)
		*p = c;
}

static inline size_t
write_digits(char *out, uint64_t v, unsigned base, size_t least)
{
	char digits[BUF_DIGITS];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	while (n < least && n < BUF_DIGITS - 2)
		digits[n++] = '0';
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return n;
}

size_t
buf_digits(char out[static BUF_DIGITS], uint64_t v, unsigned base,
    size_t least)
{
	/* To divide by ten is to multiply, if the compiler knows it is ten. */
	return base == 10 ? write_digits(out, v, 10, least) :
	    write_digits(out, v, base, least);
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[BUF_DIGITS];

	buf_add(b, digits, buf_digits(digits, v, 10, 0));
}

void
buf_add_i64(struct buf *b, int64_t v)
{
	size_t before = b->len;

	if (v >= 0) {
		buf_add_u64(b, (uint64_t)v);
		return;
	}
	buf_add_char(b, '-');
	buf_add_u64(b, -(uint64_t)v);
	if (b->failed && b->len != before) {
		b->len = before;
		b->data[before] = '\0';
	}
}

void
buf_add_hex(struct buf *b, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;
	char *out;

	if (len > SIZE_MAX / 2)
		b->failed = true;
	if (!reserve(b, len * 2))
		return;
	out = b->data + b->len;
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
	b->len += len * 2;
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		b->failed = true;
	if (!reserve(b, n < 0 ? 0 : (size_t)n))
		return;
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	if (n > b->len)
		n = b->len;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}
