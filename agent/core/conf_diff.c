/*
 * What differs between two configurations, by name.
 */
#include <string.h>

#include "agent/core/conf.h"

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_list(const struct conf_list *a, const struct conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_text(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool
same_value(const struct conf_key *k, const void *a, const void *b)
{
	const void *one = (const char *)a + k->offset;
	const void *other = (const char *)b + k->offset;

	switch (k->type) {
	case CONF_BOOL:
		return *(const bool *)one == *(const bool *)other;
	case CONF_ENUM:
		return *(const int *)one == *(const int *)other;
	case CONF_STR:
		return same_text(*(char *const *)one, *(char *const *)other);
	case CONF_LIST:
		return same_list(one, other);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_SPAN:
		return *(const int64_t *)one == *(const int64_t *)other;
	}
	return false;
}

/* Also where only the order differs: the order of outputs is that of the
 * file. */
static bool
same_entry(const struct conf_entry *a, const struct conf_entry *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_text(a->pairs[i].key, b->pairs[i].key) ||
		    !same_text(a->pairs[i].value, b->pairs[i].value))
			return false;
	return true;
}

static bool
same_outputs(const struct conf *a, const struct conf *b)
{
	if (a->n_outputs != b->n_outputs)
		return false;
	for (size_t i = 0; i < a->n_outputs; i++)
		if (!same_entry(&a->outputs[i], &b->outputs[i]))
			return false;
	return true;
}

static void
add_name(struct buf *out, const char *section, const char *name)
{
	buf_printf(out, "%s%s%s%s", out->len > 0 ? ", " : "", section,
	    name[0] != '\0' ? "." : "", name);
}

void
conf_diff(const struct conf *a, const struct conf *b, const char *except,
    struct buf *names)
{
	for (size_t i = 0; i < a->n_parts && i < b->n_parts; i++)
		for (size_t k = 0; k < a->parts[i].n_keys; k++) {
			const struct conf_key *key = &a->parts[i].keys[k];

			if (strcmp(key->section, except) != 0 &&
			    !same_value(key, a->parts[i].values,
			    b->parts[i].values))
				add_name(names, key->section, key->name);
		}
	if (!same_outputs(a, b))
		add_name(names, "outputs", "");
}
