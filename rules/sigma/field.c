#include "rules/sigma/field.h"

#include <string.h>

/* "container.labels.x" is member x of a map. */
static bool
find_member(struct sigma_field *f, struct arena *arena, const char *name,
    size_t len)
{
	unsigned id;
	size_t n;

	for (id = 0; id < FIELD_COUNT; id++) {
		if (field_table[id].type != FIELD_TYPE_MAP)
			continue;
		n = strlen(field_table[id].name);
		if (len <= n + 1 || name[n] != '.' ||
		    memcmp(name, field_table[id].name, n) != 0)
			continue;
		f->id = (enum field_id)id;
		f->key = arena_memdup(arena, name + n + 1, len - n - 1);
		return f->key != NULL;
	}
	return false;
}

static void
report_unknown(const char *name, const struct ytree_node *where,
    struct report *report)
{
	struct report_nearest near;
	char hint[REPORT_HINT];
	const char *p;
	unsigned id;
	size_t n;

	report_nearest_start(&near, name);
	for (id = 0; id < FIELD_COUNT; id++) {
		report_nearest_try(&near, field_table[id].name,
		    strlen(field_table[id].name));
		for (p = field_table[id].sigma; *p != '\0'; p += n) {
			p += *p == ',';
			n = strcspn(p, ",");
			report_nearest_try(&near, p, n);
		}
	}
	report_error(report, where->line, where->column,
	    "unknown field %s%s", name, report_nearest_hint(&near, hint));
}

bool
field_resolve(struct sigma_field *f, struct arena *arena, const char *name,
    size_t len, const struct ytree_node *where, struct report *report)
{
	const char *copy;

	f->key = NULL;
	f->id = field_find(name, len);
	if (f->id != FIELD_COUNT || find_member(f, arena, name, len))
		return true;
	copy = arena_memdup(arena, name, len);
	report_unknown(copy == NULL ? "" : copy, where, report);
	return false;
}

bool
field_resolve_node(struct sigma_field *f, struct arena *arena,
    const struct ytree_node *node, struct report *report)
{
	if (node->kind != YTREE_TEXT) {
		report_error(report, node->line, node->column,
		    "expected the name of a field, found %s",
		    ytree_kind_name(node));
		return false;
	}
	return field_resolve(f, arena, node->text, node->len, node, report);
}

const char *
sigma_field_name(const struct sigma_field *f)
{
	return f->id == FIELD_COUNT ? "any field" : field_table[f->id].name;
}
