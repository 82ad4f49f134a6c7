#include "rules/sigma/meta.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"
#include "rules/sigma/attack.h"
#include "rules/sigma/field.h"

#define TITLE_MAX	256
#define ID_MAX		64

int
meta_read_texts(struct sigma_names *names, struct arena *arena,
    const struct ytree_node *node, const char *what, struct report *report)
{
	size_t i;

	names->n = 0;
	if (node == NULL || ytree_is_null(node))
		return 0;
	names->items = arena_alloc(arena, (node->n + 1) *
	    sizeof(*names->items));
	if (names->items == NULL)
		return -ENOMEM;
	if (node->kind == YTREE_TEXT)
		names->items[names->n++] = node->text;
	for (i = 0; i < node->n && node->kind == YTREE_LIST; i++) {
		if (node->items[i]->kind != YTREE_TEXT) {
			report_error(report, node->items[i]->line,
			    node->items[i]->column, "%s: expected a text",
			    what);
			return -EINVAL;
		}
		names->items[names->n++] = node->items[i]->text;
	}
	if (node->kind != YTREE_MAP)
		return 0;
	report_error(report, node->line, node->column,
	    "%s: expected a list of texts", what);
	return -EINVAL;
}

static int
read_text(const char **out, const struct ytree_node *doc, const char *key,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, key);

	if (node == NULL || ytree_is_null(node))
		return 0;
	if (node->kind != YTREE_TEXT) {
		report_error(report, node->line, node->column,
		    "%s: expected a text, found %s", key,
		    ytree_kind_name(node));
		return -EINVAL;
	}
	*out = node->text;
	return 0;
}

static int
read_id(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, "id");
	const char *p;
	int rc = read_text(&rule->id, doc, "id", report);

	if (rc != 0 || rule->id == NULL)
		return rc;
	for (p = rule->id; isalnum((unsigned char)*p) || *p == '-' ||
	    *p == '_' || *p == '.'; p++)
		;
	if (*p == '\0' && p > rule->id && p - rule->id <= ID_MAX)
		return 0;
	report_error(report, node->line, node->column,
	    "id: expected a UUID, or up to %d letters, digits, - _ .", ID_MAX);
	return -EINVAL;
}

static int
read_title(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, "title");
	int rc = read_text(&rule->title, doc, "title", report);

	if (rc != 0)
		return rc;
	if (rule->title == NULL || rule->title[0] == '\0') {
		report_error(report, doc->line, doc->column,
		    "title is missing");
		return -EINVAL;
	}
	if (node->len <= TITLE_MAX)
		return 0;
	report_error(report, node->line, node->column,
	    "title is longer than %d bytes", TITLE_MAX);
	return -EINVAL;
}

static int
read_level(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(doc, "level");
	const char *text = NULL;
	int level, rc = read_text(&text, doc, "level", report);

	rule->level = SIGMA_MEDIUM;
	if (rc != 0 || text == NULL)
		return rc;
	for (level = SIGMA_INFORMATIONAL; level <= SIGMA_CRITICAL; level++) {
		if (strcmp(text, sigma_level_name(level)) == 0) {
			rule->level = (enum sigma_level)level;
			return 0;
		}
	}
	report_error(report, node->line, node->column, "level: expected "
	    "informational, low, medium, high or critical, found %s", text);
	return -EINVAL;
}

static int
read_status(struct sigma_rule *rule, const struct ytree_node *doc,
    struct report *report)
{
	static const char *const known[] = {
		"stable", "test", "experimental", "deprecated", "unsupported"
	};
	const struct ytree_node *node = ytree_get(doc, "status");
	int rc = read_text(&rule->status, doc, "status", report);
	size_t i;

	if (rc != 0 || rule->status == NULL)
		return rc;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(rule->status, known[i]) == 0)
			return 0;
	report_error(report, node->line, node->column, "status: expected "
	    "stable, test, experimental, deprecated or unsupported, found %s",
	    rule->status);
	return -EINVAL;
}

static void
add_once(struct sigma_names *names, const char *text)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->items[i], text) == 0)
			return;
	names->items[names->n++] = text;
}

static const char *
upper(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_memdup(arena, text, len);
	size_t i;

	for (i = 0; copy != NULL && i < len; i++)
		copy[i] = (char)toupper((unsigned char)copy[i]);
	return copy;
}

static int
add_tag(struct sigma_rule *rule, struct arena *arena, const char *word)
{
	const struct attack_tactic *tactic = attack_tactic_find(word);
	const char *id;
	bool sub;

	if (tactic != NULL) {
		add_once(&rule->tactics, tactic->id);
		return 0;
	}
	if (!attack_is_technique(word, &sub))
		return 0;
	if ((id = upper(arena, word, 5)) == NULL)
		return -ENOMEM;
	add_once(&rule->techniques, id);
	if (!sub)
		return 0;
	if ((id = upper(arena, word, strlen(word))) == NULL)
		return -ENOMEM;
	add_once(&rule->subtechniques, id);
	return 0;
}

/* Tags of other namespaces, groups and software are kept as tags only. */
static int
read_tags(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	struct sigma_names *tags = &rule->tags;
	size_t i, bytes;
	int rc = meta_read_texts(tags, arena, ytree_get(doc, "tags"), "tags",
	    report);

	if (rc != 0)
		return rc;
	bytes = (tags->n + 1) * sizeof(*tags->items);
	rule->tactics.items = arena_alloc(arena, bytes);
	rule->techniques.items = arena_alloc(arena, bytes);
	rule->subtechniques.items = arena_alloc(arena, bytes);
	if (rule->tactics.items == NULL || rule->techniques.items == NULL ||
	    rule->subtechniques.items == NULL)
		return -ENOMEM;
	for (i = 0; i < tags->n && rc == 0; i++)
		if (strncasecmp(tags->items[i], "attack.", 7) == 0)
			rc = add_tag(rule, arena, tags->items[i] + 7);
	return rc;
}

/* The section of our own extensions. */
static int
read_custom(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	const struct ytree_node *own = ytree_get(doc, "tallyman"), *list;
	size_t i;

	if (own == NULL)
		return 0;
	for (i = 0; i < own->n && own->kind == YTREE_MAP; i++) {
		if (strcmp(own->keys[i]->text, "once-per") == 0)
			continue;
		report_error(report, own->keys[i]->line, own->keys[i]->column,
		    "tallyman: unknown key %s; known is once-per",
		    own->keys[i]->text);
		return -EINVAL;
	}
	list = ytree_get(own, "once-per");
	if (list == NULL || list->kind != YTREE_LIST || list->n == 0 ||
	    list->n > SIGMA_GROUP_MAX) {
		report_error(report, own->line, own->column,
		    "tallyman: expected once-per with a list of 1 to %d fields",
		    SIGMA_GROUP_MAX);
		return -EINVAL;
	}
	for (i = 0; i < list->n; i++)
		if (!field_resolve_node(&rule->once_per[i], arena,
		    list->items[i], report))
			return -EINVAL;
	rule->n_once_per = list->n;
	return 0;
}

static int
make_id(struct sigma_rule *rule, struct arena *arena)
{
	const char *parts[2] = { "sigma-rule", rule->title };
	char id[HASH_ID_TEXT];

	hash_id(id, parts, 2);
	rule->id = arena_strdup(arena, id);
	return rule->id == NULL ? -ENOMEM : 0;
}

int
meta_read(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *doc, struct report *report)
{
	static const struct { const char *key; size_t offset; } texts[] = {
		{ "name", offsetof(struct sigma_rule, name) },
		{ "description", offsetof(struct sigma_rule, description) },
		{ "license", offsetof(struct sigma_rule, license) },
		{ "author", offsetof(struct sigma_rule, author) },
	};
	int rc[8];
	size_t i, n = 0;
	int worst = 0;

	/* Every part is read, so that every error is reported. */
	rc[n++] = read_title(rule, doc, report);
	rc[n++] = read_id(rule, doc, report);
	rc[n++] = read_level(rule, doc, report);
	rc[n++] = read_status(rule, doc, report);
	rc[n++] = read_tags(rule, arena, doc, report);
	rc[n++] = read_custom(rule, arena, doc, report);
	rc[n++] = meta_read_texts(&rule->references, arena,
	    ytree_get(doc, "references"), "references", report);
	rc[n++] = meta_read_texts(&rule->falsepositives, arena,
	    ytree_get(doc, "falsepositives"), "falsepositives", report);
	for (i = 0; i < n; i++)
		if (rc[i] != 0 && worst != -ENOMEM)
			worst = rc[i];
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char **out = (const char **)((char *)rule +
		    texts[i].offset);

		if (read_text(out, doc, texts[i].key, report) != 0)
			worst = worst == 0 ? -EINVAL : worst;
	}
	if (worst == 0 && rule->id == NULL)
		worst = make_id(rule, arena);
	return worst;
}
