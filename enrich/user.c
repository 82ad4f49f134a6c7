#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/user.h"
#include "lib/buf.h"
#include "lib/map.h"

#define FILE_MAX	(4 * 1024 * 1024)

struct user_table { struct map *names; };	/* uint32_t to char[33] */
struct name { char text[33]; };

static struct map *
make(void)
{
	return map_new(sizeof(uint32_t), sizeof(struct name), USER_LIMIT,
	    NULL, NULL);
}

struct user_table *
user_table_new(void)
{
	struct user_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->names = make();
	if (t->names == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
user_table_free(struct user_table *t)
{
	if (t == NULL)
		return;
	map_free(t->names);
	free(t);
}

/* "name:x:uid:..."; the first line of a uid counts. */
static bool
parse_line(struct map *names, const char *line, size_t len)
{
	const char *end = line + len, *colon = memchr(line, ':', len), *uid;
	struct name *n;
	uint64_t v = 0;
	uint32_t key;
	bool made;

	if (colon == NULL || colon == line || colon - line > 32)
		return false;
	uid = memchr(colon + 1, ':', (size_t)(end - colon - 1));
	if (uid == NULL || ++uid == end || *uid < '0' || *uid > '9')
		return false;
	for (; uid < end && *uid >= '0' && *uid <= '9' && v < UINT32_MAX; uid++)
		v = v * 10 + (uint64_t)(*uid - '0');
	if (v >= UINT32_MAX || uid == end || *uid != ':')
		return false;
	key = (uint32_t)v;
	n = map_put(names, &key, &made);
	if (n == NULL || !made)
		return false;
	memcpy(n->text, line, (size_t)(colon - line));
	return true;
}

int
user_table_parse(struct user_table *t, const char *text, size_t len)
{
	struct map *names = make();
	int count = 0;

	if (names == NULL)
		return -ENOMEM;
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl == NULL ? len : (size_t)(nl - text);

		if (parse_line(names, text, n))
			count++;
		n = nl == NULL ? n : n + 1;
		text += n;
		len -= n;
	}
	map_free(t->names);
	t->names = names;
	return count;
}

int
user_table_load(struct user_table *t, const char *path)
{
	char chunk[4096];
	struct buf text;
	FILE *f = fopen(path, "re");
	size_t n;
	int rc;

	if (f == NULL)
		return -errno;
	buf_init(&text, FILE_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&text, chunk, n);
	rc = ferror(f) ? -EIO : buf_ok(&text) ? 0 : -EFBIG;
	(void)fclose(f);
	if (rc == 0)
		rc = user_table_parse(t, buf_text(&text), text.len);
	buf_fini(&text);
	return rc < 0 ? rc : 0;
}

const char *
user_name(struct user_table *t, uint32_t uid)
{
	struct name *n = map_get(t->names, &uid);

	return n == NULL ? NULL : n->text;
}

static bool
read_uid(const struct event *ev, enum field_id field, uint32_t *uid)
{
	const char *s = event_str(ev, field);
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end != '\0' || errno != 0 || v >= UINT32_MAX)
		return false;
	*uid = (uint32_t)v;
	return true;
}

static void
name_one(struct user_table *t, struct event *ev, enum field_id id,
    enum field_id name, bool inside)
{
	const char *text;
	uint32_t uid;

	if (event_has(ev, name) == EVENT_SET || !read_uid(ev, id, &uid))
		return;
	/* With a user namespace the host sees other numbers than 0. */
	text = !inside ? user_name(t, uid) : uid == 0 ? "root" : NULL;
	if (text == NULL) {
		event_set_missing(ev, name);
		return;
	}
	event_set_cstr(ev, name, text);
	event_add_str(ev, FIELD_RELATED_USER, text, strlen(text), true);
}

void
user_enrich(void *self, struct event *ev, bool *hold)
{
	bool inside = event_has(ev, FIELD_CONTAINER_ID) != EVENT_ABSENT;

	(void)hold;
	name_one(self, ev, FIELD_USER_ID, FIELD_USER_NAME, inside);
	name_one(self, ev, FIELD_PROCESS_USER_ID, FIELD_PROCESS_USER_NAME,
	    inside);
}
