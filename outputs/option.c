#include "outputs/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char	*name;
	int64_t		 factor;
};

static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 }, { "KiB", INT64_C(1) << 10 },
	{ "MiB", INT64_C(1) << 20 }, { "GiB", INT64_C(1) << 30 },
	{ "TiB", INT64_C(1) << 40 }, { "KB", 1000 }, { "kB", 1000 },
	{ "MB", 1000000 }, { "GB", 1000000000 },
	{ "TB", INT64_C(1000000000000) }, { NULL, 0 }
};
static const struct unit spans[] = {
	{ "ms", INT64_C(1000000) }, { "s", INT64_C(1000000000) },
	{ "m", INT64_C(60000000000) }, { "h", INT64_C(3600000000000) },
	{ "d", INT64_C(86400000000000) }, { NULL, 0 }
};
static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };

/* Levenshtein's distance; words longer than 40 bytes are never near. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[41], la = strlen(a), lb = strlen(b), i, j, diag, up;

	if (la > 40 || lb > 40)
		return 99;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = diag + (a[i - 1] != b[j - 1]);
			if (up + 1 < row[j])
				row[j] = up + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diag = up;
		}
	}
	return row[lb];
}

const char *
option_nearest(const char *word, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t i, d, least = 4;

	for (i = 0; i < n; i++) {
		d = distance(word, names[i]);
		if (d < least && d < strlen(names[i])) {
			least = d;
			best = names[i];
		}
	}
	/* "elastic" is far from "elasticsearch" and yet means it. */
	for (i = 0; i < n && best == NULL && strlen(word) >= 3; i++)
		if (strncmp(names[i], word, strlen(word)) == 0)
			best = names[i];
	return best;
}

static int
read_number(const char *text, const struct unit *units, int64_t *out)
{
	const struct unit *u;
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || errno != 0 || v < 0)
		return -EINVAL;
	while (*end == ' ')
		end++;
	for (u = units; u->name != NULL; u++)
		if (strcmp(end, u->name) == 0) {
			if (v > INT64_MAX / u->factor)
				return -EINVAL;
			*out = v * u->factor;
			return 0;
		}
	return -EINVAL;
}

static int
read_bool(const char *text, bool *out)
{
	static const char *const words[] = {
		"false", "true", "off", "on", "no", "yes"
	};
	size_t i;

	for (i = 0; i < 6; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i & 1;
			return 0;
		}
	return -EINVAL;
}

static const char *
expected(const struct option_key *o)
{
	switch (o->type) {
	case OPTION_INT:
		return "a whole number";
	case OPTION_SIZE:
		return "a size such as 64MiB";
	case OPTION_SPAN:
		return "a time such as 500ms, 10s or 5m";
	case OPTION_BOOL:
		return "true or false";
	case OPTION_ENUM:
		return "one of the words that it knows";
	case OPTION_STR:
		break;
	}
	return "a text";
}

static int
read_enum(const struct option_key *o, const char *text, int *out)
{
	int i;

	for (i = 0; o->choices[i] != NULL; i++)
		if (strcmp(o->choices[i], text) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

static int
read_ranged(const struct option_key *o, const char *text, int64_t *out)
{
	const struct unit *units = o->type == OPTION_SIZE ? sizes :
	    o->type == OPTION_SPAN ? spans : plain;
	int64_t v;

	if (read_number(text, units, &v) != 0)
		return -EINVAL;
	if ((o->min != 0 || o->max != 0) && (v < o->min || v > o->max))
		return -ERANGE;
	*out = v;
	return 0;
}

static int
read_value(const struct option_key *o, const char *text, void *values)
{
	void *at = (char *)values + o->offset;
	char *copy;

	switch (o->type) {
	case OPTION_STR:
		if (text[0] == '\0')
			return 0;
		if ((copy = strdup(text)) == NULL)
			return -ENOMEM;
		free(*(char **)at);
		*(char **)at = copy;
		return 0;
	case OPTION_BOOL:
		return read_bool(text, at);
	case OPTION_ENUM:
		return read_enum(o, text, at);
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_SPAN:
		break;
	}
	return read_ranged(o, text, at);
}

static void
say(struct buf *errors, const char *file, unsigned line, unsigned column,
    const char *key, const char *text)
{
	buf_printf(errors, "%s:%u:%u: %s: %s\n", file, line, column, key,
	    text);
}

static void
say_unknown(struct buf *errors, const char *file, const struct conf_pair *p,
    const struct option_key *options, size_t n, const char *const *also)
{
	const char *names[64], *near;
	size_t i, count = 0;

	for (i = 0; i < n && count < 64; i++)
		names[count++] = options[i].name;
	for (i = 0; also[i] != NULL && count < 64; i++)
		names[count++] = also[i];
	near = option_nearest(p->key, names, count);
	buf_printf(errors, "%s:%u:%u: unknown key \"%s\"%s%s%s\n", file,
	    p->line, p->column, p->key, near == NULL ? "" : ": did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static unsigned
read_pair(const struct option_key *o, const struct conf_pair *p, const char *file,
    void *values, struct buf *errors)
{
	int err = read_value(o, p->value, values);

	if (err == 0)
		return 0;
	if (err == -ERANGE)
		buf_printf(errors, "%s:%u:%u: %s: %s is out of range\n", file,
		    p->line, p->column, p->key, p->value);
	else
		buf_printf(errors, "%s:%u:%u: %s: expected %s\n", file,
		    p->line, p->column, p->key, expected(o));
	return 1;
}

unsigned
option_read(const struct option_key *options, size_t n,
    const struct conf_entry *e, const char *const *also, const char *file,
    void *values, struct buf *errors)
{
	unsigned wrong = 0;
	size_t i, j;

	for (i = 0; i < n; i++) {
		if (options[i].preset != NULL)
			(void)read_value(&options[i], options[i].preset,
			    values);
		else if (conf_entry_get(e, options[i].name) == NULL) {
			say(errors, file, e->line, e->column, options[i].name,
			    "must be given");
			wrong++;
		}
	}
	for (i = 0; i < e->n; i++) {
		const struct conf_pair *p = &e->pairs[i];

		for (j = 0; j < n; j++)
			if (strcmp(options[j].name, p->key) == 0)
				break;
		if (j < n) {
			wrong += read_pair(&options[j], p, file, values,
			    errors);
			continue;
		}
		for (j = 0; also[j] != NULL; j++)
			if (strcmp(also[j], p->key) == 0)
				break;
		if (also[j] == NULL) {
			say_unknown(errors, file, p, options, n, also);
			wrong++;
		}
	}
	return wrong;
}

void
option_fini(const struct option_key *options, size_t n, void *values)
{
	char **at;
	size_t i;

	for (i = 0; i < n; i++)
		if (options[i].type == OPTION_STR) {
			at = (char **)((char *)values + options[i].offset);
			free(*at);
			*at = NULL;
		}
}
