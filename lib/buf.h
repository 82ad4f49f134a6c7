/*
 * buf: bytes that grow up to a cap. The error sticks: after a failed append
 * (no memory or cap reached) the content is what it was before that append
 * and buf_ok is false, so a writer checks once at its end.
 *
 * Threads: one owner. No function here logs or blocks.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char	*data;		/* always NUL terminated once allocated */
	size_t	 len;		/* bytes, without that NUL */
	size_t	 room;		/* bytes allocated */
	size_t	 cap;		/* len never exceeds this */
	bool	 failed;
};

/* cap: the largest length in bytes; 0 means 1 MiB. Allocates nothing yet. */
void buf_init(struct buf *, size_t cap);
/* Frees what the buffer holds; it may be used again with the same cap. */
void buf_fini(struct buf *);
/* Empties it and forgets a failure; keeps the memory. */
void buf_reset(struct buf *);

bool buf_ok(const struct buf *);
/* The content as a string; "" when nothing was ever appended. */
const char *buf_text(const struct buf *);

void buf_add(struct buf *, const void *data, size_t len);
void buf_add_str(struct buf *, const char *);
void buf_add_char(struct buf *, char);
void buf_add_u64(struct buf *, uint64_t);
void buf_add_i64(struct buf *, int64_t);
/* buf_grow, when there is no room yet. */
char *buf_grow_more(struct buf *, size_t n);
/* n more bytes, for the caller to write; NULL when there is no room. */
static inline char *
buf_grow(struct buf *b, size_t n)
{
	char *p;

	/* room is never more than cap and the NUL. */
	if (b->failed || n >= b->room - b->len)
		return buf_grow_more(b, n);
	p = b->data + b->len;
	b->len += n;
	p[n] = '\0';
	return p;
}
/* Lower-case hex, two digits a byte. */
void buf_add_hex(struct buf *, const void *data, size_t len);
void buf_printf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));
/*
 * The digits of v in base 8, 10 or 16 (small letters), at least `least` of
 * them (at most 22), and a NUL; returns how many. Needs no buffer: for keys
 * and names that are made for every event, where printf(3) counts.
 */
#define BUF_DIGITS	24
size_t buf_digits(char out[static BUF_DIGITS], uint64_t v, unsigned base,
    size_t least);
/* Removes the first n bytes (n <= len). */
void buf_drop(struct buf *, size_t n);

#endif
