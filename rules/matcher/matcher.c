#include "rules/matcher/matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/matcher/compile.h"
#include "rules/matcher/trigger.h"

#define SCRATCH_BYTES	(8 * 1024 * 1024)
#define MATCH_LIMIT	200000
#define DEPTH_LIMIT	1000
#define HEAP_LIMIT_KIB	1024

/* One rule of one dataset. */
struct entry {
	uint32_t	rule;
	uint32_t	node;
};

struct matcher {
	struct compile_program	 program;
	struct arena		*arena;
	struct entry		*entries[EVENT_DATASETS];
	size_t			 n_entries[EVENT_DATASETS];
	struct trigger_index	*triggers[EVENT_DATASETS];
	/* Epoch shifted left by one, and the answer, for each predicate. */
	uint32_t		*answers;
	uint32_t		*hits;
	struct predicate_world	 world;
	ledger_count		 nowhere;	/* counted in when nobody asks */
};

static bool ask(struct matcher *, uint32_t node);

static bool
answer(struct matcher *m, uint32_t index)
{
	uint32_t known = m->answers[index];
	bool holds;

	if (known >> 1 == m->world.epoch)
		return (known & 1) != 0;
	holds = predicate_holds(&m->world, &m->program.predicates[index]);
	m->answers[index] = m->world.epoch << 1 | holds;
	return holds;
}

/* Recursion is as deep as the rules' brackets, which are limited. */
static bool
ask(struct matcher *m, uint32_t index)
{
	const struct compile_node *node = &m->program.nodes[index];
	const uint32_t *kids;
	uint32_t i;

	if (node->kind == COMPILE_ASK)	/* a predicate, it has no kids */
		return answer(m, node->first);
	kids = &m->program.kids[node->first];
	switch (node->kind) {
	case COMPILE_NOT:
		return !ask(m, kids[0]);
	case COMPILE_AND:
		for (i = 0; i < node->n; i++)
			if (!ask(m, kids[i]))
				return false;
		return true;
	case COMPILE_OR:
		for (i = 0; i < node->n; i++)
			if (ask(m, kids[i]))
				return true;
		break;
	default:
		break;
	}
	return false;
}

/* What of a rule says most: its condition or its logsource. */
static bool
find_triggers(struct compile *c, const struct sigma_rule *rule,
    struct trigger_list *list)
{
	const struct sigma_expr *kids[2] = { rule->condition, rule->source };
	struct sigma_expr both = { .node = SIGMA_AND, .kids = kids,
	    .n = rule->source == NULL ? 1 : 2 };

	return trigger_find(list, c->arena, &both, &c->no_memory);
}

static bool
add_triggers(struct matcher *m, struct compile *c, size_t dataset,
    const struct trigger_list *list, uint32_t entry)
{
	uint32_t view;
	size_t i;

	for (i = 0; i < list->n; i++) {
		view = compile_view(c, list->items[i].field);
		if (view == UINT32_MAX ||
		    !trigger_index_add(m->triggers[dataset], view,
		    &list->items[i], entry))
			return false;
	}
	return true;
}

static bool
add_entry(struct matcher *m, struct compile *c, size_t dataset, uint32_t rule,
    uint32_t node, size_t max, const struct trigger_list *list)
{
	uint32_t entry = (uint32_t)m->n_entries[dataset];

	if (m->entries[dataset] == NULL) {
		m->entries[dataset] = calloc(max, sizeof(struct entry));
		m->triggers[dataset] = trigger_index_new();
	}
	if (m->entries[dataset] == NULL || m->triggers[dataset] == NULL)
		return false;
	m->entries[dataset][m->n_entries[dataset]++] =
	    (struct entry){ rule, node };
	if (list == NULL)
		return trigger_index_always(m->triggers[dataset], entry);
	return add_triggers(m, c, dataset, list, entry);
}

static void
compile_rule(struct matcher *m, struct compile *c, const struct sigma_set *set,
    size_t i)
{
	const struct sigma_rule *rule = set->rules[i];
	uint32_t source = UINT32_MAX, node;
	struct trigger_list list;
	bool has_list;
	size_t d;

	if (rule->kind != SIGMA_DETECTION || rule->foreign)
		return;
	if (rule->source != NULL) {
		source = compile_expr(c, rule->source, rule->file);
		if (source == UINT32_MAX)
			return;
	}
	node = compile_expr(c, rule->condition, rule->file);
	if (node != UINT32_MAX)
		node = compile_both(c, source, node);
	if (node == UINT32_MAX)
		return;
	has_list = find_triggers(c, rule, &list);
	for (d = 0; d < EVENT_DATASETS && !c->no_memory; d++)
		if ((rule->datasets >> d & 1) != 0 &&
		    !add_entry(m, c, d, (uint32_t)i, node, set->n,
		    has_list ? &list : NULL))
			c->no_memory = true;
}

static bool
finish_triggers(struct matcher *m)
{
	size_t d;

	for (d = 0; d < EVENT_DATASETS; d++)
		if (m->triggers[d] != NULL &&
		    !trigger_index_finish(m->triggers[d], m->n_entries[d]))
			return false;
	return true;
}

static bool
make_world(struct matcher *m, size_t n_rules)
{
	struct predicate_world *w = &m->world;

	m->answers = calloc(m->program.n_predicates + 1, sizeof(*m->answers));
	m->hits = calloc(n_rules + 1, sizeof(*m->hits));
	w->views = m->program.views;
	w->scratch = arena_new(SCRATCH_BYTES);
	w->match_data = pcre2_match_data_create(1, NULL);
	w->match_context = pcre2_match_context_create(NULL);
	w->regex_limit = w->no_memory = &m->nowhere;
	if (m->answers == NULL || m->hits == NULL || w->scratch == NULL ||
	    w->match_data == NULL || w->match_context == NULL)
		return false;
	pcre2_set_match_limit(w->match_context, MATCH_LIMIT);
	pcre2_set_depth_limit(w->match_context, DEPTH_LIMIT);
	pcre2_set_heap_limit(w->match_context, HEAP_LIMIT_KIB);
	return true;
}

struct matcher *
matcher_new(const struct sigma_set *set, struct buf *errors, size_t *n_errors)
{
	struct matcher *m = calloc(1, sizeof(*m));
	struct compile c;
	size_t i;
	bool ok;

	if (m == NULL)
		return NULL;
	ok = compile_init(&c);
	c.report.out = errors;
	c.report.count = *n_errors;
	for (i = 0; i < set->n && ok && !c.no_memory; i++)
		compile_rule(m, &c, set, i);
	compile_fini(&c);
	m->program = c.program;
	m->arena = c.arena;
	if (!ok || c.no_memory || !finish_triggers(m) ||
	    !make_world(m, set->n)) {
		matcher_free(m);
		errno = ENOMEM;
		return NULL;
	}
	if (c.report.count != *n_errors) {
		*n_errors = c.report.count;
		matcher_free(m);
		errno = EINVAL;
		return NULL;
	}
	return m;
}

void
matcher_free(struct matcher *m)
{
	size_t d;

	if (m == NULL)
		return;
	compile_program_fini(&m->program);
	for (d = 0; d < EVENT_DATASETS; d++) {
		free(m->entries[d]);
		trigger_index_free(m->triggers[d]);
	}
	pcre2_match_data_free(m->world.match_data);
	pcre2_match_context_free(m->world.match_context);
	arena_free(m->world.scratch);
	arena_free(m->arena);
	free(m->answers);
	free(m->hits);
	free(m);
}

void
matcher_count_in(struct matcher *m, ledger_count *regex_limit,
    ledger_count *no_memory)
{
	m->world.regex_limit = regex_limit != NULL ? regex_limit : &m->nowhere;
	m->world.no_memory = no_memory != NULL ? no_memory : &m->nowhere;
}

/* A new event: nothing is known. After 2^31 events the marks start anew. */
static void
begin(struct matcher *m, const struct event *event)
{
	struct predicate_world *w = &m->world;
	size_t i;

	arena_reset(w->scratch);
	w->event = event;
	if (++w->epoch < UINT32_C(1) << 31)
		return;
	w->epoch = 1;
	memset(m->answers, 0, m->program.n_predicates * sizeof(*m->answers));
	for (i = 0; i < m->program.n_views; i++)
		w->views[i].epoch = 0;
}

const uint32_t *
matcher_run(struct matcher *m, const struct event *event, size_t *n)
{
	enum event_dataset dataset = event_dataset(event);
	const struct entry *entries = m->entries[dataset], *entry;
	const uint64_t *possible;
	uint64_t word;
	size_t i, words;

	*n = 0;
	if (m->n_entries[dataset] == 0)
		return m->hits;
	begin(m, event);
	possible = trigger_index_ask(m->triggers[dataset], &m->world);
	words = trigger_index_words(m->triggers[dataset]);
	for (i = 0; i < words; i++) {
		for (word = possible[i]; word != 0; word &= word - 1) {
			entry = &entries[i * 64 +
			    (size_t)__builtin_ctzll(word)];
			if (ask(m, entry->node))
				m->hits[(*n)++] = entry->rule;
		}
	}
	return m->hits;
}

size_t
matcher_predicates(const struct matcher *m)
{
	return m->program.n_predicates;
}
