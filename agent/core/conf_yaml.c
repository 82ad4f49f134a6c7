#include "agent/core/conf_yaml.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX	8
#define NODES_MAX	10000

struct frame {
	struct conf_node	 *node;
	struct conf_node	**end;		/* where the next child goes */
	struct conf_node	 *key;		/* MAP: waits for its value */
};

struct reader {
	const char	*name;
	struct arena	*arena;
	struct buf	*errors;
	struct frame	 frames[DEPTH_MAX];
	unsigned	 depth;
	unsigned	 nodes;
	unsigned	 documents;
	struct conf_node *root;
};

bool
conf_yaml_is_null(const struct conf_node *n)
{
	return n->type == CONF_NODE_SCALAR && n->plain &&
	    (n->text[0] == '\0' || strcmp(n->text, "~") == 0 ||
	    strcmp(n->text, "null") == 0);
}

static void
place(const char *name, size_t line, size_t column, struct buf *errors)
{
	buf_printf(errors, "%s:%zu:%zu: ", name, line, column);
}

void
conf_yaml_place(const struct conf_node *n, const char *name,
    struct buf *errors)
{
	place(name, n->line, n->column, errors);
}

static void
complain(struct reader *r, const yaml_mark_t *at, const char *text)
{
	place(r->name, at->line + 1, at->column + 1, r->errors);
	buf_add_str(r->errors, text);
	buf_add_char(r->errors, '\n');
}

/* Ends the reading: what follows would make no sense. */
static int
refuse(struct reader *r, const yaml_mark_t *at, const char *text)
{
	complain(r, at, text);
	return -EINVAL;
}

static struct conf_node *
new_node(struct reader *r, const yaml_event_t *ev, enum conf_node_type type)
{
	struct conf_node *n = arena_alloc(r->arena, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->type = type;
	n->line = (unsigned)ev->start_mark.line + 1;
	n->column = (unsigned)ev->start_mark.column + 1;
	n->text = "";
	return n;
}

/* Puts a node in its place in the tree. 0 or -errno. */
static int
attach(struct reader *r, const yaml_event_t *ev, struct conf_node *n)
{
	struct frame *f;

	if (n == NULL)
		return -ENOMEM;
	if (r->nodes++ == NODES_MAX)
		return refuse(r, &ev->start_mark, "the file has too many values");
	if (r->depth == 0) {
		r->root = n;
		return 0;
	}
	f = &r->frames[r->depth - 1];
	if (f->node->type == CONF_NODE_MAP && f->key == NULL) {
		if (n->type != CONF_NODE_SCALAR)
			return refuse(r, &ev->start_mark,
			    "expected a name, not a list or mapping");
		f->key = n;
		return 0;
	}
	n->key = f->key;
	f->key = NULL;
	*f->end = n;
	f->end = &n->next;
	return 0;
}

static int
add_scalar(struct reader *r, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct conf_node *n = new_node(r, ev, CONF_NODE_SCALAR);

	if (n == NULL)
		return -ENOMEM;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_memdup(r->arena, text, len);
	if (n->text == NULL)
		return -ENOMEM;
	if (memchr(text, '\0', len) != NULL) {
		complain(r, &ev->start_mark, "a text may not hold a NUL");
		n->bad = true;
	}
	if (ev->data.scalar.tag != NULL)
		complain(r, &ev->start_mark, "tags (!...) are not supported");
	if (ev->data.scalar.anchor != NULL)
		complain(r, &ev->start_mark,
		    "anchors (&...) are not supported");
	return attach(r, ev, n);
}

static int
add_alias(struct reader *r, const yaml_event_t *ev)
{
	struct conf_node *n = new_node(r, ev, CONF_NODE_SCALAR);

	complain(r, &ev->start_mark, "aliases (*...) are not supported");
	if (n != NULL)
		n->bad = true;
	return attach(r, ev, n);
}

static int
open_node(struct reader *r, const yaml_event_t *ev, enum conf_node_type type,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct conf_node *n = new_node(r, ev, type);
	int err;

	if (anchor != NULL)
		complain(r, &ev->start_mark,
		    "anchors (&...) are not supported");
	if (tag != NULL)
		complain(r, &ev->start_mark, "tags (!...) are not supported");
	err = attach(r, ev, n);
	if (err < 0)
		return err;
	if (r->depth == DEPTH_MAX)
		return refuse(r, &ev->start_mark, "nested too deeply");
	r->frames[r->depth++] = (struct frame){ .node = n, .end = &n->first };
	return 0;
}

static int
handle(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ > 0)
			return refuse(r, &ev->start_mark,
			    "expected one document, here begins another");
		return 0;
	case YAML_ALIAS_EVENT:
		return add_alias(r, ev);
	case YAML_SCALAR_EVENT:
		return add_scalar(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(r, ev, CONF_NODE_LIST,
		    ev->data.sequence_start.anchor,
		    ev->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_node(r, ev, CONF_NODE_MAP,
		    ev->data.mapping_start.anchor,
		    ev->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	default:
		return 0;
	}
}

/* libyaml gives no mark for bytes that are no text, only their offset. */
static yaml_mark_t
find_mark(const char *text, size_t len, size_t offset)
{
	yaml_mark_t at = { 0 };

	for (size_t i = 0; i < offset && i < len; i++) {
		at.column++;
		if (text[i] == '\n') {
			at.line++;
			at.column = 0;
		}
	}
	return at;
}

static int
syntax_error(struct reader *r, const yaml_parser_t *y, const char *text,
    size_t len)
{
	yaml_mark_t at = y->problem_mark;

	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (y->error == YAML_READER_ERROR)
		at = find_mark(text, len, y->problem_offset);
	place(r->name, at.line + 1, at.column + 1, r->errors);
	buf_printf(r->errors, "not YAML: %s",
	    y->problem == NULL ? "syntax error" : y->problem);
	if (y->context != NULL)
		buf_printf(r->errors, " %s", y->context);
	buf_add_char(r->errors, '\n');
	return -EINVAL;
}

static int
read_events(struct reader *r, yaml_parser_t *y, const char *text, size_t len)
{
	bool done = false;
	yaml_event_t ev;
	int err = 0;

	while (err == 0 && !done) {
		if (!yaml_parser_parse(y, &ev))
			return syntax_error(r, y, text, len);
		done = ev.type == YAML_STREAM_END_EVENT;
		err = handle(r, &ev);
		yaml_event_delete(&ev);
	}
	return err;
}

int
conf_yaml_read(const char *name, const char *text, size_t len,
    struct arena *arena, struct buf *errors, struct conf_node **root)
{
	struct reader r = { .name = name, .arena = arena, .errors = errors };
	yaml_parser_t y;
	int err;

	if (!yaml_parser_initialize(&y))
		return -ENOMEM;
	yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y, (const unsigned char *)text, len);
	err = read_events(&r, &y, text, len);
	yaml_parser_delete(&y);
	if (err == 0)
		*root = r.root;
	return err;
}
