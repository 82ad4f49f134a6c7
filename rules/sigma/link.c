/* Ties the rules of a set to each other; sigma_link of sigma.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/sigma/expr.h"
#include "rules/sigma/sigma.h"

/* Names and ids of a set, sorted. */
struct entry {
	const char	*name;
	size_t		 rule;
	bool		 is_id;
};
struct index {
	struct entry	*items;
	size_t		 n;
};

struct linker {
	struct sigma_set	*set;
	struct index		 index;
	struct report		 report;
	unsigned char		*state;	/* of the search for circles */
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void
report_at(struct linker *l, const struct sigma_rule *rule, unsigned line,
    unsigned column, const char *what, const char *name)
{
	l->report.file = rule->file;
	report_error(&l->report, line, column, "%s %s", what, name);
}

static int
build_index(struct linker *l)
{
	struct sigma_set *set = l->set;
	size_t i, n = 0;

	l->index.items = calloc(2 * set->n + 1, sizeof(*l->index.items));
	if (l->index.items == NULL)
		return -ENOMEM;
	for (i = 0; i < set->n; i++) {
		l->index.items[n++] = (struct entry){ set->rules[i]->id, i,
		    true };
		if (set->rules[i]->name != NULL)
			l->index.items[n++] = (struct entry){
			    set->rules[i]->name, i, false };
	}
	l->index.n = n;
	qsort(l->index.items, n, sizeof(*l->index.items), compare);
	return 0;
}

static void
check_unique(struct linker *l)
{
	const struct entry *a, *b;
	const struct sigma_rule *first, *second;
	size_t i;

	for (i = 1; i < l->index.n; i++) {
		a = &l->index.items[i - 1];
		b = &l->index.items[i];
		if (strcmp(a->name, b->name) != 0 || a->rule == b->rule)
			continue;
		first = l->set->rules[a->rule];
		second = l->set->rules[b->rule];
		l->report.file = second->file;
		report_error(&l->report, second->line, 1,
		    "%s %s is that of another rule: %s:%u", b->is_id ? "id" :
		    "name", b->name, first->file, first->line);
	}
}

static bool
resolve(struct linker *l, const struct sigma_rule *from, struct sigma_ref *ref)
{
	struct report_nearest near;
	char hint[REPORT_HINT];
	struct entry key = { .name = ref->name };
	size_t low = 0, high = l->index.n, mid, i;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(l->index.items[mid].name, key.name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < l->index.n &&
	    strcmp(l->index.items[low].name, key.name) == 0) {
		ref->rule = l->index.items[low].rule;
		return true;
	}
	report_nearest_start(&near, ref->name);
	for (i = 0; i < l->index.n; i++)
		report_nearest_try(&near, l->index.items[i].name,
		    strlen(l->index.items[i].name));
	l->report.file = from->file;
	report_error(&l->report, ref->line, ref->column,
	    "no rule has the id or name %s%s", ref->name,
	    report_nearest_hint(&near, hint));
	return false;
}

static void
link_correlation(struct linker *l, struct sigma_rule *rule)
{
	struct sigma_correlation *c = rule->correlation;
	struct sigma_rule *target;
	size_t i;

	for (i = 0; i < c->n_refs; i++) {
		if (!resolve(l, rule, &c->refs[i]))
			continue;
		target = l->set->rules[c->refs[i].rule];
		if (target->kind == SIGMA_FILTER)
			report_at(l, rule, c->refs[i].line, c->refs[i].column,
			    "a correlation cannot refer to the filter",
			    c->refs[i].name);
		target->used = true;
		if (!c->generate)
			target->silent = true;
	}
}

/* The rule holds and (the filter's condition holds or it has expired). */
static int
link_filter(struct linker *l, struct sigma_rule *filter)
{
	struct arena *arena = l->set->arena;
	struct sigma_match since = { .op = SIGMA_SINCE };
	const struct sigma_expr *kids[2];
	struct sigma_rule *target;
	size_t i;

	since.field.id = FIELD_TIMESTAMP;
	since.time = filter->expires;
	for (i = 0; i < filter->n_targets; i++) {
		if (!resolve(l, filter, &filter->targets[i]))
			continue;
		target = l->set->rules[filter->targets[i].rule];
		if (target->kind != SIGMA_DETECTION) {
			report_at(l, filter, filter->targets[i].line,
			    filter->targets[i].column,
			    "a filter works on detection rules only, not on",
			    filter->targets[i].name);
			continue;
		}
		if (target->foreign || filter->foreign)
			continue;
		kids[0] = filter->condition;
		kids[1] = expr_match(arena, &since);
		kids[1] = expr_join(arena, SIGMA_OR, kids, 2);
		kids[0] = target->condition;
		target->condition = expr_join(arena, SIGMA_AND, kids, 2);
		if (target->condition == NULL)
			return -ENOMEM;
		target->print ^= filter->print * UINT64_C(0x9e3779b97f4a7c15);
	}
	return 0;
}

/* Depth first; 1 on the way, 2 done. Depth is bounded by the rules. */
static bool
has_circle(struct linker *l, size_t i, unsigned depth)
{
	const struct sigma_rule *rule = l->set->rules[i];
	size_t k;

	if (l->state[i] == 2 || rule->kind != SIGMA_CORRELATION)
		return false;
	if (l->state[i] == 1 || depth > SIGMA_REFS_MAX)
		return true;
	l->state[i] = 1;
	for (k = 0; k < rule->correlation->n_refs; k++)
		if (has_circle(l, rule->correlation->refs[k].rule, depth + 1))
			return true;
	l->state[i] = 2;
	return false;
}

static int
check_circles(struct linker *l)
{
	size_t i;

	l->state = calloc(l->set->n + 1, 1);
	if (l->state == NULL)
		return -ENOMEM;
	for (i = 0; i < l->set->n; i++) {
		if (!has_circle(l, i, 0))
			continue;
		report_at(l, l->set->rules[i], l->set->rules[i]->line, 1,
		    "correlations refer to each other in a circle, or too "
		    "deep:", l->set->rules[i]->id);
		break;
	}
	free(l->state);
	return 0;
}

int
sigma_link(struct sigma_set *set, struct buf *errors, size_t *n_errors)
{
	struct linker l = { .set = set };
	size_t i, before;
	int rc;

	l.report.out = errors;
	l.report.count = before = *n_errors;
	rc = build_index(&l);
	if (rc == 0)
		check_unique(&l);
	for (i = 0; i < set->n && rc == 0; i++) {
		if (set->rules[i]->kind == SIGMA_CORRELATION)
			link_correlation(&l, set->rules[i]);
		else if (set->rules[i]->kind == SIGMA_FILTER)
			rc = link_filter(&l, set->rules[i]);
	}
	if (rc == 0 && l.report.count == before)
		rc = check_circles(&l);
	free(l.index.items);
	*n_errors = l.report.count;
	if (rc == 0 && l.report.count != before)
		rc = -EINVAL;
	return rc;
}
