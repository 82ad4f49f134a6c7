#include "rules/matcher/predicate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/matcher/view.h"

#define FOR_EACH_TEXT(i, view, texts)					\
	for ((i) = 0; (texts) != NULL && (i) < (view)->n; (i)++)

/* FNV-1a: the sets are ours, so nobody can choose their collisions. */
uint64_t
predicate_hash(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

unsigned
predicate_cost(const struct sigma_match *m)
{
	unsigned all = m->field.id == FIELD_COUNT ? 200 : 0;

	switch (m->op) {
	case SIGMA_SINCE:
	case SIGMA_EXISTS:
	case SIGMA_NULL:
	case SIGMA_BOOL:
		return 1;
	case SIGMA_NUMBER:
	case SIGMA_IP:
	case SIGMA_CIDR:
		return 2;
	case SIGMA_TEXT:
		return all + (glob_is_exact(&m->glob) ? 3 : m->glob.open_start &&
		    m->glob.open_end ? 8 : 4);
	case SIGMA_FIELDREF:
		return 6;
	case SIGMA_REGEX:
		break;
	}
	return all + 40;
}

static const struct event_str *
folded(struct predicate_world *w, struct predicate_view *view, bool cased)
{
	return cased ? view_raw(w, view) : view_low(w, view);
}

static bool
in_set(const struct predicate_set *set, const struct event_str *text)
{
	const struct event_str *slot;
	uint64_t i;

	if (text->len > set->longest)
		return false;
	for (i = predicate_hash(text->text, text->len);; i++) {
		slot = &set->slots[i & set->mask];
		if (slot->text == NULL)
			return false;
		if (slot->len == text->len &&
		    memcmp(slot->text, text->text, text->len) == 0)
			return true;
	}
}

static bool
set_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *view = view_get(w, p->view);
	const struct event_str *texts = folded(w, view, p->match->cased);
	uint32_t i;

	FOR_EACH_TEXT(i, view, texts)
		if (in_set(p->set, &texts[i]))
			return true;
	return false;
}

static bool
text_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *view = view_get(w, p->view);
	const struct event_str *texts = folded(w, view, p->match->cased);
	uint32_t i;

	FOR_EACH_TEXT(i, view, texts)
		if (glob_match(&p->match->glob, texts[i].text, texts[i].len))
			return true;
	return false;
}

static bool
regex_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *view = view_get(w, p->view);
	const struct event_str *texts = view_raw(w, view);
	uint32_t i;
	int rc;

	FOR_EACH_TEXT(i, view, texts) {
		rc = pcre2_match(p->regex, (PCRE2_SPTR)texts[i].text,
		    texts[i].len, 0, 0, w->match_data, w->match_context);
		if (rc >= 0)
			return true;
		if (rc != PCRE2_ERROR_NOMATCH)
			ledger_add(w->regex_limit, 1);
	}
	return false;
}

static bool
compare_whole(int64_t have, enum sigma_compare how, int64_t want)
{
	switch (how) {
	case SIGMA_EQ:
		return have == want;
	case SIGMA_LT:
		return have < want;
	case SIGMA_LTE:
		return have <= want;
	case SIGMA_GT:
		return have > want;
	case SIGMA_GTE:
		break;
	}
	return have >= want;
}

static bool
compare_double(double have, enum sigma_compare how, double want)
{
	switch (how) {
	case SIGMA_EQ:
		return have == want;
	case SIGMA_LT:
		return have < want;
	case SIGMA_LTE:
		return have <= want;
	case SIGMA_GT:
		return have > want;
	case SIGMA_GTE:
		break;
	}
	return have >= want;
}

/* Texts hold numbers too ("user.id"): whole text or no match. */
static bool
compare_text(const struct event_str *text, const struct sigma_match *m)
{
	char copy[40], *end;
	int64_t whole;
	double dbl;

	if (text->len == 0 || text->len >= sizeof(copy) ||
	    memchr(text->text, '\0', text->len) != NULL)
		return false;
	memcpy(copy, text->text, text->len);
	copy[text->len] = '\0';
	if (strspn(copy, "+-.0123456789eE") != text->len)
		return false;
	errno = 0;
	whole = strtoll(copy, &end, 10);
	if (m->whole && errno == 0 && *end == '\0')
		return compare_whole(whole, m->compare, m->num);
	dbl = strtod(copy, &end);
	return *end == '\0' && compare_double(dbl, m->compare, m->dbl);
}

static bool
number_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *view = view_get(w, p->view);
	const struct sigma_match *m = p->match;
	const struct event_str *texts;
	enum field_type type;
	uint32_t i;

	if (view->value == NULL)
		return false;
	type = field_table[view->value->field].type;
	if (type == FIELD_TYPE_INT)
		return m->whole ? compare_whole(view->value->num, m->compare,
		    m->num) : compare_double((double)view->value->num,
		    m->compare, m->dbl);
	if (type == FIELD_TYPE_DBL)
		return compare_double(view->value->dbl, m->compare, m->dbl);
	texts = view_raw(w, view);
	FOR_EACH_TEXT(i, view, texts)
		if (compare_text(&texts[i], m))
			return true;
	return false;
}

static bool
address_fits(const struct sigma_match *m, struct ipaddr ip)
{
	struct ipaddr plain = ipaddr_unmap(ip), want;

	if (m->op == SIGMA_CIDR)
		return ipaddr_in(&ip, &m->cidr) || ipaddr_in(&plain, &m->cidr);
	want = ipaddr_unmap(m->cidr.base);
	return ipaddr_equal(&plain, &want);
}

static bool
address_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *view = view_get(w, p->view);
	const struct event_str *texts;
	struct ipaddr ip;
	enum field_type type;
	uint32_t i;

	if (view->value == NULL)
		return false;
	type = field_table[view->value->field].type;
	if (type == FIELD_TYPE_IP)
		return address_fits(p->match, view->value->ip);
	if (type == FIELD_TYPE_IPS) {
		for (i = 0; i < view->value->count; i++)
			if (address_fits(p->match, view->value->ips[i]))
				return true;
		return false;
	}
	texts = view_raw(w, view);
	FOR_EACH_TEXT(i, view, texts)
		if (ipaddr_parse(texts[i].text, texts[i].len, &ip) == 0 &&
		    address_fits(p->match, ip))
			return true;
	return false;
}

static bool
bool_holds(struct predicate_world *w, const struct predicate *p)
{
	const struct event_value *v = view_get(w, p->view)->value;

	return v != NULL && v->flag == p->match->flag;
}

/* Any text of the one field is a text of the other. */
static bool
fieldref_holds(struct predicate_world *w, const struct predicate *p)
{
	struct predicate_view *a = view_get(w, p->view);
	struct predicate_view *b = view_get(w, p->other);
	const struct event_str *x = folded(w, a, p->match->cased);
	const struct event_str *y = folded(w, b, p->match->cased);
	uint32_t i, k;

	FOR_EACH_TEXT(i, a, x)
		FOR_EACH_TEXT(k, b, y)
			if (x[i].len == y[k].len &&
			    memcmp(x[i].text, y[k].text, x[i].len) == 0)
				return true;
	return false;
}

bool
predicate_holds(struct predicate_world *w, const struct predicate *p)
{
	const struct sigma_match *m = p->match;

	if (p->set != NULL)
		return set_holds(w, p);
	switch (m->op) {
	case SIGMA_TEXT:
		return text_holds(w, p);
	case SIGMA_REGEX:
		return regex_holds(w, p);
	case SIGMA_CIDR:
	case SIGMA_IP:
		return address_holds(w, p);
	case SIGMA_EXISTS:
		return (view_get(w, p->view)->value != NULL) == m->flag;
	case SIGMA_NULL:
		return view_get(w, p->view)->value == NULL;
	case SIGMA_BOOL:
		return bool_holds(w, p);
	case SIGMA_NUMBER:
		return number_holds(w, p);
	case SIGMA_FIELDREF:
		return fieldref_holds(w, p);
	case SIGMA_SINCE:
		return event_time(w->event).ns >= m->time.ns;
	}
	return false;
}
