#include "rules/sigma/sigma.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "rules/sigma/attack.h"
#include "rules/sigma/detection.h"
#include "rules/sigma/field.h"
#include "rules/sigma/logsource.h"
#include "rules/sigma/meta.h"
#include "rules/sigma/ytree.h"

#define ARENA_BYTES	(256 * 1024 * 1024)

struct sigma_set *
sigma_new(void)
{
	struct sigma_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	if ((set->arena = arena_new(ARENA_BYTES)) == NULL) {
		free(set);
		errno = ENOMEM;
		return NULL;
	}
	return set;
}

void
sigma_free(struct sigma_set *set)
{
	if (set == NULL)
		return;
	arena_free(set->arena);
	free(set->rules);
	free(set);
}

static int
add_rule(struct sigma_set *set, struct sigma_rule *rule)
{
	size_t room = set->room == 0 ? 64 : set->room * 2;
	struct sigma_rule **rules;

	if (set->n == set->room) {
		rules = realloc(set->rules, room * sizeof(*rules));
		if (rules == NULL)
			return -ENOMEM;
		set->rules = rules;
		set->room = room;
	}
	set->rules[set->n++] = rule;
	return 0;
}

/* The keys of this document that only one kind of rule has. */
static int
find_kind(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	const struct ytree_node *action = ytree_key(doc, "action");

	if (action != NULL) {
		report_error(report, action->line, action->column,
		    "action is not part of Sigma 2; write whole documents");
		return -EINVAL;
	}
	if (ytree_get(doc, "correlation") != NULL)
		rule->kind = SIGMA_CORRELATION;
	else if (ytree_get(doc, "filter") != NULL)
		rule->kind = SIGMA_FILTER;
	else if (ytree_get(doc, "detection") != NULL)
		rule->kind = SIGMA_DETECTION;
	else {
		report_error(report, doc->line, doc->column,
		    "expected one of detection, correlation or filter");
		return -EINVAL;
	}
	return 0;
}

static int
read_logsource(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, "logsource");

	if (node != NULL)
		return logsource_read(rule, arena, node, report);
	if (rule->kind == SIGMA_FILTER)
		return 0;
	report_error(report, doc->line, doc->column, "logsource is missing");
	return -EINVAL;
}

static int
read_detection(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	struct value_reader r = { .arena = arena, .report = report };
	bool filter = rule->kind == SIGMA_FILTER;
	int rc = read_logsource(rule, arena, doc, report);

	if (rc == -ENOMEM)
		return rc;
	/* Fields of other products are not ours: nothing to read. */
	if (rule->foreign)
		return rc;
	rule->condition = detection_read(&r,
	    ytree_get(doc, filter ? "filter" : "detection"),
	    filter ? "rules" : NULL);
	if (r.no_memory)
		return -ENOMEM;
	return rule->condition == NULL ? -EINVAL : rc;
}

static int
read_body(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	int rc;

	if (rule->kind == SIGMA_CORRELATION)
		return meta_read_correlation(rule, arena, doc, report);
	rc = read_detection(rule, arena, doc, report);
	if (rc == -ENOMEM || rule->kind != SIGMA_FILTER)
		return rc;
	return meta_read_filter(rule, arena, doc, report) == 0 ? rc : -EINVAL;
}

static uint64_t
hash_tree(const struct ytree_node *node, uint64_t h)
{
	size_t i;

	h = (h ^ node->kind) * UINT64_C(0x100000001b3);
	for (i = 0; i < node->len; i++)
		h = (h ^ (unsigned char)node->text[i]) *
		    UINT64_C(0x100000001b3);
	for (i = 0; i < node->n; i++) {
		if (node->keys != NULL)
			h = hash_tree(node->keys[i], h);
		h = hash_tree(node->items[i], h);
	}
	return h;
}

static int
read_document(struct sigma_set *set, const char *file,
    const struct ytree_node *doc, struct report *report)
{
	struct sigma_rule *rule = arena_alloc(set->arena, sizeof(*rule));
	int rc;

	if (rule == NULL)
		return -ENOMEM;
	if (doc->kind != YTREE_MAP) {
		report_error(report, doc->line, doc->column,
		    "expected a rule, found %s", ytree_kind_name(doc));
		return -EINVAL;
	}
	if (set->n >= SIGMA_RULES_MAX) {
		report_error(report, doc->line, doc->column,
		    "more than %d rules", SIGMA_RULES_MAX);
		return -EINVAL;
	}
	rule->file = file;
	rule->line = doc->line;
	rule->print = hash_tree(doc, UINT64_C(0xcbf29ce484222325));
	rc = find_kind(rule, doc, report);
	if (rc == 0) {
		int body = read_body(rule, set->arena, doc, report);

		rc = meta_read(rule, set->arena, doc, report);
		if (rc == 0 || body == -ENOMEM)
			rc = body;
	}
	return rc != 0 ? rc : add_rule(set, rule);
}

int
sigma_read(struct sigma_set *set, const char *file, const char *text,
    size_t len, struct buf *errors, size_t *n_errors)
{
	const char *name = arena_strdup(set->arena, file);
	struct report report = { .out = errors, .file = name };
	struct ytree tree;
	size_t i;
	int rc, one;

	if (name == NULL)
		return -ENOMEM;
	report.count = *n_errors;
	set->files++;
	rc = ytree_load(&tree, set->arena, text, len, &report);
	for (i = 0; i < tree.n && rc != -ENOMEM; i++) {
		one = read_document(set, name, tree.documents[i], &report);
		if (one != 0)
			rc = one;
	}
	*n_errors = report.count;
	return rc;
}

const char *
sigma_level_name(enum sigma_level level)
{
	static const char *const names[] = {
		"informational", "low", "medium", "high", "critical"
	};

	return names[level];
}

const char *
sigma_type_name(enum sigma_type type)
{
	static const char *const names[] = {
		"event_count", "value_count", "value_sum", "temporal",
		"temporal_ordered"
	};

	return names[type];
}
