#include "agent/core/conf.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/core/conf_value.h"
#include "agent/core/conf_yaml.h"

#define FILE_MAX	(1024 * 1024)
#define MEMORY_MAX	(16 * 1024 * 1024)
#define OUTPUTS		"outputs"
#define NAME_MAX_BYTES	48	/* longer names are no near misses */
#define SHOWN_MAX	60	/* bytes of a wrong value that are shown */

/* A run of conf_load. */
struct load {
	struct conf	*conf;
	const char	*file;
	struct buf	*errors;
	struct arena	*arena;
	bool		 failed;	/* at least one error was said */
};

const char *
conf_entry_get(const struct conf_entry *e, const char *key)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->pairs[i].key, key) == 0)
			return e->pairs[i].value;
	return NULL;
}

static void
begin_error(struct load *l, const struct conf_node *at)
{
	l->failed = true;
	conf_yaml_place(at, l->file, l->errors);
}

static void
end_error(struct load *l)
{
	buf_add_char(l->errors, '\n');
}

static void
no_memory(struct load *l)
{
	l->failed = true;
	buf_printf(l->errors, "%s: out of memory\n", l->file);
}

/* Outside text, in quotes, fit for a terminal. */
static void
quote(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < SHOWN_MAX && text[i] != '\0'; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			buf_printf(out, "\\x%02x", text[i]);
		else
			buf_add_char(out, text[i]);
	buf_add_char(out, '"');
}

static void
describe(struct buf *out, const struct conf_node *n)
{
	if (n->type == CONF_NODE_LIST)
		buf_add_str(out, "a list");
	else if (n->type == CONF_NODE_MAP)
		buf_add_str(out, "a mapping");
	else if (conf_yaml_is_null(n))
		buf_add_str(out, "nothing");
	else
		quote(out, n->text);
}

/* "WHAT: expected EXPECTED, not ..." */
static void
wrong_kind(struct load *l, const struct conf_node *n, const char *what,
    const char *expected)
{
	begin_error(l, n);
	if (what != NULL)
		buf_printf(l->errors, "%s: ", what);
	buf_printf(l->errors, "expected %s, not ", expected);
	describe(l->errors, n);
	end_error(l);
}

static void
wrong_value(struct load *l, const struct conf_key *k,
    const struct conf_node *n)
{
	begin_error(l, n);
	buf_printf(l->errors, "%s.%s: expected ", k->section, k->name);
	conf_value_expect(k, l->errors);
	buf_add_str(l->errors, ", not ");
	describe(l->errors, n);
	end_error(l);
}

/* Letters to insert, remove, replace or swap to get from a to b. */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned d[3][NAME_MAX_BYTES + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_BYTES || m > NAME_MAX_BYTES)
		return UINT32_MAX;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = d[i % 3], *last = d[(i + 2) % 3];
		unsigned *before = d[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return d[n % 3][m];
}

/* How many letters of a misspelt name may differ. */
static unsigned
near_enough(const char *name)
{
	size_t len = strlen(name);

	return len < 4 ? 1 : len < 8 ? 2 : 3;
}

/* The i-th key of all parts, and where its value goes; NULL at the end. */
static const struct conf_key *
key_at(const struct conf *c, size_t i, void **member)
{
	for (size_t p = 0; p < c->n_parts; p++) {
		const struct conf_part *part = &c->parts[p];

		if (i < part->n_keys) {
			if (member != NULL)
				*member = (char *)part->values +
				    part->keys[i].offset;
			return &part->keys[i];
		}
		i -= part->n_keys;
	}
	return NULL;
}

static const struct conf_key *
find_key(const struct conf *c, const char *section, const char *name,
    void **member)
{
	const struct conf_key *k;

	for (size_t i = 0; (k = key_at(c, i, member)) != NULL; i++)
		if ((section == NULL || strcmp(k->section, section) == 0) &&
		    (name == NULL || strcmp(k->name, name) == 0))
			return k;
	return NULL;
}

static const char *
nearest_section(const struct conf *c, const char *name)
{
	unsigned d, best = edit_distance(OUTPUTS, name);
	const char *found = OUTPUTS;
	const struct conf_key *k;

	for (size_t i = 0; (k = key_at(c, i, NULL)) != NULL; i++) {
		d = edit_distance(k->section, name);
		if (d < best) {
			best = d;
			found = k->section;
		}
	}
	return best <= near_enough(name) ? found : NULL;
}

/* In the section; else the same name in another one. */
static const struct conf_key *
nearest_key(const struct conf *c, const char *section, const char *name)
{
	const struct conf_key *k, *found = NULL;
	unsigned d, best = near_enough(name) + 1;

	for (size_t i = 0; (k = key_at(c, i, NULL)) != NULL; i++) {
		if (strcmp(k->section, section) != 0)
			continue;
		d = edit_distance(k->name, name);
		if (d < best) {
			best = d;
			found = k;
		}
	}
	return found != NULL ? found : find_key(c, NULL, name, NULL);
}

static void
list_keys(struct load *l, const char *section)
{
	const char *between = "";
	const struct conf_key *k;

	buf_printf(l->errors, "; %s knows ", section);
	for (size_t i = 0; (k = key_at(l->conf, i, NULL)) != NULL; i++) {
		if (strcmp(k->section, section) != 0)
			continue;
		buf_printf(l->errors, "%s%s", between, k->name);
		between = ", ";
	}
}

static void
unknown_key(struct load *l, const char *section, const struct conf_node *at)
{
	const struct conf_key *near = nearest_key(l->conf, section, at->text);

	begin_error(l, at);
	buf_printf(l->errors, "unknown key ");
	quote(l->errors, at->text);
	buf_printf(l->errors, " in section %s", section);
	if (near != NULL)
		buf_printf(l->errors, ", did you mean %s.%s?", near->section,
		    near->name);
	else
		list_keys(l, section);
	end_error(l);
}

static void
list_sections(struct load *l)
{
	const struct conf_key *k;

	buf_add_str(l->errors, "; known are ");
	for (size_t i = 0; (k = key_at(l->conf, i, NULL)) != NULL; i++)
		if (find_key(l->conf, k->section, NULL, NULL) == k)
			buf_printf(l->errors, "%s, ", k->section);
	buf_add_str(l->errors, OUTPUTS);
}

static void
unknown_section(struct load *l, const struct conf_node *at)
{
	const char *near = nearest_section(l->conf, at->text);
	const struct conf_key *k = find_key(l->conf, NULL, at->text, NULL);

	begin_error(l, at);
	buf_add_str(l->errors, "unknown section ");
	quote(l->errors, at->text);
	if (near != NULL)
		buf_printf(l->errors, ", did you mean %s?", near);
	else if (k != NULL)
		buf_printf(l->errors, ", did you mean %s.%s?", k->section,
		    k->name);
	else
		list_sections(l);
	end_error(l);
}

/* Whether a sibling before this child has its name: says so then. */
static bool
is_repeated(struct load *l, const struct conf_node *map,
    const struct conf_node *child)
{
	const struct conf_node *n = map->first;

	while (n != child && strcmp(n->key->text, child->key->text) != 0)
		n = n->next;
	if (n == child)
		return false;
	begin_error(l, child->key);
	quote(l->errors, child->key->text);
	buf_printf(l->errors, " is given twice, first in line %u",
	    n->key->line);
	end_error(l);
	return true;
}

static size_t
count_children(const struct conf_node *n)
{
	size_t count = 0;

	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		count++;
	return count;
}

static void
set_list(struct load *l, const struct conf_key *k, const struct conf_node *n,
    struct conf_list *list)
{
	struct conf_list made = { 0 };

	if (n->type != CONF_NODE_LIST && !conf_yaml_is_null(n)) {
		wrong_value(l, k, n);
		return;
	}
	made.items = arena_alloc(l->arena,
	    (count_children(n) + 1) * sizeof(char *));
	if (made.items == NULL) {
		no_memory(l);
		return;
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
		if (c->bad)
			continue;
		if (c->type != CONF_NODE_SCALAR || conf_yaml_is_null(c))
			wrong_kind(l, c, k->name, "a list of texts");
		else
			made.items[made.n++] = (char *)(uintptr_t)c->text;
	}
	*list = made;
}

static void
set_value(struct load *l, const struct conf_key *k, const struct conf_node *n,
    void *member)
{
	int err;

	if (n->bad)
		return;
	if (k->type == CONF_LIST) {
		set_list(l, k, n, member);
		return;
	}
	err = n->type != CONF_NODE_SCALAR || conf_yaml_is_null(n) ? -EINVAL :
	    conf_value_set(k, n->text, l->arena, member);
	if (err == -ENOMEM)
		no_memory(l);
	else if (err < 0)
		wrong_value(l, k, n);
}

static void
load_section(struct load *l, const struct conf_node *map)
{
	const char *section = map->key->text;
	const struct conf_key *k;
	void *member;

	if (conf_yaml_is_null(map) || map->bad)
		return;
	if (map->type != CONF_NODE_MAP) {
		wrong_kind(l, map, section, "a mapping of keys to values");
		return;
	}
	for (const struct conf_node *n = map->first; n != NULL; n = n->next) {
		k = find_key(l->conf, section, n->key->text, &member);
		if (n->key->bad || is_repeated(l, map, n))
			continue;
		if (k == NULL)
			unknown_key(l, section, n->key);
		else
			set_value(l, k, n, member);
	}
}

static void
no_value(struct load *l, const struct conf_node *n)
{
	begin_error(l, n);
	buf_printf(l->errors, "%s: expected a value for ", OUTPUTS);
	quote(l->errors, n->key->text);
	buf_add_str(l->errors, ", not ");
	describe(l->errors, n);
	end_error(l);
}

/* The text of a value; a list of texts as one, with blanks between. NULL when
 * it is neither, or there is no memory. */
static char *
entry_text(struct load *l, const struct conf_node *n)
{
	const struct conf_node *item;
	struct buf joined;
	char *text = NULL;

	if (n->type == CONF_NODE_SCALAR)
		return conf_yaml_is_null(n) ? NULL :
		    (char *)(uintptr_t)n->text;
	if (n->type != CONF_NODE_LIST || n->first == NULL)
		return NULL;
	buf_init(&joined, 0);
	for (item = n->first; item != NULL; item = item->next) {
		if (item->type != CONF_NODE_SCALAR ||
		    conf_yaml_is_null(item))
			goto out;
		if (item != n->first)
			buf_add_char(&joined, ' ');
		buf_add_str(&joined, item->text);
	}
	if (buf_ok(&joined))
		text = arena_strdup(l->arena, buf_text(&joined));
out:
	buf_fini(&joined);
	return text;
}

static void
load_entry(struct load *l, const struct conf_node *map, struct conf_entry *e)
{
	struct conf_pair *pair;
	char *text;

	e->line = map->line;
	e->column = map->column;
	e->pairs = arena_alloc(l->arena,
	    (count_children(map) + 1) * sizeof(*e->pairs));
	if (e->pairs == NULL) {
		no_memory(l);
		return;
	}
	for (const struct conf_node *n = map->first; n != NULL; n = n->next) {
		if (n->bad || n->key->bad || is_repeated(l, map, n))
			continue;
		if ((text = entry_text(l, n)) == NULL) {
			no_value(l, n);
			continue;
		}
		pair = &e->pairs[e->n++];
		pair->key = (char *)(uintptr_t)n->key->text;
		pair->value = text;
		pair->line = n->line;
		pair->column = n->column;
	}
}

static void
load_outputs(struct load *l, const struct conf_node *list)
{
	struct conf *c = l->conf;

	if (conf_yaml_is_null(list) || list->bad)
		return;
	if (list->type != CONF_NODE_LIST) {
		wrong_kind(l, list, OUTPUTS, "a list of mappings");
		return;
	}
	c->outputs = arena_alloc(l->arena,
	    (count_children(list) + 1) * sizeof(*c->outputs));
	if (c->outputs == NULL) {
		no_memory(l);
		return;
	}
	for (const struct conf_node *n = list->first; n != NULL; n = n->next) {
		if (n->bad)
			continue;
		if (n->type == CONF_NODE_MAP)
			load_entry(l, n, &c->outputs[c->n_outputs++]);
		else
			wrong_kind(l, n, OUTPUTS, "a mapping");
	}
}

static void
load_root(struct load *l, const struct conf_node *root)
{
	if (root == NULL || conf_yaml_is_null(root))
		return;
	if (root->type != CONF_NODE_MAP) {
		wrong_kind(l, root, NULL, "a mapping of sections");
		return;
	}
	for (const struct conf_node *n = root->first; n != NULL; n = n->next) {
		if (n->key->bad || is_repeated(l, root, n))
			continue;
		if (strcmp(n->key->text, OUTPUTS) == 0)
			load_outputs(l, n);
		else if (find_key(l->conf, n->key->text, NULL, NULL) != NULL)
			load_section(l, n);
		else
			unknown_section(l, n->key);
	}
}

/* Presets are ours: one that does not parse is a bug. */
static void
load_presets(struct load *l)
{
	const struct conf_key *k;
	struct conf_node *root;
	const char *preset;
	void *member;

	for (size_t i = 0; (k = key_at(l->conf, i, &member)) != NULL; i++) {
		preset = k->preset == NULL ? "" : k->preset;
		root = NULL;
		if (k->type != CONF_LIST) {
			int err = conf_value_set(k, preset, l->arena, member);

			assert(err != -EINVAL);
			if (err < 0)
				no_memory(l);
			continue;
		}
		*(struct conf_list *)member = (struct conf_list){ 0 };
		if (conf_yaml_read(k->name, preset, strlen(preset), l->arena,
		    l->errors, &root) < 0)
			no_memory(l);
		else if (root != NULL)
			set_list(l, k, root, member);
	}
}

/* TALLYMAN_SECTION_KEY; false when the name is too long. */
static bool
variable_name(const struct conf_key *k, char *out, size_t size)
{
	struct buf b;
	bool fits;

	buf_init(&b, size - 1);
	buf_printf(&b, "TALLYMAN_%s_%s", k->section, k->name);
	for (size_t i = 0; i < b.len; i++)
		b.data[i] = isalnum((unsigned char)b.data[i]) ?
		    (char)toupper((unsigned char)b.data[i]) : '_';
	fits = buf_ok(&b);
	if (fits)
		memcpy(out, buf_text(&b), b.len + 1);
	buf_fini(&b);
	return fits;
}

/* "a, b" becomes two items; blanks around them go. */
static int
split_list(struct load *l, const char *text, struct conf_list *list)
{
	size_t most = 1, n;
	char **items;

	for (const char *p = text; *p != '\0'; p++)
		most += *p == ',';
	items = arena_alloc(l->arena, most * sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	list->n = 0;
	list->items = items;
	while (*(text += strspn(text, " ,")) != '\0') {
		size_t len = n = strcspn(text, ",");

		while (len > 0 && text[len - 1] == ' ')
			len--;
		items[list->n] = arena_memdup(l->arena, text, len);
		if (items[list->n++] == NULL)
			return -ENOMEM;
		text += n;
	}
	return 0;
}

static void
load_environment(struct load *l)
{
	const struct conf_key *k;
	const char *text;
	char name[128];
	void *member;
	int err;

	for (size_t i = 0; (k = key_at(l->conf, i, &member)) != NULL; i++) {
		if (!variable_name(k, name, sizeof(name)))
			continue;
		text = getenv(name);
		if (text == NULL)
			continue;
		err = k->type == CONF_LIST ? split_list(l, text, member) :
		    conf_value_set(k, text, l->arena, member);
		if (err == 0)
			continue;
		l->failed = true;
		buf_printf(l->errors, "environment: %s: ", name);
		if (err == -ENOMEM)
			buf_add_str(l->errors, "out of memory");
		else {
			buf_add_str(l->errors, "expected ");
			conf_value_expect(k, l->errors);
			buf_add_str(l->errors, ", not ");
			quote(l->errors, text);
		}
		end_error(l);
	}
}

static int
read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		if (n > 0)
			buf_add(text, chunk, (size_t)n);
	}
	close(fd);
	return err < 0 ? err : buf_ok(text) ? 0 : -EFBIG;
}

static int
load_file(struct load *l, const char *path)
{
	struct conf_node *root = NULL;
	size_t before;
	struct buf text;
	int err;

	buf_init(&text, FILE_MAX);
	err = read_file(path, &text);
	if (err < 0) {
		buf_printf(l->errors, "%s: cannot be read: %s\n", path,
		    strerror(-err));
		goto out;
	}
	before = l->errors->len;
	err = conf_yaml_read(path, buf_text(&text), text.len, l->arena,
	    l->errors, &root);
	if (err == -ENOMEM)
		no_memory(l);
	l->failed |= l->errors->len != before;
	if (err == 0)
		load_root(l, root);
out:
	buf_fini(&text);
	return err;
}

int
conf_load(struct conf *c, const char *path, struct buf *errors)
{
	struct load l = { .conf = c, .errors = errors,
	    .file = path == NULL ? "presets" : path };
	int err = 0;

	c->outputs = NULL;
	c->n_outputs = 0;
	c->memory = l.arena = arena_new(MEMORY_MAX);
	if (l.arena == NULL)
		return -ENOMEM;
	load_presets(&l);
	if (path != NULL)
		err = load_file(&l, path);
	load_environment(&l);
	if (err < 0)
		return err;
	return l.failed || !buf_ok(errors) ? -EINVAL : 0;
}

void
conf_fini(struct conf *c)
{
	arena_free(c->memory);
	c->memory = NULL;
	c->outputs = NULL;
	c->n_outputs = 0;
}
