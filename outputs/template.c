#include "outputs/template.h"

#include <string.h>

#include "agent/core/event.h"
#include "lib/json.h"

#define DEPTH_MAX	16

static bool
at_least(const struct template_target *t, enum template_flavour flavour,
    unsigned major, unsigned minor)
{
	return t->flavour == flavour && (t->major > major ||
	    (t->major == major && t->minor >= minor));
}

static bool
is_elastic(const struct template_target *t)
{
	return t->flavour == TEMPLATE_ELASTICSEARCH;
}

/* Fields whose type follows from what they are for, not from ours. */
static const char *
special_type(const struct template_target *t, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(name, "data_stream.", 12) == 0)
		return is_elastic(t) ? "constant_keyword" : "keyword";
	if (len > 13 && strcmp(name + len - 13, ".command_line") == 0)
		return is_elastic(t) ||
		    at_least(t, TEMPLATE_OPENSEARCH, 2, 15) ?
		    "wildcard" : "keyword";
	if (strcmp(name, "message") == 0 || strcmp(name, "error.message") == 0)
		return is_elastic(t) ? "match_only_text" : "text";
	if (strcmp(name, "event.risk_score") == 0)
		return "float";
	return NULL;
}

static const char *
map_type(const struct template_target *t)
{
	if (is_elastic(t))
		return "flattened";
	return at_least(t, TEMPLATE_OPENSEARCH, 2, 7) ? "flat_object" :
	    "object";
}

static const char *
type_of(const struct template_target *t, const struct field *f)
{
	const char *special = special_type(t, f->name);

	if (special != NULL)
		return special;
	switch (f->type) {
	case FIELD_TYPE_INT:
		return "long";
	case FIELD_TYPE_DBL:
		return "double";
	case FIELD_TYPE_BOOL:
		return "boolean";
	case FIELD_TYPE_TIME:
		return "date";
	case FIELD_TYPE_IP:
	case FIELD_TYPE_IPS:
		return "ip";
	case FIELD_TYPE_MAP:
		return map_type(t);
	case FIELD_TYPE_JSON:
		return "object";
	case FIELD_TYPE_STR:
	case FIELD_TYPE_STRS:
		break;
	}
	return "keyword";
}

static void
put_pair(struct json_writer *w, const char *key, const char *value)
{
	json_key_str(w, key);
	json_put_cstr(w, value);
}

static void
write_leaf(struct json_writer *w, const struct template_target *t,
    const struct field *f)
{
	const char *type = type_of(t, f);

	json_open(w, '{');
	put_pair(w, "type", type);
	if (strcmp(type, "keyword") == 0) {
		json_key_str(w, "ignore_above");
		json_put_u64(w, 1024);
	}
	/* Kept in the document, not indexed: their keys are not bounded. */
	if (strcmp(type, "object") == 0) {
		json_key_str(w, "enabled");
		json_put_bool(w, false);
	}
	json_close(w, '}');
}

/* Parts of the dotted name before the leaf. */
static size_t
parents(const char *name, struct event_str parts[static DEPTH_MAX])
{
	const char *dot;
	size_t n = 0;

	while (n < DEPTH_MAX && (dot = strchr(name, '.')) != NULL) {
		parts[n++] = (struct event_str){ name, (size_t)(dot - name) };
		name = dot + 1;
	}
	return n;
}

static bool
same(const struct event_str *a, const struct event_str *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The table is sorted by name, so fields of one object stand together. */
static void
write_properties(struct json_writer *w, const struct template_target *t)
{
	struct event_str open[DEPTH_MAX], parts[DEPTH_MAX];
	size_t depth = 0, n, common;
	const char *leaf;
	int i;

	json_key_str(w, "properties");
	json_open(w, '{');
	for (i = 0; i < FIELD_COUNT; i++) {
		n = parents(field_table[i].name, parts);
		for (common = 0; common < n && common < depth &&
		    same(&parts[common], &open[common]); common++)
			;
		for (; depth > common; depth--) {
			json_close(w, '}');
			json_close(w, '}');
		}
		for (; depth < n; depth++) {
			open[depth] = parts[depth];
			json_key(w, parts[depth].text, parts[depth].len);
			json_open(w, '{');
			json_key_str(w, "properties");
			json_open(w, '{');
		}
		leaf = strrchr(field_table[i].name, '.');
		json_key_str(w, leaf == NULL ? field_table[i].name : leaf + 1);
		write_leaf(w, t, &field_table[i]);
	}
	for (; depth > 0; depth--) {
		json_close(w, '}');
		json_close(w, '}');
	}
	json_close(w, '}');
}

/* Texts that no field of ours names. */
static void
write_dynamic(struct json_writer *w)
{
	json_key_str(w, "date_detection");
	json_put_bool(w, false);
	json_key_str(w, "dynamic_templates");
	json_open(w, '[');
	json_open(w, '{');
	json_key_str(w, "texts");
	json_open(w, '{');
	put_pair(w, "match_mapping_type", "string");
	json_key_str(w, "mapping");
	json_open(w, '{');
	put_pair(w, "type", "keyword");
	json_key_str(w, "ignore_above");
	json_put_u64(w, 1024);
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, ']');
}

/* A place for the operator's own settings; older ones refuse the list. */
static void
write_custom(struct json_writer *w, const struct template_target *t)
{
	static const char *const keys[] = {
		"composed_of", "ignore_missing_component_templates"
	};
	size_t i;

	if (!at_least(t, TEMPLATE_ELASTICSEARCH, 8, 7))
		return;
	for (i = 0; i < 2; i++) {
		json_key_str(w, keys[i]);
		json_open(w, '[');
		json_put_cstr(w, "tallyman@custom");
		json_close(w, ']');
	}
}

void
template_write(struct buf *out, const struct template_target *t)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_open(&w, '{');
	json_key_str(&w, "index_patterns");
	json_open(&w, '[');
	json_put_cstr(&w, "logs-tallyman.*-*");
	json_close(&w, ']');
	/* Built-in templates for logs-*-* have 100. */
	json_key_str(&w, "priority");
	json_put_u64(&w, 250);
	json_key_str(&w, "data_stream");
	json_open(&w, '{');
	json_close(&w, '}');
	write_custom(&w, t);
	json_key_str(&w, "template");
	json_open(&w, '{');
	json_key_str(&w, "mappings");
	json_open(&w, '{');
	write_dynamic(&w);
	write_properties(&w, t);
	json_close(&w, '}');
	json_close(&w, '}');
	json_key_str(&w, "_meta");
	json_open(&w, '{');
	put_pair(&w, "managed_by", "tallyman");
	json_close(&w, '}');
	json_close(&w, '}');
}
