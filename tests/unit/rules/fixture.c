#include "tests/unit/rules/fixture.h"

#include <stdio.h>
#include <string.h>

static bool
set_list(struct event *e, enum field_id id, const struct json *v)
{
	struct ipaddr ip;
	const char *text;
	size_t i, len;

	for (i = 0; i < json_count(v); i++) {
		text = json_str(json_at(v, i), &len);
		if (field_table[id].type == FIELD_TYPE_STRS)
			event_add_str(e, id, text, len, false);
		else if (ipaddr_parse(text, len, &ip) == 0)
			event_add_ip(e, id, &ip);
		else
			return false;
	}
	return true;
}

static bool
set_map(struct event *e, enum field_id id, const struct json *v)
{
	size_t i;

	for (i = 0; i < json_count(v); i++)
		event_add_pair(e, id, json_key_at(v, i),
		    json_str(json_at(v, i), NULL));
	return true;
}

static bool
set_scalar(struct event *e, enum field_id id, const struct json *v)
{
	struct wall none = { 0 }, when;
	struct ipaddr ip;
	size_t len;
	const char *text = json_str(v, &len);

	switch (field_table[id].type) {
	case FIELD_TYPE_STR:
		event_set_str(e, id, text, len);
		return json_typeof(v) == JSON_STRING;
	case FIELD_TYPE_INT:
		event_set_num(e, id, json_int(v));
		return json_typeof(v) == JSON_NUMBER;
	case FIELD_TYPE_DBL:
		event_set_dbl(e, id, json_double(v));
		return json_typeof(v) == JSON_NUMBER;
	case FIELD_TYPE_BOOL:
		event_set_bool(e, id, json_bool(v));
		return json_typeof(v) == JSON_BOOL;
	case FIELD_TYPE_TIME:
		if (wall_parse(text, none, &when) != 0)
			return false;
		event_set_time(e, id, when);
		return true;
	case FIELD_TYPE_IP:
		if (ipaddr_parse(text, len, &ip) != 0)
			return false;
		event_set_ip(e, id, &ip);
		return true;
	default:
		return false;
	}
}

static bool
set_field(struct event *e, enum field_id id, const struct json *v)
{
	if (json_typeof(v) == JSON_NULL) {
		event_set_missing(e, id);
		return true;
	}
	if (json_typeof(v) == JSON_ARRAY)
		return (field_table[id].type == FIELD_TYPE_STRS ||
		    field_table[id].type == FIELD_TYPE_IPS) &&
		    set_list(e, id, v);
	if (json_typeof(v) == JSON_OBJECT)
		return field_table[id].type == FIELD_TYPE_MAP &&
		    set_map(e, id, v);
	return set_scalar(e, id, v);
}

static bool
set_all(struct event *e, const struct json *object, const char *prefix)
{
	char name[256];
	size_t i;

	for (i = 0; i < json_count(object); i++) {
		const struct json *v = json_at(object, i);
		enum field_id id;

		snprintf(name, sizeof(name), "%s%s%s", prefix,
		    prefix[0] == '\0' ? "" : ".", json_key_at(object, i));
		id = field_find(name, strlen(name));
		if (id == FIELD_COUNT && json_typeof(v) == JSON_OBJECT) {
			if (!set_all(e, v, name))
				return false;
		} else if (id == FIELD_COUNT || !set_field(e, id, v)) {
			fprintf(stderr, "fixture: %s\n", name);
			return false;
		}
	}
	return true;
}

static const char *
find(const struct json *object, const char *dotted)
{
	const struct json *v = json_member(object, dotted);

	return json_str(v != NULL ? v : json_get(object, dotted), NULL);
}

struct event *
fixture_event(const struct json *object)
{
	struct wall when = { 0 }, none = { 0 };
	const char *dataset = find(object, "event.dataset");
	int d;
	struct event *e;

	(void)wall_parse(find(object, "@timestamp"), none, &when);
	for (d = 0; d < EVENT_DATASETS; d++)
		if (strcmp(event_dataset_name((enum event_dataset)d),
		    dataset) == 0)
			break;
	if (d == EVENT_DATASETS) {
		fprintf(stderr, "fixture: dataset %s\n", dataset);
		return NULL;
	}
	e = event_new((enum event_dataset)d, when);
	if (e == NULL || !set_all(e, object, "")) {
		event_unref(e);
		return NULL;
	}
	event_seal(e);
	return e;
}

struct event *
fixture_event_text(const char *text)
{
	char err[128] = "";
	struct json_doc *doc = json_parse(text, strlen(text), 0, err,
	    sizeof(err));
	struct event *e;

	if (doc == NULL) {
		fprintf(stderr, "fixture: %s: %s\n", err, text);
		return NULL;
	}
	e = fixture_event(json_root(doc));
	json_doc_free(doc);
	return e;
}
