#include "rules/sigma/ytree.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define BRANCH_MAX	4096	/* members of one list or map */

struct reader {
	yaml_parser_t	 parser;
	struct arena	*arena;
	struct report	*report;
	size_t		 nodes;
	bool		 no_memory;
};

/* Members of a list or map while it is being read. */
struct members {
	struct ytree_node **items, **keys;
	size_t		    n, room;
};

static struct ytree_node *read_node(struct reader *, const yaml_event_t *,
    unsigned depth);

static void
fail_at(struct reader *r, yaml_mark_t mark, const char *text)
{
	report_error(r->report, (unsigned)mark.line + 1,
	    (unsigned)mark.column + 1, "%s", text);
}

/* False when the stream is broken; the error has been reported. */
static bool
next_event(struct reader *r, yaml_event_t *event)
{
	yaml_mark_t mark;

	if (yaml_parser_parse(&r->parser, event) != 0)
		return true;
	if (r->parser.error == YAML_MEMORY_ERROR) {
		r->no_memory = true;
		return false;
	}
	/* Errors of the reader (encoding) have an offset and no mark. */
	mark = r->parser.error == YAML_READER_ERROR ? r->parser.mark :
	    r->parser.problem_mark;
	report_error(r->report, (unsigned)mark.line + 1,
	    (unsigned)mark.column + 1, "not YAML: %s%s%s",
	    r->parser.context == NULL ? "" : r->parser.context,
	    r->parser.context == NULL ? "" : ": ",
	    r->parser.problem == NULL ? "cannot be read" : r->parser.problem);
	return false;
}

static bool
grow(struct reader *r, struct members *m, bool map)
{
	size_t room = m->room == 0 ? 8 : m->room * 2;
	struct ytree_node **items, **keys = NULL;

	if (m->n < m->room)
		return true;
	items = arena_alloc(r->arena, room * sizeof(*items));
	if (map)
		keys = arena_alloc(r->arena, room * sizeof(*keys));
	if (items == NULL || (map && keys == NULL)) {
		r->no_memory = true;
		return false;
	}
	if (m->n > 0) {
		memcpy(items, m->items, m->n * sizeof(*items));
		if (map)
			memcpy(keys, m->keys, m->n * sizeof(*keys));
	}
	m->items = items;
	m->keys = keys;
	m->room = room;
	return true;
}

static bool
set_text(struct reader *r, struct ytree_node *node, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	yaml_scalar_style_t style = event->data.scalar.style;
	bool quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
	    style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	/* Marks count characters. */
	size_t span = event->end_mark.index - event->start_mark.index;
	size_t i, characters = 0;

	if (memchr(text, '\0', len) != NULL) {
		fail_at(r, event->start_mark, "a text may not hold a NUL");
		return false;
	}
	node->text = arena_memdup(r->arena, text, len);
	if (node->text == NULL) {
		r->no_memory = true;
		return false;
	}
	node->len = len;
	node->plain = style == YAML_PLAIN_SCALAR_STYLE;
	/* Without escapes or folding, the file has the text as it is. */
	node->lead = -1;
	for (i = 0; i < len; i++)
		characters += ((unsigned char)text[i] & 0xc0) != 0x80;
	if (event->start_mark.line == event->end_mark.line &&
	    ((node->plain && span == characters) ||
	    (quoted && span == characters + 2)))
		node->lead = quoted ? 1 : 0;
	return true;
}

static bool
read_list(struct reader *r, struct ytree_node *node, unsigned depth)
{
	struct members m = { 0 };
	yaml_event_t event;
	bool done = false;

	while (next_event(r, &event)) {
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			done = true;
			break;
		}
		if (m.n == BRANCH_MAX)
			fail_at(r, event.start_mark, "list is too long");
		else if (grow(r, &m, false))
			m.items[m.n] = read_node(r, &event, depth + 1);
		yaml_event_delete(&event);
		if (m.n == BRANCH_MAX || m.items == NULL ||
		    m.items[m.n] == NULL || r->no_memory)
			break;
		m.n++;
	}
	node->items = m.items;
	node->n = m.n;
	return done;
}

static bool
check_key(struct reader *r, const struct members *m,
    const struct ytree_node *key, yaml_mark_t mark)
{
	size_t i;

	if (key->kind != YTREE_TEXT) {
		fail_at(r, mark, "expected a text as key");
		return false;
	}
	for (i = 0; i < m->n; i++) {
		if (strcmp(m->keys[i]->text, key->text) != 0)
			continue;
		report_error(r->report, key->line, key->column,
		    "key %s is given twice, first in line %u", key->text,
		    m->keys[i]->line);
		return false;
	}
	return true;
}

/* Reads key and value; the key's event is given. */
static bool
read_pair(struct reader *r, struct members *m, const yaml_event_t *first,
    unsigned depth)
{
	yaml_event_t event;
	struct ytree_node *key, *value;

	if (m->n == BRANCH_MAX) {
		fail_at(r, first->start_mark, "map is too long");
		return false;
	}
	key = read_node(r, first, depth + 1);
	if (key == NULL || !check_key(r, m, key, first->start_mark) ||
	    !grow(r, m, true) || !next_event(r, &event))
		return false;
	value = read_node(r, &event, depth + 1);
	yaml_event_delete(&event);
	if (value == NULL)
		return false;
	m->keys[m->n] = key;
	m->items[m->n] = value;
	m->n++;
	return true;
}

static bool
read_map(struct reader *r, struct ytree_node *node, unsigned depth)
{
	struct members m = { 0 };
	yaml_event_t event;
	bool done = false, ok = true;

	while (ok && !done && next_event(r, &event)) {
		if (event.type == YAML_MAPPING_END_EVENT)
			done = true;
		else
			ok = read_pair(r, &m, &event, depth);
		yaml_event_delete(&event);
	}
	node->items = m.items;
	node->keys = m.keys;
	node->n = m.n;
	return done;
}

static bool
has_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.tag != NULL ||
		    event->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.tag != NULL ||
		    event->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.tag != NULL ||
		    event->data.mapping_start.anchor != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static struct ytree_node *
read_node(struct reader *r, const yaml_event_t *event, unsigned depth)
{
	struct ytree_node *node;
	bool ok = false;

	if (has_tag(event)) {
		fail_at(r, event->start_mark,
		    "anchors, aliases and tags are not allowed");
		return NULL;
	}
	if (depth > YTREE_DEPTH_MAX || ++r->nodes > YTREE_NODES_MAX) {
		fail_at(r, event->start_mark, depth > YTREE_DEPTH_MAX ?
		    "nested too deep" : "file has too many values");
		return NULL;
	}
	if ((node = arena_alloc(r->arena, sizeof(*node))) == NULL) {
		r->no_memory = true;
		return NULL;
	}
	node->line = (unsigned)event->start_mark.line + 1;
	node->column = (unsigned)event->start_mark.column + 1;
	if (event->type == YAML_SCALAR_EVENT) {
		node->kind = YTREE_TEXT;
		ok = set_text(r, node, event);
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		node->kind = YTREE_LIST;
		ok = read_list(r, node, depth);
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		node->kind = YTREE_MAP;
		ok = read_map(r, node, depth);
	}
	return ok ? node : NULL;
}

/* One document after its start event; false ends the reading. */
static bool
read_document(struct reader *r, struct ytree *tree, struct members *m)
{
	yaml_event_t event;
	struct ytree_node *node;
	bool empty;

	if (!next_event(r, &event))
		return false;
	empty = event.type == YAML_SCALAR_EVENT &&
	    event.data.scalar.length == 0 && event.data.scalar.plain_implicit;
	node = read_node(r, &event, 0);
	if (node != NULL && !empty && m->n == YTREE_DOCUMENTS_MAX) {
		fail_at(r, event.start_mark, "too many documents in one file");
		node = NULL;
	}
	yaml_event_delete(&event);
	if (node == NULL)
		return false;
	if (empty)
		return true;
	if (!grow(r, m, false))
		return false;
	m->items[m->n++] = node;
	tree->documents = m->items;
	tree->n = m->n;
	return true;
}

int
ytree_load(struct ytree *tree, struct arena *arena, const char *text,
    size_t len, struct report *report)
{
	struct reader r = { .arena = arena, .report = report };
	struct members m = { 0 };
	yaml_event_t event;
	size_t errors = report->count;
	bool more = true;
	yaml_event_type_t type;

	tree->documents = NULL;
	tree->n = 0;
	if (len > YTREE_BYTES_MAX) {
		report_file(report, "larger than %d bytes", YTREE_BYTES_MAX);
		return -EINVAL;
	}
	if (yaml_parser_initialize(&r.parser) == 0)
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
	    len);
	while (more && next_event(&r, &event)) {
		type = event.type;
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			more = false;
		else if (type == YAML_DOCUMENT_START_EVENT)
			more = read_document(&r, tree, &m);
	}
	yaml_parser_delete(&r.parser);
	if (r.no_memory)
		return -ENOMEM;
	return report->count == errors ? 0 : -EINVAL;
}

static size_t
find_key(const struct ytree_node *node, const char *key)
{
	size_t i;

	if (node == NULL || node->kind != YTREE_MAP)
		return SIZE_MAX;
	for (i = 0; i < node->n; i++)
		if (strcmp(node->keys[i]->text, key) == 0)
			return i;
	return SIZE_MAX;
}

const struct ytree_node *
ytree_get(const struct ytree_node *node, const char *key)
{
	size_t i = find_key(node, key);

	return i == SIZE_MAX ? NULL : node->items[i];
}

const struct ytree_node *
ytree_key(const struct ytree_node *node, const char *key)
{
	size_t i = find_key(node, key);

	return i == SIZE_MAX ? NULL : node->keys[i];
}

bool
ytree_is_null(const struct ytree_node *node)
{
	return node->kind == YTREE_TEXT && node->plain &&
	    (node->len == 0 || strcmp(node->text, "~") == 0 ||
	    strcmp(node->text, "null") == 0 ||
	    strcmp(node->text, "Null") == 0 ||
	    strcmp(node->text, "NULL") == 0);
}

const char *
ytree_kind_name(const struct ytree_node *node)
{
	switch (node->kind) {
	case YTREE_LIST:
		return "a list";
	case YTREE_MAP:
		return "a map";
	case YTREE_TEXT:
		break;
	}
	return "a text";
}
