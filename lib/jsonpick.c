#include "lib/jsonpick.h"

#include <errno.h>
#include <string.h>

/* One name of a path. */
struct name {
	const char	*text;
	size_t		 len;
	bool		 last;
};

struct walk {
	const char	*p, *end;
	size_t		 n;
	struct jsonpick	*out;
	struct name	 names[JSONPICK_LEVELS][JSONPICK_PATHS];
};

/* A bit for each path. */
struct wish {
	uint32_t	 here;		/* the value itself */
	uint32_t	 below;		/* something in it */
};

static int read_members(struct walk *, uint32_t wanted, unsigned level);

static inline char
peek(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' ||
	    *w->p == '\t' || *w->p == '\r'))
		w->p++;
	return w->p < w->end ? *w->p : '\0';
}

static inline bool
take(struct walk *w, char c)
{
	if (peek(w) != c)
		return false;
	w->p++;
	return true;
}

/* Behind the quote that opens it, to behind the one that closes it. */
static bool
skip_string(struct walk *w)
{
	const char *from = w->p, *quote, *p;

	for (;;) {
		quote = memchr(w->p, '"', (size_t)(w->end - w->p));
		if (quote == NULL)
			return false;
		w->p = quote + 1;
		for (p = quote; p > from && p[-1] == '\\'; p--)
			continue;
		if ((quote - p) % 2 == 0)
			return true;
	}
}

/* An array or object as a whole. */
static bool
skip_nested(struct walk *w)
{
	size_t depth = 0;

	while (w->p < w->end)
		switch (*w->p++) {
		case '"':
			if (!skip_string(w))
				return false;
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return true;
			break;
		}
	return false;
}

static bool
skip_value(struct walk *w)
{
	const char *from = w->p;

	switch (peek(w)) {
	case '"':
		w->p++;
		return skip_string(w);
	case '{':
	case '[':
		return skip_nested(w);
	}
	while (w->p < w->end && memchr(",}] \n\t\r", *w->p, 7) == NULL)
		w->p++;
	return w->p > from;
}

/* As far as there are levels: what is deeper is not looked for. */
static void
split(struct walk *w, size_t i, const char *path)
{
	unsigned level = 0;
	const char *dot;
	bool last;

	do {
		dot = strchrnul(path, '.');
		last = *dot == '\0';
		w->names[level++][i] = (struct name){ path,
		    (size_t)(dot - path), last };
		path = dot + 1;
	} while (!last && level < JSONPICK_LEVELS);
}

static struct wish
find_wish(const struct walk *w, uint32_t wanted, unsigned level,
    const char *key, size_t len)
{
	const struct name *name = w->names[level];
	struct wish wish = { 0 };
	uint32_t bit;

	for (; wanted != 0; wanted >>= 1, name++) {
		if (!(wanted & 1) || name->len != len ||
		    memcmp(name->text, key, len) != 0)
			continue;
		bit = UINT32_C(1) << (name - w->names[level]);
		/* An earlier one with this key does not count. */
		w->out[name - w->names[level]] =
		    (struct jsonpick){ .text = NULL };
		if (name->last)
			wish.here |= bit;
		else
			wish.below |= bit;
	}
	return wish;
}

static int
keep(struct walk *w, uint32_t here, const char *from)
{
	struct jsonpick got = { from, (size_t)(w->p - from), *from == '"' };
	size_t i;

	if (got.is_string) {
		got.text++;
		got.len -= 2;
		if (memchr(got.text, '\\', got.len) != NULL)
			return -EINVAL;
	}
	for (i = 0; i < w->n; i++)
		if (here >> i & 1)
			w->out[i] = got;
	return 0;
}

static int
read_value(struct walk *w, struct wish wish, unsigned level)
{
	const char *from;
	int err = 0;

	(void)peek(w);
	from = w->p;
	if (wish.below != 0 && level + 1 < JSONPICK_LEVELS && take(w, '{'))
		err = read_members(w, wish.below, level + 1);
	else if (!skip_value(w))
		err = -EINVAL;
	return err == 0 && wish.here != 0 ? keep(w, wish.here, from) : err;
}

/* Behind the brace that opens the object, to behind the one that closes it;
 * as deep as JSONPICK_LEVELS. */
static int
read_members(struct walk *w, uint32_t wanted, unsigned level)
{
	const char *key;
	size_t len;
	int err;

	if (take(w, '}'))
		return 0;
	do {
		if (!take(w, '"'))
			return -EINVAL;
		key = w->p;
		while (w->p < w->end && *w->p != '"' && *w->p != '\\')
			w->p++;
		len = (size_t)(w->p - key);
		if (!take(w, '"') || !take(w, ':'))
			return -EINVAL;
		err = read_value(w, find_wish(w, wanted, level, key, len),
		    level);
		if (err != 0)
			return err;
	} while (take(w, ','));
	return take(w, '}') ? 0 : -EINVAL;
}

int
jsonpick(const char *text, size_t len, const char *const paths[], size_t n,
    struct jsonpick out[])
{
	struct walk w;
	uint32_t all;
	size_t i;
	int err;

	if (text == NULL || n == 0 || n > JSONPICK_PATHS)
		return -EINVAL;
	w.p = text;
	w.end = text + len;
	w.n = n;
	w.out = out;
	all = n == 32 ? UINT32_MAX : (UINT32_C(1) << n) - 1;
	for (i = 0; i < n; i++) {
		out[i] = (struct jsonpick){ .text = NULL };
		split(&w, i, paths[i]);
	}
	if (!take(&w, '{'))
		return -EINVAL;
	err = read_members(&w, all, 0);
	(void)peek(&w);
	return err == 0 && w.p != w.end ? -EINVAL : err;
}

int64_t
jsonpick_int(const struct jsonpick *v)
{
	bool minus = v->len > 0 && v->text[0] == '-';
	int64_t sum = 0;
	size_t i;

	if (v->text == NULL || v->is_string)
		return 0;
	for (i = minus; i < v->len; i++) {
		if (v->text[i] < '0' || v->text[i] > '9')
			return 0;
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_sub_overflow(sum, v->text[i] - '0', &sum))
			return minus ? INT64_MIN : INT64_MAX;
	}
	if (minus)
		return sum;
	return sum == INT64_MIN ? INT64_MAX : -sum;
}

bool
jsonpick_is(const struct jsonpick *v, const char *string)
{
	return v->text != NULL && v->is_string && strlen(string) == v->len &&
	    memcmp(v->text, string, v->len) == 0;
}

bool
jsonpick_wall(const struct jsonpick *v, struct wall *out)
{
	static const struct wall none;
	char stamp[64];

	/* wall_parse takes spans, too, which are shorter. */
	if (v->text == NULL || v->len < sizeof("0000-00-00T00:00:00Z") - 1 ||
	    v->len >= sizeof(stamp))
		return false;
	memcpy(stamp, v->text, v->len);
	stamp[v->len] = '\0';
	return wall_parse(stamp, none, out) == 0;
}
