#include "rules/matcher/compile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define NONE		UINT32_MAX
#define PREDICATES_MAX	500000
#define ARENA_BYTES	(256 * 1024 * 1024)
#define SET_MIN		2	/* exact values that become one set */

/* Kids of an AND or OR before they are written down. */
struct family {
	uint32_t	*items;
	size_t		 n, room;
};

bool
compile_init(struct compile *c)
{
	memset(c, 0, sizeof(*c));
	buf_init(&c->print, 16 * 1024 * 1024);
	c->arena = arena_new(ARENA_BYTES);
	c->known = map_new(sizeof(struct hash_128), sizeof(uint32_t),
	    PREDICATES_MAX, NULL, NULL);
	return c->arena != NULL && c->known != NULL;
}

void
compile_fini(struct compile *c)
{
	buf_fini(&c->print);
	map_free(c->known);
	c->known = NULL;
}

void
compile_program_fini(struct compile_program *p)
{
	size_t i;

	for (i = 0; i < p->n_predicates; i++)
		pcre2_code_free(p->predicates[i].regex);
	free(p->predicates);
	free(p->nodes);
	free(p->kids);
	free(p->views);
}

/* Room for one more of size bytes; false without memory. */
static bool
grow(struct compile *c, void **array, size_t n, size_t *room, size_t size,
    size_t max)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *p;

	if (n < *room)
		return true;
	p = n >= max ? NULL : reallocarray(*array, more, size);
	if (p == NULL) {
		c->no_memory = true;
		return false;
	}
	*array = p;
	*room = more;
	return true;
}

static uint32_t
add_node(struct compile *c, enum compile_kind kind, uint32_t first, size_t n)
{
	struct compile_program *p = &c->program;

	if (!grow(c, (void **)&p->nodes, p->n_nodes, &p->room_nodes,
	    sizeof(*p->nodes), COMPILE_NODES_MAX))
		return NONE;
	p->nodes[p->n_nodes] = (struct compile_node){ kind, first,
	    (uint32_t)n };
	return (uint32_t)p->n_nodes++;
}

uint32_t
compile_view(struct compile *c, const struct sigma_field *f)
{
	struct compile_program *p = &c->program;
	uint32_t i;

	for (i = 0; i < p->n_views; i++) {
		const struct sigma_field *have = &p->views[i].field;

		if (have->id == f->id && (have->key == f->key ||
		    (have->key != NULL && f->key != NULL &&
		    strcmp(have->key, f->key) == 0)))
			return i;
	}
	if (!grow(c, (void **)&p->views, p->n_views, &p->room_views,
	    sizeof(*p->views), PREDICATES_MAX))
		return NONE;
	memset(&p->views[p->n_views], 0, sizeof(*p->views));
	p->views[p->n_views].field = *f;
	return (uint32_t)p->n_views++;
}

static void
print_field(struct buf *out, const struct sigma_field *f)
{
	buf_printf(out, "%d,%s,", (int)f->id, f->key == NULL ? "" : f->key);
}

static void
print_glob(struct buf *out, const struct glob *g)
{
	const struct glob_piece *p;
	size_t i;

	buf_printf(out, "%d%d", g->open_start, g->open_end);
	for (i = 0; i < g->n; i++) {
		p = &g->pieces[i];
		buf_printf(out, ",%zu:", p->len);
		buf_add(out, p->text, p->len);
		if (p->any != NULL)
			buf_add(out, p->any, p->len);
	}
}

/* Equal predicates have equal prints. */
static void
print_match(struct buf *out, const struct sigma_match *m)
{
	buf_printf(out, "%d,%d,%d,", m->op, m->cased, m->flag);
	print_field(out, &m->field);
	switch (m->op) {
	case SIGMA_TEXT:
		print_glob(out, &m->glob);
		break;
	case SIGMA_REGEX:
		buf_printf(out, "%u,", m->re_flags);
		buf_add(out, m->text, m->len);
		break;
	case SIGMA_CIDR:
	case SIGMA_IP:
		buf_printf(out, "%u,%u,", m->cidr.base.family, m->cidr.bits);
		buf_add_hex(out, m->cidr.base.bytes,
		    sizeof(m->cidr.base.bytes));
		break;
	case SIGMA_NUMBER:
		buf_printf(out, "%d,%d,%" PRId64 ",%.17g", m->compare,
		    m->whole, m->num, m->dbl);
		break;
	case SIGMA_FIELDREF:
		print_field(out, &m->other);
		break;
	case SIGMA_SINCE:
		buf_printf(out, "%" PRId64, m->time.ns);
		break;
	case SIGMA_EXISTS:
	case SIGMA_NULL:
	case SIGMA_BOOL:
		break;
	}
}

static pcre2_code *
compile_regex(struct compile *c, const struct sigma_match *m)
{
	uint32_t options = 0;
	unsigned char text[160] = "";
	pcre2_code *code;
	size_t offset;
	int error;

	if ((m->re_flags & SIGMA_RE_I) != 0)
		options |= PCRE2_CASELESS;
	if ((m->re_flags & SIGMA_RE_M) != 0)
		options |= PCRE2_MULTILINE;
	if ((m->re_flags & SIGMA_RE_S) != 0)
		options |= PCRE2_DOTALL;
	code = pcre2_compile((PCRE2_SPTR)m->text, m->len,
	    options | PCRE2_NEVER_BACKSLASH_C, &error, &offset, NULL);
	if (code == NULL) {
		pcre2_get_error_message(error, text, sizeof(text));
		report_error(&c->report, m->line, m->column,
		    "regular expression: %s, at byte %zu of it",
		    (const char *)text, offset + 1);
		return NULL;
	}
	/* Without JIT (no executable memory) the interpreter does it. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

/* The predicate under the print that stands in c->print, or NONE. */
static uint32_t
find_known(struct compile *c, struct hash_128 *print)
{
	static const struct hash_key fixed = { 0, 0 };
	const uint32_t *index;

	if (!buf_ok(&c->print)) {
		c->no_memory = true;
		return NONE;
	}
	*print = hash_128(&fixed, c->print.data, c->print.len);
	index = map_get(c->known, print);
	return index == NULL ? NONE : *index;
}

static uint32_t
add_predicate(struct compile *c, const struct hash_128 *print,
    const struct predicate *made)
{
	struct compile_program *p = &c->program;
	uint32_t *index;

	if (!grow(c, (void **)&p->predicates, p->n_predicates,
	    &p->room_predicates, sizeof(*p->predicates), PREDICATES_MAX))
		return NONE;
	index = map_put(c->known, print, NULL);
	if (index == NULL) {
		c->no_memory = true;
		return NONE;
	}
	*index = (uint32_t)p->n_predicates;
	p->predicates[p->n_predicates++] = *made;
	return *index;
}

static uint32_t
compile_match(struct compile *c, const struct sigma_match *m)
{
	struct predicate made = { .match = m, .cost = predicate_cost(m) };
	struct hash_128 print;
	uint32_t index;

	buf_reset(&c->print);
	print_match(&c->print, m);
	index = find_known(c, &print);
	if (index == NONE && !c->no_memory) {
		made.view = compile_view(c, &m->field);
		if (m->op == SIGMA_FIELDREF)
			made.other = compile_view(c, &m->other);
		if (m->op == SIGMA_REGEX &&
		    (made.regex = compile_regex(c, m)) == NULL)
			return NONE;
		index = add_predicate(c, &print, &made);
		if (index == NONE)
			pcre2_code_free(made.regex);
	}
	return index == NONE ? NONE : add_node(c, COMPILE_ASK, index, 1);
}

static bool
is_exact_text(const struct sigma_expr *e)
{
	return e->node == SIGMA_MATCH && e->match->op == SIGMA_TEXT &&
	    glob_is_exact(&e->match->glob);
}

static bool
same_set(const struct sigma_match *a, const struct sigma_match *b)
{
	return a->field.id == b->field.id && a->cased == b->cased &&
	    (a->field.key == b->field.key || (a->field.key != NULL &&
	    b->field.key != NULL && strcmp(a->field.key, b->field.key) == 0));
}

static void
put_text(struct event_str *slots, size_t mask, const struct glob *g)
{
	const char *text = g->n == 0 ? "" : g->pieces[0].text;
	size_t len = g->n == 0 ? 0 : g->pieces[0].len;
	uint64_t i = predicate_hash(text, len);

	while (slots[i & mask].text != NULL) {
		if (slots[i & mask].len == len &&
		    memcmp(slots[i & mask].text, text, len) == 0)
			return;
		i++;
	}
	slots[i & mask].text = text;
	slots[i & mask].len = len;
}

static const struct predicate_set *
make_set(struct compile *c, const struct sigma_expr *const kids[], size_t n)
{
	struct predicate_set *set = arena_alloc(c->arena, sizeof(*set));
	struct event_str *slots;
	size_t room = 4, i;

	while (room < n * 2)
		room *= 2;
	slots = arena_alloc(c->arena, room * sizeof(*slots));
	if (set == NULL || slots == NULL) {
		c->no_memory = true;
		return NULL;
	}
	for (i = 0; i < n; i++) {
		const struct glob *g = &kids[i]->match->glob;

		put_text(slots, room - 1, g);
		if (g->n > 0 && g->pieces[0].len > set->longest)
			set->longest = g->pieces[0].len;
	}
	set->slots = slots;
	set->mask = room - 1;
	return set;
}

/* kids are exact texts of one field. */
static uint32_t
compile_set(struct compile *c, const struct sigma_expr *const kids[], size_t n)
{
	struct predicate made = { .match = kids[0]->match, .cost = 3 };
	struct hash_128 print;
	uint32_t index;
	size_t i;

	buf_reset(&c->print);
	buf_add_str(&c->print, "set,");
	for (i = 0; i < n; i++)
		print_match(&c->print, kids[i]->match);
	index = find_known(c, &print);
	if (index == NONE && !c->no_memory) {
		made.view = compile_view(c, &made.match->field);
		made.set = make_set(c, kids, n);
		if (made.set == NULL)
			return NONE;
		index = add_predicate(c, &print, &made);
	}
	return index == NONE ? NONE : add_node(c, COMPILE_ASK, index, 1);
}

static bool
add_kid(struct compile *c, struct family *f, uint32_t node)
{
	if (node == NONE)
		return false;
	if (!grow(c, (void **)&f->items, f->n, &f->room, sizeof(*f->items),
	    COMPILE_NODES_MAX))
		return false;
	f->items[f->n++] = node;
	return true;
}

/* Takes the exact texts of the same field as kids[at] out of the list. */
static bool
add_sets(struct compile *c, struct family *f, const struct sigma_expr *e,
    bool *taken, size_t at)
{
	const struct sigma_expr **members;
	size_t i, n = 0;

	members = arena_alloc(c->arena, e->n * sizeof(*members));
	if (members == NULL) {
		c->no_memory = true;
		return false;
	}
	for (i = at; i < e->n; i++) {
		if (taken[i] || !is_exact_text(e->kids[i]) ||
		    !same_set(e->kids[at]->match, e->kids[i]->match))
			continue;
		taken[i] = true;
		members[n++] = e->kids[i];
	}
	return add_kid(c, f, n >= SET_MIN ? compile_set(c, members, n) :
	    compile_match(c, e->kids[at]->match));
}

static bool add_kids(struct compile *, struct family *,
    const struct sigma_expr *, const char *file);

/* A kid of the same kind gives its own kids. */
static bool
add_one(struct compile *c, struct family *f, const struct sigma_expr *parent,
    const struct sigma_expr *kid, const char *file)
{
	if (kid->node == parent->node)
		return add_kids(c, f, kid, file);
	return add_kid(c, f, compile_expr(c, kid, file));
}

static bool
add_kids(struct compile *c, struct family *f, const struct sigma_expr *e,
    const char *file)
{
	bool *taken = arena_alloc(c->arena, e->n + 1), ok = true;
	size_t i;

	if (taken == NULL) {
		c->no_memory = true;
		return false;
	}
	for (i = 0; i < e->n; i++) {
		if (taken[i])
			continue;
		if (e->node == SIGMA_OR && is_exact_text(e->kids[i]))
			ok = add_sets(c, f, e, taken, i) && ok;
		else
			ok = add_one(c, f, e, e->kids[i], file) && ok;
		if (c->no_memory)
			return false;
	}
	return ok;
}

static unsigned
node_cost(const struct compile *c, uint32_t index)
{
	const struct compile_node *node = &c->program.nodes[index];
	unsigned cost = 1;
	uint32_t i;

	if (node->kind == COMPILE_ASK)
		return c->program.predicates[node->first].cost;
	for (i = 0; i < node->n; i++)
		cost += node_cost(c, c->program.kids[node->first + i]);
	return cost;
}

/* Cheap questions first; stable, families are small. */
static void
sort_by_cost(const struct compile *c, struct family *f)
{
	size_t i, k;

	for (i = 1; i < f->n; i++) {
		uint32_t item = f->items[i];
		unsigned cost = node_cost(c, item);

		for (k = i; k > 0 && node_cost(c, f->items[k - 1]) > cost; k--)
			f->items[k] = f->items[k - 1];
		f->items[k] = item;
	}
}

static uint32_t
write_family(struct compile *c, enum compile_kind kind, struct family *f)
{
	struct compile_program *p = &c->program;
	uint32_t first = (uint32_t)p->n_kids;
	size_t i;

	if (f->n == 1)
		return f->items[0];
	sort_by_cost(c, f);
	for (i = 0; i < f->n; i++) {
		if (!grow(c, (void **)&p->kids, p->n_kids, &p->room_kids,
		    sizeof(*p->kids), COMPILE_NODES_MAX))
			return NONE;
		p->kids[p->n_kids++] = f->items[i];
	}
	return add_node(c, kind, first, f->n);
}

uint32_t
compile_expr(struct compile *c, const struct sigma_expr *e, const char *file)
{
	struct family f = { 0 };
	uint32_t node = NONE;

	c->report.file = file;
	if (e->node == SIGMA_MATCH)
		return compile_match(c, e->match);
	if (e->node == SIGMA_NOT) {
		if (add_kid(c, &f, compile_expr(c, e->kids[0], file))) {
			struct compile_program *p = &c->program;
			uint32_t first = (uint32_t)p->n_kids;

			if (grow(c, (void **)&p->kids, p->n_kids,
			    &p->room_kids, sizeof(*p->kids),
			    COMPILE_NODES_MAX)) {
				p->kids[p->n_kids++] = f.items[0];
				node = add_node(c, COMPILE_NOT, first, 1);
			}
		}
	} else if (add_kids(c, &f, e, file))
		node = write_family(c, e->node == SIGMA_AND ? COMPILE_AND :
		    COMPILE_OR, &f);
	free(f.items);
	return node;
}

uint32_t
compile_both(struct compile *c, uint32_t a, uint32_t b)
{
	struct family f = { 0 };
	uint32_t node = NONE;

	if (a == NONE)
		return b;
	if (add_kid(c, &f, a) && add_kid(c, &f, b))
		node = write_family(c, COMPILE_AND, &f);
	free(f.items);
	return node;
}
