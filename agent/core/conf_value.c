#include "agent/core/conf_value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char	*name;
	int64_t		 factor;
};

/* In falling order, the units that ranges are shown in first. */
static const struct unit sizes[] = {
	{ "TiB", INT64_C(1) << 40 }, { "GiB", 1 << 30 }, { "MiB", 1 << 20 },
	{ "KiB", 1 << 10 }, { "", 1 }, { "B", 1 },
	{ "TB", INT64_C(1000000000000) }, { "GB", 1000000000 },
	{ "MB", 1000000 }, { "kB", 1000 }, { "KB", 1000 }, { NULL, 0 }
};
static const struct unit spans[] = {
	{ "d", 86400 * INT64_C(1000000000) },
	{ "h", 3600 * INT64_C(1000000000) },
	{ "m", 60 * INT64_C(1000000000) }, { "s", 1000000000 },
	{ "ms", 1000000 }, { "us", 1000 }, { "ns", 1 }, { NULL, 0 }
};
static const struct unit numbers[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *
units_of(enum conf_type type)
{
	return type == CONF_SIZE ? sizes : type == CONF_SPAN ? spans : numbers;
}

static bool
in_range(const struct conf_key *k, int64_t v)
{
	if (k->min == 0 && k->max == 0)
		return v >= 0;
	return v >= k->min && v <= k->max;
}

/* A number and its unit, blanks between them allowed. */
static int
parse_number(const struct conf_key *k, const char *text, int64_t *out)
{
	const struct unit *u = units_of(k->type);
	bool negative = *text == '-';
	int64_t v = 0;

	text += negative;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *text - '0', &v))
			return -EINVAL;
	text += strspn(text, " ");
	/* Nothing is nothing in every unit. */
	if (v != 0 || *text != '\0') {
		while (u->name != NULL && strcmp(u->name, text) != 0)
			u++;
		if (u->name == NULL || __builtin_mul_overflow(v, u->factor, &v))
			return -EINVAL;
	}
	v = negative ? -v : v;
	if (!in_range(k, v))
		return -EINVAL;
	*out = v;
	return 0;
}

static int
parse_bool(const char *text, bool *out)
{
	static const char *const words[][2] = {
		{ "false", "true" }, { "off", "on" }, { "no", "yes" }
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int v = 0; v < 2; v++)
			if (strcasecmp(words[i][v], text) == 0) {
				*out = v != 0;
				return 0;
			}
	return -EINVAL;
}

static int
parse_enum(const struct conf_key *k, const char *text, int *out)
{
	for (int i = 0; k->choices[i] != NULL; i++)
		if (strcmp(k->choices[i], text) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

int
conf_value_set(const struct conf_key *k, const char *text,
    struct arena *arena, void *member)
{
	char *copy;

	switch (k->type) {
	case CONF_BOOL:
		return parse_bool(text, member);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_SPAN:
		return parse_number(k, text, member);
	case CONF_ENUM:
		return parse_enum(k, text, member);
	case CONF_STR:
		copy = arena_strdup(arena, text);
		if (copy == NULL)
			return -ENOMEM;
		*(char **)member = copy;
		return 0;
	case CONF_LIST:
		break;
	}
	return -EINVAL;
}

/* In the largest unit that leaves no rest. */
static void
put_number(const struct conf_key *k, int64_t v, struct buf *out)
{
	const struct unit *u = units_of(k->type);

	if (v == 0) {
		buf_add_char(out, '0');
		return;
	}
	while (v % u->factor != 0)
		u++;
	buf_add_i64(out, v / u->factor);
	buf_add_str(out, u->name);
}

static void
expect_number(const struct conf_key *k, const char *what, struct buf *out)
{
	buf_add_str(out, what);
	if (k->min != 0 || k->max != 0) {
		buf_add_str(out, k->max == INT64_MAX ? " of at least " :
		    " from ");
		put_number(k, k->min, out);
	}
	if (k->max != 0 && k->max != INT64_MAX) {
		buf_add_str(out, " to ");
		put_number(k, k->max, out);
	}
	if (k->type != CONF_INT && k->preset != NULL)
		buf_printf(out, " such as %s", k->preset);
}

void
conf_value_expect(const struct conf_key *k, struct buf *out)
{
	switch (k->type) {
	case CONF_BOOL:
		buf_add_str(out, "true or false");
		break;
	case CONF_INT:
		expect_number(k, "a whole number", out);
		break;
	case CONF_SIZE:
		expect_number(k, "a size", out);
		break;
	case CONF_SPAN:
		expect_number(k, "a time span", out);
		break;
	case CONF_STR:
		buf_add_str(out, "text");
		break;
	case CONF_LIST:
		buf_add_str(out, "a list");
		break;
	case CONF_ENUM:
		buf_add_str(out, "one of");
		for (int i = 0; k->choices[i] != NULL; i++)
			buf_printf(out, "%s %s", i == 0 ? "" : ",",
			    k->choices[i]);
		break;
	}
}
