/*
 * utf8: telling well-formed UTF-8 from other bytes (Unicode, table 3-7: no
 * overlong forms, no surrogates, nothing above U+10FFFF).
 *
 * Threads: any; no state.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
utf8_follows(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Bytes of the character that starts at p, 1 to 4; 0 when there is no
 * well-formed one in the left bytes.
 */
static inline size_t
utf8_size(const uint8_t *p, size_t left)
{
	if (left >= 1 && p[0] < 0x80)
		return 1;
	if (left < 2 || p[0] < 0xc2 || p[0] > 0xf4 || !utf8_follows(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (left < 3 || !utf8_follows(p[2]))
		return 0;
	if (p[0] < 0xf0) {
		if ((p[0] == 0xe0 && p[1] < 0xa0) ||
		    (p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left < 4 || !utf8_follows(p[3]) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

/* Whether all of it is well formed. */
static inline bool
utf8_valid(const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t at = 0, n;

	for (; at < len; at += n) {
		n = utf8_size(p + at, len - at);
		if (n == 0)
			return false;
	}
	return true;
}

#endif
