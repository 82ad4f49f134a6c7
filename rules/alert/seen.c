#include "rules/alert/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/map.h"
#include "rules/text.h"

#define KEY_MAX	8192

struct seen {
	struct map	*keys;		/* hash_128 -> nothing */
	struct hash_key	 key;
	ledger_count	*evicted;
};

static void
key_gone(void *ctx, const void *key, void *value, bool evicted)
{
	struct seen *s = ctx;

	(void)key;
	(void)value;
	if (evicted && s->evicted != NULL)
		ledger_add(s->evicted, 1);
}

struct seen *
seen_new(ledger_count *evicted)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->evicted = evicted;
	s->key = hash_key_random();
	s->keys = map_new(sizeof(struct hash_128), 1, SEEN_MAX, key_gone, s);
	if (s->keys == NULL) {
		free(s);
		errno = ENOMEM;
		return NULL;
	}
	return s;
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	map_free(s->keys);
	free(s);
}

static bool
add_once_per(const struct sigma_rule *rule, const struct event *e,
    struct buf *out)
{
	size_t i, start = out->len;

	if (rule->n_once_per == 0)
		return false;
	for (i = 0; i < rule->n_once_per; i++) {
		buf_printf(out, "%s=", sigma_field_name(&rule->once_per[i]));
		if (!text_add_field(out, e, &rule->once_per[i]))
			break;
		buf_add_char(out, ' ');
	}
	if (i == rule->n_once_per)
		return true;
	/* One is unknown: what was written is of no use. */
	out->len = start;
	if (out->data != NULL)
		out->data[start] = '\0';
	return false;
}

/* A process, and what it acted on. */
static bool
add_process(const struct event *e, struct buf *out)
{
	enum event_dataset d = event_dataset(e);

	if (event_get(e, FIELD_PROCESS_ENTITY_ID) == NULL ||
	    (d != EVENT_PROCESS && d != EVENT_FILE && d != EVENT_NETWORK))
		return false;
	buf_add_str(out, "process=");
	text_add(out, e, FIELD_PROCESS_ENTITY_ID);
	if (d == EVENT_PROCESS)
		return true;
	buf_add_str(out, " file=");
	text_add(out, e, FIELD_FILE_PATH);
	if (d == EVENT_FILE)
		return true;
	buf_add_str(out, " to=");
	text_add(out, e, FIELD_DESTINATION_IP);
	buf_add_char(out, ' ');
	text_add(out, e, FIELD_DESTINATION_PORT);
	return true;
}

bool
seen_key(const struct sigma_rule *rule, const struct event *e,
    struct buf *out)
{
	if (add_once_per(rule, e, out))
		return true;
	if (event_get(e, FIELD_TALLYMAN_FLOW_ID) != NULL) {
		buf_add_str(out, "flow=");
		return text_add(out, e, FIELD_TALLYMAN_FLOW_ID);
	}
	if (add_process(e, out))
		return true;
	if (event_get(e, FIELD_EVENT_ID) == NULL)
		return false;
	buf_add_str(out, "event=");
	return text_add(out, e, FIELD_EVENT_ID);
}

static bool
hash(const struct seen *s, const char *rule_id, const char *key, size_t len,
    struct hash_128 *out)
{
	struct buf all;
	bool ok;

	buf_init(&all, KEY_MAX * 2);
	buf_add_str(&all, rule_id);
	buf_add_char(&all, '\0');
	buf_add(&all, key, len < KEY_MAX ? len : KEY_MAX);
	ok = buf_ok(&all);
	if (ok)
		*out = hash_128(&s->key, all.data, all.len);
	buf_fini(&all);
	return ok;
}

bool
seen_first(struct seen *s, const char *rule_id, const char *key, size_t len)
{
	struct hash_128 digest;
	bool made = true;

	if (!hash(s, rule_id, key, len, &digest) ||
	    map_put(s->keys, &digest, &made) == NULL)
		return true;
	return made;
}

void
seen_forget(struct seen *s, const char *rule_id, const char *key, size_t len)
{
	struct hash_128 digest;

	if (hash(s, rule_id, key, len, &digest))
		map_remove(s->keys, map_get(s->keys, &digest));
}
