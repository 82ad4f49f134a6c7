#include "rules/sigma/glob.h"

#include <errno.h>
#include <string.h>

static char
fold_byte(char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The pattern as bytes and marks: 0 literal, 1 `?`, 2 `*`. */
static size_t
split(const char *text, size_t len, bool fold, bool raw, char *out,
    uint8_t *marks)
{
	size_t i, n = 0;
	char c;

	for (i = 0; i < len; i++) {
		c = text[i];
		marks[n] = 0;
		if (!raw && c == '\\' && i + 1 < len && (text[i + 1] == '*' ||
		    text[i + 1] == '?' || text[i + 1] == '\\'))
			c = text[++i];
		else if (!raw && c == '?')
			marks[n] = 1;
		else if (!raw && c == '*')
			marks[n] = 2;
		out[n++] = fold_byte(c, fold);
	}
	return n;
}

static void
add_piece(struct glob *g, const char *text, const uint8_t *marks, size_t len)
{
	struct glob_piece *p = &g->pieces[g->n];

	if (len == 0)
		return;
	p->text = text;
	p->len = len;
	p->any = memchr(marks, 1, len) != NULL ? marks : NULL;
	g->n++;
}

int
glob_parse(struct glob *g, struct arena *arena, const char *text, size_t len,
    bool fold, bool raw)
{
	char *bytes = arena_alloc(arena, len + 1);
	uint8_t *marks = arena_alloc(arena, len + 1);
	size_t i, n, start = 0, stars = 0;

	if (bytes == NULL || marks == NULL)
		return -ENOMEM;
	n = split(text, len, fold, raw, bytes, marks);
	for (i = 0; i < n; i++)
		stars += marks[i] == 2;
	g->pieces = arena_alloc(arena, (stars + 1) * sizeof(*g->pieces));
	if (g->pieces == NULL)
		return -ENOMEM;
	g->n = 0;
	g->open_start = n > 0 && marks[0] == 2;
	g->open_end = n > 0 && marks[n - 1] == 2;
	for (i = 0; i < n; i++) {
		if (marks[i] != 2)
			continue;
		add_piece(g, bytes + start, marks + start, i - start);
		start = i + 1;
	}
	add_piece(g, bytes + start, marks + start, n - start);
	return 0;
}

bool
glob_is_exact(const struct glob *g)
{
	return !g->open_start && !g->open_end && g->n <= 1 &&
	    (g->n == 0 || g->pieces[0].any == NULL);
}

/* Bytes of the character at p: more than one for a UTF-8 sequence. */
static size_t
char_len(const char *p, size_t left)
{
	unsigned char c = (unsigned char)*p;
	size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1, i;

	if (want > left)
		return 1;
	for (i = 1; i < want; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 1;
	return want;
}

/* Bytes of text that the piece takes at its start, or SIZE_MAX. */
static size_t
take_here(const struct glob_piece *p, const char *text, size_t len)
{
	size_t i, at = 0;

	if (p->any == NULL)
		return len >= p->len && memcmp(text, p->text, p->len) == 0 ?
		    p->len : SIZE_MAX;
	for (i = 0; i < p->len; i++) {
		if (at >= len)
			return SIZE_MAX;
		if (p->any[i] == 1)
			at += char_len(text + at, len - at);
		else if (text[at++] != p->text[i])
			return SIZE_MAX;
	}
	return at;
}

/* Where the piece first stands; its end in *end. SIZE_MAX: nowhere. */
static size_t
find_piece(const struct glob_piece *p, const char *text, size_t len,
    size_t *end)
{
	const char *at;
	size_t i, took;

	if (p->any == NULL) {
		at = memmem(text, len, p->text, p->len);
		if (at == NULL)
			return SIZE_MAX;
		*end = (size_t)(at - text) + p->len;
		return (size_t)(at - text);
	}
	for (i = 0; i < len; i += char_len(text + i, len - i)) {
		took = take_here(p, text + i, len - i);
		if (took != SIZE_MAX) {
			*end = i + took;
			return i;
		}
	}
	return SIZE_MAX;
}

/* Whether the last piece stands at the very end of the text. */
static bool
ends_with(const struct glob_piece *p, const char *text, size_t len)
{
	size_t i;

	if (p->any == NULL)
		return len >= p->len &&
		    memcmp(text + len - p->len, p->text, p->len) == 0;
	/* A `?` may take several bytes, so the start is not known. */
	for (i = 0; i < len; i++)
		if (take_here(p, text + i, len - i) == len - i)
			return true;
	return false;
}

bool
glob_match(const struct glob *g, const char *text, size_t len)
{
	size_t i = 0, n = g->n, at = 0, end;

	if (n == 0)
		return g->open_start || g->open_end || len == 0;
	if (!g->open_start) {
		at = take_here(&g->pieces[0], text, len);
		if (at == SIZE_MAX)
			return false;
		i = 1;
		if (n == 1)
			return g->open_end || at == len;
	}
	if (!g->open_end)
		n--;
	for (; i < n; i++) {
		if (find_piece(&g->pieces[i], text + at, len - at, &end) ==
		    SIZE_MAX)
			return false;
		at += end;
	}
	return g->open_end || ends_with(&g->pieces[n], text + at, len - at);
}
