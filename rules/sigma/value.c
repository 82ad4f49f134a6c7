#include "rules/sigma/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/sigma/encode.h"
#include "rules/sigma/field.h"
#include "rules/sigma/modifier.h"

/* One item while its values are read. */
struct item {
	struct value_reader	*reader;
	struct sigma_field	 field;
	struct modifier_set	 mod;
};

static const struct sigma_expr *
fail_at(const struct item *it, const struct ytree_node *node, const char *text)
{
	const char *name = sigma_field_name(&it->field);

	report_error(it->reader->report, node->line, node->column, "%s: %s",
	    name, text);
	return NULL;
}

static const struct sigma_expr *
check(struct value_reader *r, const struct sigma_expr *e)
{
	if (e == NULL)
		r->no_memory = true;
	return e;
}

static enum field_type
type_of(const struct sigma_field *f)
{
	if (f->id == FIELD_COUNT)
		return FIELD_TYPE_STRS;
	return f->key != NULL ? FIELD_TYPE_STR : field_table[f->id].type;
}

static bool
parse_bool(const char *text, bool *value)
{
	*value = strcasecmp(text, "true") == 0;
	return *value || strcasecmp(text, "false") == 0;
}

static bool
parse_number(struct sigma_match *m, const struct ytree_node *node)
{
	char *end;

	if (node->len == 0 || strspn(node->text, "+-.0123456789eE") !=
	    node->len)
		return false;
	errno = 0;
	m->num = strtoll(node->text, &end, 10);
	m->whole = errno == 0 && *end == '\0';
	m->dbl = strtod(node->text, &end);
	return *end == '\0';
}

static struct sigma_match
start(const struct item *it, const struct ytree_node *node, enum sigma_op op)
{
	struct sigma_match m = {
		.field = it->field, .op = op, .cased = it->mod.cased,
		.text = node->text, .len = node->len, .line = node->line,
		.column = node->column
	};

	return m;
}

static const struct sigma_expr *
finish(const struct item *it, const struct sigma_match *m)
{
	return check(it->reader, expr_match(it->reader->arena, m));
}

/* A text with wildcards, opened at its ends as the modifier says. */
static const struct sigma_expr *
make_text(const struct item *it, const struct ytree_node *node,
    const char *text, size_t len, bool raw)
{
	struct sigma_match m = start(it, node, SIGMA_TEXT);
	enum modifier_how how = it->mod.how;

	if (glob_parse(&m.glob, it->reader->arena, text, len, !m.cased,
	    raw) != 0)
		return check(it->reader, NULL);
	if (it->field.id == FIELD_COUNT && how == MODIFIER_PLAIN)
		how = MODIFIER_CONTAINS;
	if (how == MODIFIER_CONTAINS || how == MODIFIER_ENDSWITH)
		m.glob.open_start = true;
	if (how == MODIFIER_CONTAINS || how == MODIFIER_STARTSWITH)
		m.glob.open_end = true;
	return finish(it, &m);
}

/* The forms of a value after windash, base64 ...: any of them. */
static const struct sigma_expr *
make_changed(const struct item *it, const struct ytree_node *node)
{
	struct arena *arena = it->reader->arena;
	struct encode_list forms = { 0 };
	struct expr_list list = { 0 };
	const char *wrong = NULL;
	bool raw = false;
	size_t i;

	if (!encode_start(&forms, arena, node->text, node->len))
		return check(it->reader, NULL);
	for (i = 0; i < it->mod.n_changes && wrong == NULL; i++) {
		raw = raw || it->mod.changes[i] != MODIFIER_WINDASH;
		wrong = encode_apply(&forms, arena, it->mod.changes[i]);
	}
	if (wrong != NULL)
		return fail_at(it, node, wrong);
	if (forms.no_memory)
		return check(it->reader, NULL);
	for (i = 0; i < forms.n; i++)
		if (!expr_list_add(arena, &list, make_text(it, node,
		    forms.items[i].text, forms.items[i].len, raw)))
			return check(it->reader, NULL);
	return check(it->reader,
	    expr_join(arena, SIGMA_OR, list.items, list.n));
}

static const struct sigma_expr *
make_exact_number(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_NUMBER);

	if (parse_number(&m, node))
		return finish(it, &m);
	/* 80* on a port is odd but has a meaning. */
	if (strpbrk(node->text, "*?") != NULL)
		return make_text(it, node, node->text, node->len, false);
	return fail_at(it, node, "expected a number");
}

static const struct sigma_expr *
make_exact_ip(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_IP);

	if (ipaddr_parse(node->text, node->len, &m.cidr.base) == 0)
		return finish(it, &m);
	if (strpbrk(node->text, "*?") != NULL)
		return make_text(it, node, node->text, node->len, false);
	return fail_at(it, node,
	    "expected an address (ranges need the modifier cidr)");
}

static const struct sigma_expr *
make_plain(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_NULL);

	if (ytree_is_null(node))
		return finish(it, &m);
	if (it->mod.n_changes > 0)
		return make_changed(it, node);
	switch (type_of(&it->field)) {
	case FIELD_TYPE_INT:
	case FIELD_TYPE_DBL:
		return make_exact_number(it, node);
	case FIELD_TYPE_IP:
	case FIELD_TYPE_IPS:
		return make_exact_ip(it, node);
	case FIELD_TYPE_BOOL:
		m.op = SIGMA_BOOL;
		return parse_bool(node->text, &m.flag) ? finish(it, &m) :
		    fail_at(it, node, "expected true or false");
	case FIELD_TYPE_STR:
	case FIELD_TYPE_STRS:
	case FIELD_TYPE_TIME:
	case FIELD_TYPE_JSON:
	case FIELD_TYPE_MAP:
		break;
	}
	return make_text(it, node, node->text, node->len, false);
}

static const struct sigma_expr *
make_regex(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_REGEX);

	m.re_flags = it->mod.re_flags;
	if (node->len > SIGMA_REGEX_MAX)
		return fail_at(it, node, "regular expression is too long");
	return finish(it, &m);
}

static const struct sigma_expr *
make_cidr(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_CIDR);
	enum field_type type = type_of(&it->field);

	if (type != FIELD_TYPE_IP && type != FIELD_TYPE_IPS &&
	    type != FIELD_TYPE_STR && type != FIELD_TYPE_STRS)
		return fail_at(it, node, "cidr needs a field with addresses");
	if (ipaddr_cidr_parse(node->text, node->len, &m.cidr) != 0)
		return fail_at(it, node,
		    "expected a range such as 10.0.0.0/8 or fd00::/8");
	return finish(it, &m);
}

static const struct sigma_expr *
make_compare(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_NUMBER);
	enum field_type type = type_of(&it->field);

	m.compare = it->mod.compare;
	if (type == FIELD_TYPE_IP || type == FIELD_TYPE_IPS ||
	    type == FIELD_TYPE_BOOL || type == FIELD_TYPE_TIME ||
	    type == FIELD_TYPE_JSON || it->field.id == FIELD_COUNT)
		return fail_at(it, node, "the field is not a number");
	if (!parse_number(&m, node))
		return fail_at(it, node, "expected a number");
	return finish(it, &m);
}

static const struct sigma_expr *
make_exists(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_EXISTS);

	if (it->field.id == FIELD_COUNT)
		return fail_at(it, node, "exists needs a field");
	if (!parse_bool(node->text, &m.flag))
		return fail_at(it, node, "expected true or false");
	return finish(it, &m);
}

static const struct sigma_expr *
make_fieldref(const struct item *it, const struct ytree_node *node)
{
	struct sigma_match m = start(it, node, SIGMA_FIELDREF);

	if (it->field.id == FIELD_COUNT)
		return fail_at(it, node, "fieldref needs a field");
	if (!field_resolve_node(&m.other, it->reader->arena, node,
	    it->reader->report))
		return NULL;
	return finish(it, &m);
}

static const struct sigma_expr *
make_one(const struct item *it, const struct ytree_node *node)
{
	if (node->kind != YTREE_TEXT)
		return fail_at(it, node,
		    "expected a value or a list of values");
	switch (it->mod.how) {
	case MODIFIER_RE:
		return make_regex(it, node);
	case MODIFIER_CIDR:
		return make_cidr(it, node);
	case MODIFIER_EXISTS:
		return make_exists(it, node);
	case MODIFIER_NUMBER:
		return make_compare(it, node);
	case MODIFIER_FIELDREF:
		return make_fieldref(it, node);
	case MODIFIER_CONTAINS:
	case MODIFIER_STARTSWITH:
	case MODIFIER_ENDSWITH:
		if (ytree_is_null(node))
			return fail_at(it, node, "expected a text");
		return it->mod.n_changes > 0 ? make_changed(it, node) :
		    make_text(it, node, node->text, node->len, false);
	case MODIFIER_PLAIN:
		break;
	}
	return make_plain(it, node);
}

/* neq: the field is set, and none of the values fits. */
static const struct sigma_expr *
negate(const struct item *it, const struct ytree_node *node,
    const struct sigma_expr *e)
{
	struct sigma_match m = start(it, node, SIGMA_EXISTS);
	const struct sigma_expr *both[2];

	m.flag = true;
	both[0] = expr_match(it->reader->arena, &m);
	both[1] = expr_not(it->reader->arena, e);
	return check(it->reader,
	    expr_join(it->reader->arena, SIGMA_AND, both, 2));
}

static const struct sigma_expr *
read_values(const struct item *it, const struct ytree_node *values)
{
	struct arena *arena = it->reader->arena;
	const struct sigma_expr *e;
	struct expr_list list = { 0 };
	bool ok = true;
	size_t i;

	if (values->kind != YTREE_LIST) {
		if (it->mod.all)
			return fail_at(it, values,
			    "all needs a list of several values");
		return make_one(it, values);
	}
	if (values->n == 0 || (it->mod.all && values->n < 2))
		return fail_at(it, values, values->n == 0 ?
		    "the list of values is empty" :
		    "all needs a list of several values");
	for (i = 0; i < values->n; i++) {
		e = make_one(it, values->items[i]);
		if (e == NULL)
			ok = false;
		else if (!expr_list_add(arena, &list, e))
			return check(it->reader, NULL);
	}
	if (!ok)
		return NULL;
	return check(it->reader, expr_join(arena,
	    it->mod.all ? SIGMA_AND : SIGMA_OR, list.items, list.n));
}

/* Sigma's "Initiated" of network connections is what was called. */
static const struct sigma_expr *
read_initiated(const struct item *it, const struct ytree_node *values)
{
	static const char *const calls[] = {
		"connect", "sendto", "sendmsg", "sendmmsg"
	};
	struct arena *arena = it->reader->arena;
	const struct sigma_expr *e;
	bool yes;

	if (it->mod.how != MODIFIER_PLAIN || values->kind != YTREE_TEXT ||
	    !parse_bool(values->text, &yes))
		return fail_at(it, values, "Initiated is true or false");
	e = expr_texts(arena, FIELD_EVENT_ACTION, calls,
	    sizeof(calls) / sizeof(calls[0]));
	return check(it->reader, yes ? e : expr_not(arena, e));
}

const struct sigma_expr *
value_read(struct value_reader *r, const struct ytree_node *key,
    const struct ytree_node *values)
{
	struct item it = { .reader = r };
	const struct sigma_expr *e;

	if (!modifier_parse(&it.mod, key, r->report))
		return NULL;
	if (it.mod.field_len == 9 && memcmp(key->text, "Initiated", 9) == 0) {
		it.field.id = FIELD_EVENT_ACTION;
		return read_initiated(&it, values);
	}
	it.field.id = FIELD_COUNT;
	if (it.mod.field_len > 0 && !field_resolve(&it.field, r->arena,
	    key->text, it.mod.field_len, key, r->report))
		return NULL;
	e = read_values(&it, values);
	if (e == NULL || !it.mod.negate)
		return e;
	if (it.field.id == FIELD_COUNT)
		return fail_at(&it, key, "neq needs a field");
	return negate(&it, values, e);
}

const struct sigma_expr *
value_read_keywords(struct value_reader *r, const struct ytree_node *values)
{
	struct item it = { .reader = r };

	it.field.id = FIELD_COUNT;
	return read_values(&it, values);
}
