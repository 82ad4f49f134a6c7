/*
 * A table of keys names the wanted fields in the order in which the kernel
 * writes them. The reader expects the next one of the table, so a record that
 * is in order costs one comparison a field; any other order is found by
 * search. Values are read where they stand and decoded once, into the text of
 * the event.
 */
#include "collectors/audit/value.h"

#include <errno.h>
#include <string.h>

#define ENRICHED	0x1d	/* what auditd adds follows */

/* Reading single characters; the cursor's own bounds hold everywhere. */

static inline int
peek(const struct cursor *c)
{
	return c->pos < c->end ? *c->pos : -1;
}

static inline bool
at_value_end(const struct cursor *c)
{
	int ch = peek(c);

	return ch == -1 || ch == ' ' || ch == ENRICHED || ch == '\n' ||
	    ch == '\0';
}

bool
audit_value_next(struct cursor *c)
{
	while (c->pos < c->end && *c->pos == ' ')
		c->pos++;
	return c->pos < c->end && *c->pos != ENRICHED && *c->pos != '\n' &&
	    *c->pos != '\0';
}

static inline void
skip_token(struct cursor *c)
{
	const uint8_t *p = c->pos;

	while (p < c->end && *p != ' ' && *p != ENRICHED)
		p++;
	c->pos = p;
}

bool
audit_value_dec(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0;

	for (; p < c->end && *p >= '0' && *p <= '9'; p++, digits++)
		v = v * 10 + (uint64_t)(*p - '0');
	c->pos = p;
	*out = v;
	/* 19 digits cannot overflow, and no field has more. */
	return digits > 0 && digits <= 19;
}

static bool
take_signed(struct cursor *c, int64_t *out)
{
	bool minus = peek(c) == '-';
	uint64_t v;

	if (minus)
		c->pos++;
	if (!audit_value_dec(c, &v) || v > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* Value and one; 0 for what is no digit. */
static const uint8_t hex_table[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	['A'] = 11, 12, 13, 14, 15, 16,
	['a'] = 11, 12, 13, 14, 15, 16,
};

static inline int
hex_value(uint8_t ch)
{
	return hex_table[ch] - 1;
}

static bool
take_hex(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0, d;

	for (; p < c->end && (d = hex_value(*p)) >= 0; p++, digits++)
		v = v << 4 | (uint64_t)d;
	c->pos = p;
	*out = v;
	return digits > 0 && digits <= 16;
}

static bool
take_oct(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0;

	for (; p < c->end && *p >= '0' && *p <= '7'; p++, digits++)
		v = v << 3 | (uint64_t)(*p - '0');
	c->pos = p;
	*out = v;
	return digits > 0 && digits <= 21;
}

/* Text. */

int
audit_value_keep(struct audit_parts *ev, const void *data, size_t len,
    struct audit_text *out)
{
	size_t at = ev->text.len;

	buf_add(&ev->text, data, len);
	buf_add_char(&ev->text, '\0');
	if (!buf_ok(&ev->text)) {
		/* What was there before stays readable. */
		ev->text.failed = false;
		ev->text.len = at;
		return at + len + 1 > AUDIT_PARTS_TEXT ? -E2BIG : -ENOMEM;
	}
	out->at = (uint32_t)at;
	out->len = (uint32_t)len;
	return 0;
}

/* Decodes hex digits; false when they are no hex. Writes in pieces, so the
 * size of a value is no concern here. */
int
audit_value_keep_hex(struct audit_parts *ev, const uint8_t *p, size_t digits,
    struct audit_text *out)
{
	size_t at = ev->text.len;
	char piece[256];
	size_t n = 0;

	for (size_t i = 0; i + 1 < digits; i += 2) {
		piece[n++] = (char)(hex_value(p[i]) << 4 | hex_value(p[i + 1]));
		if (n == sizeof(piece)) {
			buf_add(&ev->text, piece, n);
			n = 0;
		}
	}
	buf_add(&ev->text, piece, n);
	buf_add_char(&ev->text, '\0');
	if (!buf_ok(&ev->text)) {
		ev->text.failed = false;
		ev->text.len = at;
		return at + digits / 2 + 1 > AUDIT_PARTS_TEXT ? -E2BIG : -ENOMEM;
	}
	out->at = (uint32_t)at;
	out->len = (uint32_t)(digits / 2);
	return 0;
}

bool
audit_value_is_hex(const uint8_t *p, size_t len)
{
	if (len == 0 || len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (hex_value(p[i]) < 0 || p[i] >= 'a')
			return false;
	return true;
}

/*
 * The raw bytes of a text value: between the quotes, or up to the space.
 * False when the closing quote is missing.
 */
bool
audit_value_raw(struct cursor *c, const uint8_t **text, size_t *len,
    bool *quoted)
{
	const uint8_t *p, *end;

	*quoted = peek(c) == '"';
	if (*quoted) {
		p = c->pos + 1;
		end = memchr(p, '"', (size_t)(c->end - p));
		if (end == NULL)
			return false;
		c->pos = end + 1;
	} else {
		p = c->pos;
		for (end = p; end < c->end && *end != ' ' && *end != ENRICHED &&
		    *end != '\n' && *end != '\0'; end++)
			;
		c->pos = end;
	}
	*text = p;
	*len = (size_t)(end - p);
	return true;
}

static int
take_text(struct audit_parts *ev, struct cursor *c, struct audit_text *out)
{
	const uint8_t *p;
	size_t len;
	bool quoted;

	if (!audit_value_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	if (quoted)
		return audit_value_keep(ev, p, len, out);
	if (len == 6 && memcmp(p, "(null)", 6) == 0)
		return 0;
	if (audit_value_is_hex(p, len))
		return audit_value_keep_hex(ev, p, len, out);
	return audit_value_keep(ev, p, len, out);
}

/* A value that is never hex: op=add_rule, tty=pts0, subj=unconfined. */
static int
take_word(struct audit_parts *ev, struct cursor *c, struct audit_text *out)
{
	const uint8_t *p;
	size_t len;
	bool quoted;

	if (!audit_value_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	if (!quoted && len == 6 && (memcmp(p, "(none)", 6) == 0 ||
	    memcmp(p, "(null)", 6) == 0))
		return 0;
	return audit_value_keep(ev, p, len, out);
}

/* Values with a structure of their own. */

static bool
is_word(const uint8_t *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

static int
take_result(struct cursor *c, bool *out)
{
	const uint8_t *p = c->pos;
	size_t len;

	skip_token(c);
	len = (size_t)(c->pos - p);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\0'))
		len--;
	if (is_word(p, len, "yes") || is_word(p, len, "1") ||
	    is_word(p, len, "success"))
		*out = true;
	else if (is_word(p, len, "no") || is_word(p, len, "0") ||
	    is_word(p, len, "failed"))
		*out = false;
	else
		return -EBADMSG;
	return 0;
}

static int
take_nametype(struct cursor *c, enum audit_nametype *out)
{
	const uint8_t *p = c->pos;
	size_t len;

	skip_token(c);
	len = (size_t)(c->pos - p);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\0'))
		len--;
	if (is_word(p, len, "NORMAL"))
		*out = AUDIT_NAME_NORMAL;
	else if (is_word(p, len, "PARENT"))
		*out = AUDIT_NAME_PARENT;
	else if (is_word(p, len, "CREATE"))
		*out = AUDIT_NAME_CREATE;
	else if (is_word(p, len, "DELETE"))
		*out = AUDIT_NAME_DELETE;
	else
		*out = AUDIT_NAME_UNKNOWN;
	return 0;
}

static int
take_dev(struct cursor *c, uint32_t out[static 2])
{
	uint64_t major, minor;

	if (!take_hex(c, &major) || peek(c) != ':')
		return -EBADMSG;
	c->pos++;
	if (!take_hex(c, &minor) || !at_value_end(c) || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return -EBADMSG;
	out[0] = (uint32_t)major;
	out[1] = (uint32_t)minor;
	return 0;
}

int
audit_value_u32(struct cursor *c, uint32_t *out)
{
	bool minus = peek(c) == '-';
	const uint8_t *p = c->pos + minus, *start = p;
	uint64_t v = 0;

	for (; p < c->end && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	c->pos = p;
	/* 19 digits cannot overflow. auid=-1 of old kernels and oauid=-1 of
	 * new ones. */
	if (p == start || p - start > 19 || !at_value_end(c) ||
	    v > (minus ? 1 : UINT32_MAX))
		return -EBADMSG;
	*out = minus ? -(uint32_t)v : (uint32_t)v;
	return 0;
}

static int
take_number(struct cursor *c, bool (*take)(struct cursor *, uint64_t *),
    uint64_t *out)
{
	uint64_t v;

	if (!take(c, &v) || !at_value_end(c))
		return -EBADMSG;
	*out = v;
	return 0;
}

static int
take_value(struct audit_parts *ev, const struct audit_key *k, struct cursor *c,
    void *member)
{
	uint64_t v;
	int error;

	switch (k->kind) {
	case AUDIT_VALUE_DEC:
		return audit_value_u32(c, member);
	case AUDIT_VALUE_HEX64:
		error = take_number(c, take_hex, &v);
		if (error != 0)
			return error;
		if (k->offset == offsetof(struct audit_actor, arch)) {
			if (v > UINT32_MAX)
				return -EBADMSG;
			*(uint32_t *)member = (uint32_t)v;
		} else
			*(uint64_t *)member = v;
		return 0;
	case AUDIT_VALUE_OCT:
		error = take_number(c, take_oct, &v);
		if (error != 0)
			return error;
		if (k->len == 4)	/* mode= */
			*(uint32_t *)member = (uint32_t)v;
		else
			*(uint64_t *)member = v;
		return 0;
	case AUDIT_VALUE_EXIT:
		if (!take_signed(c, member) || !at_value_end(c))
			return -EBADMSG;
		return 0;
	case AUDIT_VALUE_INODE:
		return take_number(c, audit_value_dec, member);
	case AUDIT_VALUE_RESULT:
		return take_result(c, member);
	case AUDIT_VALUE_DEV:
		return take_dev(c, member);
	case AUDIT_VALUE_NAMETYPE:
		return take_nametype(c, member);
	case AUDIT_VALUE_WORD:
		return take_word(ev, c, member);
	case AUDIT_VALUE_TEXT:
		return take_text(ev, c, member);
	}
	return -EBADMSG;
}

/* Most names have less than eight bytes: one comparison of a word. */
static inline bool
is_key(const struct cursor *c, const struct audit_key *k)
{
	static const uint8_t ones[16] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};
	size_t len = k->len + 1U, left = (size_t)(c->end - c->pos);
	uint64_t text, name, mask;

	if (left < len)
		return false;
	if (len > sizeof(text) || left < sizeof(text))
		return memcmp(c->pos, k->name, len) == 0;
	memcpy(&text, c->pos, sizeof(text));
	memcpy(&name, k->name, sizeof(name));
	memcpy(&mask, ones + sizeof(mask) - len, sizeof(mask));
	return ((text ^ name) & mask) == 0;
}

/* The index of the key that stands here, or n. */
static size_t
find_key(const struct cursor *c, const struct audit_key *keys, size_t n,
    size_t next)
{
	/* The next, or the one behind it where an optional one is absent. */
	if (next < n && is_key(c, &keys[next]))
		return next;
	if (next + 1 < n && is_key(c, &keys[next + 1]))
		return next + 1;
	for (size_t i = 0; i < n; i++)
		if (is_key(c, &keys[i]))
			return i;
	return n;
}

/*
 * Reads all fields up to the end. *seen gets a bit per key of the table. The
 * members that the keys name are relative to base.
 */
int
audit_value_fields(struct audit_parts *ev, struct cursor *c,
    const struct audit_key *keys, size_t n, void *base, uint32_t *seen)
{
	size_t next = 0, i;
	int error;

	*seen = 0;
	while (audit_value_next(c)) {
		i = find_key(c, keys, n, next);
		if (i == n || (*seen & UINT32_C(1) << i)) {
			skip_token(c);
			continue;
		}
		c->pos += keys[i].len + 1;
		error = take_value(ev, &keys[i], c,
		    (char *)base + keys[i].offset);
		if (error != 0)
			return error;
		*seen |= UINT32_C(1) << i;
		next = i + 1;
		/* Nothing of interest follows the last key of the table. */
		if (next == n && *seen == (UINT32_C(1) << n) - 1)
			break;
	}
	return 0;
}

size_t
audit_value_unhex(const uint8_t *p, size_t digits, uint8_t *out)
{
	for (size_t i = 0; i + 1 < digits; i += 2)
		out[i / 2] =
		    (uint8_t)(hex_value(p[i]) << 4 | hex_value(p[i + 1]));
	return digits / 2;
}
