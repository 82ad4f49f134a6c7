/* The correlation section and filters; declared in meta.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/sigma/field.h"
#include "rules/sigma/meta.h"

#define SPAN_MAX_DAYS	31

struct section {
	struct sigma_correlation *c;
	struct arena		 *arena;
	const struct ytree_node	 *map;
	struct report		 *report;
};

static int
fail_at(struct report *report, const struct ytree_node *node, const char *text)
{
	report_error(report, node->line, node->column, "%s", text);
	return -EINVAL;
}

int
meta_read_refs(struct sigma_ref *refs, size_t max, size_t *n,
    const struct ytree_node *node, struct report *report)
{
	const struct ytree_node *item;
	size_t i, total;

	total = node->kind == YTREE_TEXT ? 1 : node->n;
	if (node->kind == YTREE_MAP || total == 0 || total > max) {
		report_error(report, node->line, node->column,
		    "rules: expected a list of 1 to %zu ids or names", max);
		return -EINVAL;
	}
	for (i = 0; i < total; i++) {
		item = node->kind == YTREE_TEXT ? node : node->items[i];
		if (item->kind != YTREE_TEXT || item->len == 0)
			return fail_at(report, item,
			    "rules: expected the id or name of a rule");
		refs[i].name = item->text;
		refs[i].line = item->line;
		refs[i].column = item->column;
	}
	*n = total;
	return 0;
}

static int
read_type(struct section *s)
{
	const struct ytree_node *node = ytree_get(s->map, "type");
	int type;

	if (node == NULL || node->kind != YTREE_TEXT)
		return fail_at(s->report, node == NULL ? s->map : node,
		    "correlation: type is missing");
	for (type = SIGMA_EVENT_COUNT; type <= SIGMA_TEMPORAL_ORDERED;
	    type++) {
		if (strcmp(node->text, sigma_type_name(type)) == 0) {
			s->c->type = (enum sigma_type)type;
			return 0;
		}
	}
	report_error(s->report, node->line, node->column,
	    "correlation: type %s is not known here; known are event_count, "
	    "value_count, value_sum, temporal, temporal_ordered", node->text);
	return -EINVAL;
}

static int
read_span(struct section *s)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	const struct ytree_node *node = ytree_get(s->map, "timespan");
	const char *unit;
	char *end;
	long n;

	if (node == NULL || node->kind != YTREE_TEXT)
		return fail_at(s->report, node == NULL ? s->map : node,
		    "correlation: timespan is missing");
	n = strtol(node->text, &end, 10);
	unit = *end == '\0' ? NULL : strchr(units, *end);
	if (unit == NULL || end == node->text || end[1] != '\0' || n < 1 ||
	    n > SPAN_MAX_DAYS * 86400L ||
	    n * seconds[unit - units] > SPAN_MAX_DAYS * 86400L)
		return fail_at(s->report, node, "correlation: timespan: "
		    "expected a number and s, m, h or d, at most 31d");
	s->c->span_ns = n * seconds[unit - units] * MONO_S;
	return 0;
}

/* The field of an alias in events of each rule. */
static int
read_alias(struct section *s, const struct ytree_node *alias,
    const struct ytree_node *where, struct sigma_field *fields)
{
	const struct ytree_node *name;
	size_t r;

	for (r = 0; r < s->c->n_refs; r++) {
		name = ytree_get(alias, s->c->refs[r].name);
		if (name == NULL) {
			report_error(s->report, where->line, where->column,
			    "group-by: the alias names no field for rule %s",
			    s->c->refs[r].name);
			return -EINVAL;
		}
		if (!field_resolve_node(&fields[r], s->arena, name, s->report))
			return -EINVAL;
	}
	return 0;
}

static int
read_group(struct section *s)
{
	const struct ytree_node *list = ytree_get(s->map, "group-by");
	const struct ytree_node *aliases = ytree_get(s->map, "aliases");
	const struct ytree_node *node, *alias;
	size_t i, r, total;

	if (list == NULL)
		return 0;
	total = list->kind == YTREE_TEXT ? 1 : list->n;
	if (list->kind == YTREE_MAP || total > SIGMA_GROUP_MAX)
		return fail_at(s->report, list,
		    "group-by: expected a list of at most 8 fields");
	for (i = 0; i < total; i++) {
		node = list->kind == YTREE_TEXT ? list : list->items[i];
		alias = node->kind != YTREE_TEXT ? NULL :
		    ytree_get(aliases, node->text);
		if (alias != NULL) {
			if (read_alias(s, alias, node, s->c->group[i]) != 0)
				return -EINVAL;
			continue;
		}
		if (!field_resolve_node(&s->c->group[i][0], s->arena, node,
		    s->report))
			return -EINVAL;
		for (r = 1; r < s->c->n_refs; r++)
			s->c->group[i][r] = s->c->group[i][0];
	}
	s->c->n_group = total;
	return 0;
}

/* One of gt, gte, lt, lte, eq narrows the range. */
static int
narrow(struct section *s, const char *op, const struct ytree_node *node)
{
	struct sigma_correlation *c = s->c;
	char *end;
	long long n = 0;

	errno = EINVAL;
	if (node->kind == YTREE_TEXT && node->len > 0) {
		errno = 0;
		n = strtoll(node->text, &end, 10);
		if (*end != '\0')
			errno = EINVAL;
	}
	if (errno != 0 || n < 0 || n >= INT64_MAX)
		return fail_at(s->report, node,
		    "condition: expected a whole number");
	if (strcmp(op, "gt") == 0 || strcmp(op, "gte") == 0)
		c->low = op[2] == 'e' ? n : n + 1;
	else if (strcmp(op, "lt") == 0 || strcmp(op, "lte") == 0)
		c->high = op[2] == 'e' ? n : n - 1;
	else
		c->low = c->high = n;
	return 0;
}

static int
read_condition_key(struct section *s, const struct ytree_node *key,
    const struct ytree_node *node)
{
	static const char *const ops[] = { "gt", "gte", "lt", "lte", "eq" };
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(key->text, ops[i]) == 0)
			return narrow(s, ops[i], node);
	if (strcmp(key->text, "field") == 0)
		return field_resolve_node(&s->c->value, s->arena, node,
		    s->report) ? 0 : -EINVAL;
	report_error(s->report, key->line, key->column, "condition: unknown "
	    "key %s; known are gt, gte, lt, lte, eq and field", key->text);
	return -EINVAL;
}

/* What a stream can decide: there has to be a value to reach. */
static int
check_condition(struct section *s, const struct ytree_node *node)
{
	struct sigma_correlation *c = s->c;
	bool wants = c->type == SIGMA_VALUE_COUNT || c->type == SIGMA_VALUE_SUM;
	enum field_type type;

	if (c->low < 1)
		return fail_at(s->report, node, "condition: needs gt, gte or "
		    "eq with a number above 0; too few events cannot be seen "
		    "in a stream");
	if (c->low > c->high)
		return fail_at(s->report, node,
		    "condition: no number is in this range");
	if (wants != (c->value.id != FIELD_COUNT))
		return fail_at(s->report, node, wants ?
		    "condition: field is missing" :
		    "condition: this type has no field");
	if (c->type == SIGMA_VALUE_COUNT && c->low > SIGMA_DISTINCT_MAX)
		return fail_at(s->report, node,
		    "condition: value_count counts up to 1000 values");
	type = wants ? field_table[c->value.id].type : FIELD_TYPE_INT;
	if (c->type == SIGMA_VALUE_SUM && type != FIELD_TYPE_INT)
		return fail_at(s->report, node,
		    "condition: value_sum needs a field with whole numbers");
	return 0;
}

static int
read_condition(struct section *s)
{
	const struct ytree_node *node = ytree_get(s->map, "condition");
	struct sigma_correlation *c = s->c;
	bool temporal = c->type == SIGMA_TEMPORAL ||
	    c->type == SIGMA_TEMPORAL_ORDERED;
	size_t i;

	c->value.id = FIELD_COUNT;
	c->high = INT64_MAX;
	if (node == NULL && temporal) {
		c->low = (int64_t)c->n_refs;
		return 0;
	}
	if (node == NULL || node->kind != YTREE_MAP)
		return fail_at(s->report, node == NULL ? s->map : node,
		    "correlation: condition: expected a map such as gte: 10");
	for (i = 0; i < node->n; i++)
		if (read_condition_key(s, node->keys[i], node->items[i]) != 0)
			return -EINVAL;
	if (c->type == SIGMA_TEMPORAL_ORDERED &&
	    c->low != (int64_t)c->n_refs)
		return fail_at(s->report, node, "condition: temporal_ordered "
		    "wants all of its rules; leave the condition out");
	return check_condition(s, node);
}

static int
read_generate(struct section *s, const struct ytree_node *doc)
{
	const struct ytree_node *node = ytree_get(s->map, "generate");

	if (node == NULL)
		node = ytree_get(doc, "generate");
	if (node == NULL)
		return 0;
	s->c->generate = node->kind == YTREE_TEXT &&
	    strcmp(node->text, "true") == 0;
	if (s->c->generate || (node->kind == YTREE_TEXT &&
	    strcmp(node->text, "false") == 0))
		return 0;
	return fail_at(s->report, node, "generate: expected true or false");
}

static int
check_keys(struct section *s)
{
	static const char *const known[] = { "type", "rules", "group-by",
	    "timespan", "condition", "aliases", "generate" };
	size_t i, k, n = sizeof(known) / sizeof(known[0]);
	struct report_nearest near;
	char hint[REPORT_HINT];

	for (i = 0; i < s->map->n; i++) {
		const struct ytree_node *key = s->map->keys[i];

		report_nearest_start(&near, key->text);
		for (k = 0; k < n && strcmp(key->text, known[k]) != 0; k++)
			report_nearest_try(&near, known[k], strlen(known[k]));
		if (k < n)
			continue;
		report_error(s->report, key->line, key->column,
		    "correlation: unknown key %s%s", key->text,
		    report_nearest_hint(&near, hint));
		return -EINVAL;
	}
	return 0;
}

int
meta_read_correlation(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	struct section s = {
		.arena = arena, .report = report,
		.map = ytree_get(doc, "correlation")
	};
	const struct ytree_node *refs = ytree_get(s.map, "rules");

	s.c = rule->correlation = arena_alloc(arena, sizeof(*s.c));
	if (s.c == NULL)
		return -ENOMEM;
	if (s.map->kind != YTREE_MAP)
		return fail_at(report, s.map, "correlation: expected a map");
	if (refs == NULL)
		return fail_at(report, s.map, "correlation: rules is missing");
	if (check_keys(&s) != 0 || read_type(&s) != 0 ||
	    meta_read_refs(s.c->refs, SIGMA_REFS_MAX, &s.c->n_refs, refs,
	    report) != 0 || read_span(&s) != 0 || read_group(&s) != 0 ||
	    read_condition(&s) != 0)
		return -EINVAL;
	return read_generate(&s, doc);
}

static int
read_expiry(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, "expires");
	char text[32];
	struct wall none = { 0 };

	if (node == NULL || node->kind != YTREE_TEXT)
		return fail_at(report, node == NULL ? doc : node,
		    "filter: expires: YYYY-MM-DD is missing");
	snprintf(text, sizeof(text), "%.12sT00:00:00Z", node->text);
	if (node->len == 10 && wall_parse(text, none, &rule->expires) == 0)
		return 0;
	return fail_at(report, node, "expires: expected a date, YYYY-MM-DD");
}

int
meta_read_filter(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	const struct ytree_node *map = ytree_get(doc, "filter"), *rules;
	const struct ytree_node *author = ytree_get(doc, "author");
	size_t max;

	if (author == NULL || author->kind != YTREE_TEXT || author->len == 0)
		return fail_at(report, doc, "filter: author is missing");
	if (read_expiry(rule, doc, report) != 0)
		return -EINVAL;
	rules = ytree_get(map, "rules");
	if (rules == NULL)
		return fail_at(report, map, "filter: rules is missing");
	if (rules->kind == YTREE_TEXT && strcmp(rules->text, "any") == 0)
		return fail_at(report, rules, "filter: rules: name the rules; "
		    "an exception from all rules is too wide");
	max = rules->kind == YTREE_LIST ? rules->n : 1;
	rule->targets = arena_alloc(arena, (max + 1) * sizeof(*rule->targets));
	if (rule->targets == NULL)
		return -ENOMEM;
	return meta_read_refs(rule->targets, max == 0 ? 1 : max,
	    &rule->n_targets, rules, report);
}
