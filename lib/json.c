/*
 * yajl's events build a tree in the document's arena. Open containers keep
 * their children in a list; on closing it becomes an array. yajl keeps its
 * own nesting on the heap, so depth costs no stack anywhere.
 */
#include "lib/json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/arena.h"
#include "lib/utf8.h"

#define NODE_BYTES	128	/* per node, with its share of arrays */
#define QUADRATIC_MAX	16	/* members compared one with another */

struct json {
	enum json_type	 type;
	bool		 flag;		/* BOOL */
	unsigned	 order;		/* in the document */
	const char	*key;		/* of a member of an object */
	size_t		 key_len;
	union {
		struct {
			const char	*text;	/* STRING, NUMBER */
			size_t		 len;
		};
		struct {
			struct json	**children;
			size_t		  count;
		};
	};
	struct json	*next;		/* sibling, while the parent is open */
};

struct json_doc {
	struct arena	*arena;
	struct json	*root;
};

struct level {
	struct json	*node;
	struct json	*first, **end;
};

struct reader {
	struct json_doc	*doc;
	bool		 lax;
	unsigned	 nodes;
	unsigned	 depth;
	struct level	 levels[JSON_DEPTH_MAX];
	const char	*key;		/* of the next member */
	size_t		 key_len;
	int		 err;		/* errno, when we ended it */
	const char	*why;
};

static int
fail(struct reader *r, int err, const char *why)
{
	r->err = err;
	r->why = why;
	return 0;		/* yajl: cancel */
}

/* A new node in its place in the tree. */
static struct json *
add_node(struct reader *r, enum json_type type)
{
	struct json *node;
	struct level *in;

	if (r->nodes == JSON_NODES_MAX) {
		fail(r, E2BIG, "too many values");
		return NULL;
	}
	node = arena_alloc(r->doc->arena, sizeof(*node));
	if (node == NULL) {
		fail(r, ENOMEM, "out of memory");
		return NULL;
	}
	node->type = type;
	node->order = r->nodes++;
	if (r->depth == 0) {
		r->doc->root = node;
		return node;
	}
	in = &r->levels[r->depth - 1];
	node->key = r->key;
	node->key_len = r->key_len;
	r->key = NULL;
	*in->end = node;
	in->end = &node->next;
	in->node->count++;
	return node;
}

static const char *
copy_text(struct reader *r, const unsigned char *s, size_t len)
{
	const char *copy;

	if (!r->lax && !utf8_valid(s, len)) {
		fail(r, EINVAL, "invalid UTF-8");
		return NULL;
	}
	copy = arena_memdup(r->doc->arena, s, len);
	if (copy == NULL)
		fail(r, ENOMEM, "out of memory");
	return copy;
}

static int
add_text(struct reader *r, enum json_type type, const unsigned char *s,
    size_t len)
{
	struct json *node = add_node(r, type);

	if (node == NULL)
		return 0;
	node->text = copy_text(r, s, len);
	node->len = len;
	return node->text != NULL;
}

static int
on_null(void *ctx)
{
	return add_node(ctx, JSON_NULL) != NULL;
}

static int
on_bool(void *ctx, int flag)
{
	struct json *node = add_node(ctx, JSON_BOOL);

	if (node != NULL)
		node->flag = flag != 0;
	return node != NULL;
}

static int
on_number(void *ctx, const char *s, size_t len)
{
	return add_text(ctx, JSON_NUMBER, (const unsigned char *)s, len);
}

static int
on_string(void *ctx, const unsigned char *s, size_t len)
{
	return add_text(ctx, JSON_STRING, s, len);
}

static int
on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct reader *r = ctx;

	r->key = copy_text(r, s, len);
	r->key_len = len;
	return r->key != NULL;
}

static int
open_node(struct reader *r, enum json_type type)
{
	struct level *level;
	struct json *node;

	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, E2BIG, "nested too deeply");
	node = add_node(r, type);
	if (node == NULL)
		return 0;
	level = &r->levels[r->depth++];
	level->node = node;
	level->first = NULL;
	level->end = &level->first;
	return 1;
}

static int
on_object(void *ctx)
{
	return open_node(ctx, JSON_OBJECT);
}

static int
on_array(void *ctx)
{
	return open_node(ctx, JSON_ARRAY);
}

/* By key, equal keys in the order of the document. */
static int
compare_members(const void *a, const void *b)
{
	const struct json *x = *(struct json *const *)a;
	const struct json *y = *(struct json *const *)b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int order = memcmp(x->key, y->key, n);

	if (order != 0)
		return order;
	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool
same_key(const struct json *a, const struct json *b)
{
	return a->key_len == b->key_len &&
	    memcmp(a->key, b->key, a->key_len) == 0;
}

static int
compare_order(const void *a, const void *b)
{
	const struct json *x = *(struct json *const *)a;
	const struct json *y = *(struct json *const *)b;

	return (x->order > y->order) - (x->order < y->order);
}

/*
 * Of members with the same key only the last one stays. Big objects are
 * sorted for it, so that a hostile one does not cost the square of its size.
 */
static void
drop_duplicates(struct json *object)
{
	struct json **c = object->children;
	size_t n = object->count, kept = 0;
	bool sorted = n > QUADRATIC_MAX;

	if (sorted)
		qsort(c, n, sizeof(*c), compare_members);
	for (size_t i = 0; i < n; i++) {
		size_t most = sorted && i + 2 < n ? i + 2 : n;
		bool again = false;

		for (size_t j = i + 1; j < most && !again; j++)
			again = same_key(c[i], c[j]);
		if (!again)
			c[kept++] = c[i];
	}
	object->count = kept;
	if (sorted)
		qsort(c, kept, sizeof(*c), compare_order);
}

static int
on_close(void *ctx)
{
	struct reader *r = ctx;
	struct level *level;
	struct json *node;
	size_t i = 0;

	assert(r->depth > 0);
	level = &r->levels[--r->depth];
	node = level->node;
	node->children = arena_alloc(r->doc->arena,
	    node->count * sizeof(struct json *));
	if (node->children == NULL)
		return fail(r, ENOMEM, "out of memory");
	for (struct json *c = level->first; c != NULL; c = c->next)
		node->children[i++] = c;
	if (node->type == JSON_OBJECT)
		drop_duplicates(node);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_array,
	.yajl_end_array = on_close
};

/* yajl says "lexical error: invalid char in json text.\n". */
static void
copy_reason(const char *text, char *out, size_t size)
{
	size_t n = strcspn(text, "\n");

	while (n > 0 && (text[n - 1] == '.' || text[n - 1] == ' '))
		n--;
	snprintf(out, size, "%.*s", (int)(n < 200 ? n : 200), text);
}

static void
report(const struct reader *r, yajl_handle y, const char *text, size_t at,
    char *err, size_t err_size)
{
	size_t line = 1, column = 1;
	char why[201];
	unsigned char *said;

	for (size_t i = 0; i < at; i++, column++)
		if (text[i] == '\n') {
			line++;
			column = 0;
		}
	if (r->why != NULL)
		snprintf(why, sizeof(why), "%s", r->why);
	else {
		said = yajl_get_error(y, 0, NULL, 0);
		copy_reason(said == NULL ? "not JSON" : (char *)said, why,
		    sizeof(why));
		yajl_free_error(y, said);
	}
	snprintf(err, err_size, "line %zu, column %zu: %s", line, column, why);
}

static struct json_doc *
new_doc(size_t len)
{
	struct json_doc *doc = calloc(1, sizeof(*doc));

	if (doc == NULL)
		return NULL;
	doc->arena = arena_new(2 * len + 4096 +
	    (size_t)JSON_NODES_MAX * NODE_BYTES);
	if (doc->arena == NULL) {
		free(doc);
		return NULL;
	}
	return doc;
}

/* 0 or an errno; err as json_parse has it. */
static int
read_text(struct reader *r, const char *text, size_t len, char *err,
    size_t err_size)
{
	yajl_handle y = yajl_alloc(&callbacks, NULL, r);
	yajl_status status;
	size_t at;

	if (y == NULL)
		return ENOMEM;
	yajl_config(y, yajl_dont_validate_strings, 1);
	status = yajl_parse(y, (const unsigned char *)text, len);
	/* yajl has taken in the token that it stumbles over. */
	at = yajl_get_bytes_consumed(y);
	at -= at > 0;
	if (status == yajl_status_ok) {
		status = yajl_complete_parse(y);
		at = len;
	}
	if (status != yajl_status_ok && err != NULL && err_size > 0)
		report(r, y, text, at < len ? at : len, err, err_size);
	yajl_free(y);
	if (status == yajl_status_ok)
		return r->doc->root == NULL ? EINVAL : 0;
	return r->err != 0 ? r->err : EINVAL;
}

struct json_doc *
json_parse(const char *text, size_t len, int flags, char *err, size_t err_size)
{
	struct reader r = { .lax = (flags & JSON_LAX) != 0 };
	int status;

	if (err != NULL && err_size > 0)
		err[0] = '\0';
	/* yajl's buffers are not safe near the end of the address space. */
	if (len > SIZE_MAX / 8) {
		errno = E2BIG;
		return NULL;
	}
	r.doc = new_doc(len);
	if (r.doc == NULL)
		return NULL;
	status = read_text(&r, text, len, err, err_size);
	if (status != 0) {
		json_doc_free(r.doc);
		errno = status;
		return NULL;
	}
	return r.doc;
}

void
json_doc_free(struct json_doc *doc)
{
	if (doc == NULL)
		return;
	arena_free(doc->arena);
	free(doc);
}

const struct json *
json_root(const struct json_doc *doc)
{
	return doc == NULL ? NULL : doc->root;
}

enum json_type
json_typeof(const struct json *node)
{
	return node == NULL ? JSON_NULL : node->type;
}

static const struct json *
find_member(const struct json *node, const char *key, size_t len)
{
	if (json_typeof(node) != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		if (node->children[i]->key_len == len &&
		    memcmp(node->children[i]->key, key, len) == 0)
			return node->children[i];
	return NULL;
}

const struct json *
json_member(const struct json *node, const char *key)
{
	return find_member(node, key, strlen(key));
}

const struct json *
json_get(const struct json *node, const char *path)
{
	size_t n = strcspn(path, ".");

	for (; path[n] != '\0' && node != NULL; n = strcspn(path, ".")) {
		node = find_member(node, path, n);
		path += n + 1;
	}
	return find_member(node, path, n);
}

static bool
has_text(const struct json *node)
{
	return json_typeof(node) == JSON_STRING ||
	    json_typeof(node) == JSON_NUMBER;
}

const char *
json_str(const struct json *node, size_t *len)
{
	if (len != NULL)
		*len = has_text(node) ? node->len : 0;
	return has_text(node) ? node->text : "";
}

double
json_double(const struct json *node)
{
	return json_typeof(node) == JSON_NUMBER ? strtod(node->text, NULL) : 0;
}

int64_t
json_int(const struct json *node)
{
	double d;

	if (json_typeof(node) != JSON_NUMBER)
		return 0;
	/* strtoll saturates by itself. */
	if (strpbrk(node->text, ".eE") == NULL)
		return strtoll(node->text, NULL, 10);
	d = json_double(node);
	if (d >= 0x1p63)
		return INT64_MAX;
	return d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

bool
json_bool(const struct json *node)
{
	return json_typeof(node) == JSON_BOOL && node->flag;
}

static bool
has_children(const struct json *node)
{
	return json_typeof(node) == JSON_ARRAY ||
	    json_typeof(node) == JSON_OBJECT;
}

size_t
json_count(const struct json *node)
{
	return has_children(node) ? node->count : 0;
}

const struct json *
json_at(const struct json *node, size_t i)
{
	return i < json_count(node) ? node->children[i] : NULL;
}

const char *
json_key_at(const struct json *node, size_t i)
{
	if (json_typeof(node) != JSON_OBJECT || i >= node->count)
		return "";
	return node->children[i]->key;
}
