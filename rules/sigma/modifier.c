#include "rules/sigma/modifier.h"

#include <string.h>

enum kind { HOW, COMPARE, FLAG_ALL, FLAG_CASED, FLAG_NEGATE, RE_FLAG, CHANGE };

struct known {
	const char	*name;
	enum kind	 kind;
	unsigned	 value;
};

static const struct known table[] = {
	{ "contains", HOW, MODIFIER_CONTAINS },
	{ "startswith", HOW, MODIFIER_STARTSWITH },
	{ "endswith", HOW, MODIFIER_ENDSWITH },
	{ "re", HOW, MODIFIER_RE },
	{ "cidr", HOW, MODIFIER_CIDR },
	{ "exists", HOW, MODIFIER_EXISTS },
	{ "fieldref", HOW, MODIFIER_FIELDREF },
	{ "lt", COMPARE, SIGMA_LT },
	{ "lte", COMPARE, SIGMA_LTE },
	{ "gt", COMPARE, SIGMA_GT },
	{ "gte", COMPARE, SIGMA_GTE },
	{ "all", FLAG_ALL, 0 },
	{ "cased", FLAG_CASED, 0 },
	{ "neq", FLAG_NEGATE, 0 },
	{ "i", RE_FLAG, SIGMA_RE_I },
	{ "m", RE_FLAG, SIGMA_RE_M },
	{ "s", RE_FLAG, SIGMA_RE_S },
	{ "windash", CHANGE, MODIFIER_WINDASH },
	{ "base64", CHANGE, MODIFIER_BASE64 },
	{ "base64offset", CHANGE, MODIFIER_BASE64OFFSET },
	{ "utf16le", CHANGE, MODIFIER_WIDE },
	{ "wide", CHANGE, MODIFIER_WIDE },
};
#define N_KNOWN	(sizeof(table) / sizeof(table[0]))
#define KNOWN_TEXT \
	"contains, startswith, endswith, re (with i, m, s), cidr, exists, " \
	"fieldref, lt, lte, gt, gte, all, cased, neq, windash, base64, " \
	"base64offset, utf16le, wide"

static const struct known *
find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < N_KNOWN; i++)
		if (strlen(table[i].name) == len &&
		    memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* The column of a byte of the key's text. */
static unsigned
column_of(const struct ytree_node *key, const char *at)
{
	unsigned column = key->column;
	const char *p;

	if (key->lead < 0)
		return column;
	column += (unsigned)key->lead;
	for (p = key->text; p < at; p++)
		column += ((unsigned char)*p & 0xc0) != 0x80;
	return column;
}

static const char *
set_how(struct modifier_set *m, enum modifier_how how)
{
	if (m->how != MODIFIER_PLAIN)
		return "only one of contains, startswith, endswith, re, cidr, "
		    "exists, fieldref and the comparisons can be given";
	m->how = how;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *
apply(struct modifier_set *m, const struct known *k)
{
	switch (k->kind) {
	case HOW:
		return set_how(m, (enum modifier_how)k->value);
	case COMPARE:
		m->compare = (enum sigma_compare)k->value;
		return set_how(m, MODIFIER_NUMBER);
	case FLAG_ALL:
		m->all = true;
		return NULL;
	case FLAG_CASED:
		m->cased = true;
		return NULL;
	case FLAG_NEGATE:
		m->negate = true;
		return NULL;
	case RE_FLAG:
		if (m->how != MODIFIER_RE)
			return "i, m and s come after re";
		m->re_flags |= k->value;
		return NULL;
	case CHANGE:
		if (m->how != MODIFIER_PLAIN)
			return "the value is changed before it is compared: "
			    "write it before contains, startswith, endswith";
		if (m->n_changes == MODIFIER_CHANGES_MAX)
			return "too many modifiers";
		m->changes[m->n_changes++] = (enum modifier_change)k->value;
		return NULL;
	}
	return NULL;
}

/* windash may stand after contains in old rules; it means the same there. */
static const char *
apply_in_order(struct modifier_set *m, const struct known *k)
{
	enum modifier_how how = m->how;
	const char *wrong;

	if (k->kind == CHANGE && k->value == MODIFIER_WINDASH &&
	    (how == MODIFIER_CONTAINS || how == MODIFIER_STARTSWITH ||
	    how == MODIFIER_ENDSWITH)) {
		m->how = MODIFIER_PLAIN;
		wrong = apply(m, k);
		m->how = how;
		return wrong;
	}
	return apply(m, k);
}

static const char *
check_together(const struct modifier_set *m)
{
	bool text = m->how == MODIFIER_PLAIN || m->how == MODIFIER_CONTAINS ||
	    m->how == MODIFIER_STARTSWITH || m->how == MODIFIER_ENDSWITH;

	if (m->n_changes > 0 && !text)
		return "this modifier works on texts only";
	if (m->cased && !text && m->how != MODIFIER_FIELDREF)
		return "cased works on texts only (re is cased already)";
	if (m->all && (m->how == MODIFIER_EXISTS ||
	    m->how == MODIFIER_NUMBER))
		return "all does not go with exists or a comparison";
	return NULL;
}

bool
modifier_parse(struct modifier_set *m, const struct ytree_node *key,
    struct report *report)
{
	const char *p = strchr(key->text, '|'), *wrong;
	const struct known *k;
	size_t len;

	*m = (struct modifier_set){ .field_len = key->len };
	if (p == NULL)
		return true;
	m->field_len = (size_t)(p - key->text);
	for (; *p == '|'; p += len) {
		p++;
		len = strcspn(p, "|");
		k = find(p, len);
		wrong = k == NULL ? NULL : apply_in_order(m, k);
		if (k != NULL && wrong == NULL)
			wrong = p[len] == '\0' ? check_together(m) : NULL;
		if (k != NULL && wrong == NULL)
			continue;
		if (wrong != NULL)
			report_error(report, key->line, column_of(key, p),
			    "modifier %.*s: %s", (int)len, p, wrong);
		else if (len == 6 && memcmp(p, "expand", len) == 0)
			report_error(report, key->line, column_of(key, p),
			    "modifier expand: placeholders are not known here; "
			    "write the values");
		else
			report_error(report, key->line, column_of(key, p),
			    "unknown modifier %.*s; known are " KNOWN_TEXT,
			    (int)len, p);
		return false;
	}
	return true;
}
