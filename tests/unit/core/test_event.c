#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "agent/core/event.h"

static const struct wall june = { INT64_C(1780305247412) * MONO_MS };

static struct ipaddr
address(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

/* The field table. */

static void
the_table_is_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < FIELD_COUNT; i++)
		if (strcmp(field_table[i - 1].name, field_table[i].name) >= 0)
			fail_msg("%s stands before %s",
			    field_table[i - 1].name, field_table[i].name);
}

/* A name cannot be a value and an object with values in it. */
static void
no_field_is_an_object_as_well(void **state)
{
	(void)state;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *name = field_table[i].name;
		size_t len = strlen(name);

		assert_string_not_equal(name, "tallyman.missing");
		assert_int_not_equal(strncmp(name, "tallyman.missing.", 17),
		    0);
		for (size_t j = 0; j < FIELD_COUNT; j++)
			if (strncmp(field_table[j].name, name, len) == 0 &&
			    field_table[j].name[len] == '.')
				fail_msg("%s and %s", name,
				    field_table[j].name);
	}
}

static void
names_are_plain_and_help_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *name = field_table[i].name;

		assert_int_equal(strspn(name,
		    "abcdefghijklmnopqrstuvwxyz0123456789_.@"), strlen(name));
		assert_true(name[0] != '.' && name[strlen(name) - 1] != '.');
		assert_null(strstr(name, ".."));
		assert_true(field_table[i].help[0] != '\0');
	}
}

static enum field_id
find(const char *name)
{
	return field_find(name, strlen(name));
}

static void
fields_are_found_by_both_names(void **state)
{
	char list[200], *name, *next;

	(void)state;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		assert_int_equal(find(field_table[i].name), i);
		assert_in_range(strlen(field_table[i].sigma), 0, 199);
		memcpy(list, field_table[i].sigma,
		    strlen(field_table[i].sigma) + 1);
		for (name = list; *name != '\0'; name = next) {
			next = name + strcspn(name, ",");
			if (*next == ',')
				*next++ = '\0';
			/* Also: no two fields share a Sigma name. */
			assert_int_equal(find(name), i);
		}
	}
	assert_int_equal(find("Image"), FIELD_PROCESS_EXECUTABLE);
	assert_int_equal(find("Image.Name"), FIELD_CONTAINER_IMAGE_NAME);
	assert_int_equal(find("ContainerImage"), FIELD_CONTAINER_IMAGE_NAME);
	assert_int_equal(field_find("process.pidx", 11), FIELD_PROCESS_PID);
	assert_int_equal(find(""), FIELD_COUNT);
	assert_int_equal(find("process"), FIELD_COUNT);
	assert_int_equal(find("process.pi"), FIELD_COUNT);
	assert_int_equal(find("process.pid."), FIELD_COUNT);
	assert_int_equal(find("image"), FIELD_COUNT);
	assert_int_equal(find("ContainerImage,Image.Name"), FIELD_COUNT);
	assert_int_equal(field_find("message\0", 8), FIELD_COUNT);
}

/* Values. */

static void
a_new_event_knows_what_it_is(void **state)
{
	struct event *e = event_new(EVENT_FLOW, june);

	(void)state;
	assert_non_null(e);
	assert_int_equal(event_dataset(e), EVENT_FLOW);
	assert_true(event_time(e).ns == june.ns);
	assert_string_equal(event_str(e, FIELD_EVENT_DATASET),
	    "tallyman.flow");
	assert_string_equal(event_str(e, FIELD_DATA_STREAM_DATASET),
	    "tallyman.flow");
	assert_true(event_get(e, FIELD_TIMESTAMP)->time.ns == june.ns);
	assert_false(event_sealed(e));
	assert_false(event_truncated(e));
	event_unref(e);
	event_unref(NULL);
	for (int i = 0; i < EVENT_DATASETS; i++)
		assert_memory_equal(event_dataset_name((enum event_dataset)i),
		    "tallyman.", 9);
}

static void
absent_missing_set(void **state)
{
	struct event *e = event_new(EVENT_PROCESS, june);

	(void)state;
	assert_int_equal(event_has(e, FIELD_USER_ID), EVENT_ABSENT);
	assert_null(event_get(e, FIELD_USER_ID));
	event_set_missing(e, FIELD_USER_ID);
	assert_int_equal(event_has(e, FIELD_USER_ID), EVENT_MISSING);
	assert_null(event_get(e, FIELD_USER_ID));
	assert_string_equal(event_str(e, FIELD_USER_ID), "");
	event_set_cstr(e, FIELD_USER_ID, "0");
	assert_int_equal(event_has(e, FIELD_USER_ID), EVENT_SET);
	assert_string_equal(event_str(e, FIELD_USER_ID), "0");
	event_set_missing(e, FIELD_USER_ID);
	assert_int_equal(event_has(e, FIELD_USER_ID), EVENT_SET);
	event_set_cstr(e, FIELD_USER_NAME, NULL);
	assert_int_equal(event_has(e, FIELD_USER_NAME), EVENT_ABSENT);
	event_set_cstr(e, FIELD_USER_NAME, "");
	assert_int_equal(event_has(e, FIELD_USER_NAME), EVENT_SET);
	/* A list that was missing begins with its first member. */
	event_set_missing(e, FIELD_RELATED_IP);
	event_add_ip(e, FIELD_RELATED_IP, &(struct ipaddr){ 0 });
	assert_int_equal(event_get(e, FIELD_RELATED_IP)->count, 1);
	event_unref(e);
}

static void
lists_its_fields_in_table_order(void **state)
{
	struct event *e = event_new(EVENT_PROCESS, june);
	static const enum field_id ids[] = { FIELD_TIMESTAMP,
	    FIELD_CONTAINER_ID, FIELD_DATA_STREAM_DATASET,
	    FIELD_EVENT_DATASET, FIELD_USER_NAME, FIELD_USER_TARGET_ID };
	const struct event_value *values[FIELD_COUNT];

	(void)state;
	event_set_cstr(e, FIELD_USER_NAME, "u");
	event_set_missing(e, FIELD_CONTAINER_ID);
	event_set_cstr(e, FIELD_USER_TARGET_ID, "t");
	assert_int_equal(event_values(e, values), 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(values[i]->field, ids[i]);
		assert_int_equal(values[i]->missing,
		    ids[i] == FIELD_CONTAINER_ID);
	}
	event_unref(e);
}

static void
setters_copy_and_replace(void **state)
{
	struct event *e = event_new(EVENT_PROCESS, june);
	char text[] = "a\0b";

	(void)state;
	event_set_str(e, FIELD_PROCESS_NAME, text, 3);
	text[0] = 'x';
	assert_memory_equal(event_str(e, FIELD_PROCESS_NAME), "a\0b", 4);
	assert_int_equal(event_get(e, FIELD_PROCESS_NAME)->str.len, 3);
	event_set_cstr(e, FIELD_PROCESS_NAME, "second");
	assert_string_equal(event_str(e, FIELD_PROCESS_NAME), "second");
	event_set_fmt(e, FIELD_MESSAGE, "%s-%0300d-%c", "x", 7, 'y');
	assert_int_equal(event_get(e, FIELD_MESSAGE)->str.len, 304);
	assert_string_equal(event_str(e, FIELD_MESSAGE) + 300, "07-y");
	event_set_fmt(e, FIELD_MESSAGE, "%d", 5);
	assert_string_equal(event_str(e, FIELD_MESSAGE), "5");
	event_set_num(e, FIELD_PROCESS_PID, INT64_MIN);
	assert_true(event_num(e, FIELD_PROCESS_PID) == INT64_MIN);
	assert_int_equal(event_num(e, FIELD_PROCESS_VPID), 0);
	assert_int_equal(event_num(e, FIELD_PROCESS_NAME), 0);
	assert_string_equal(event_str(e, FIELD_PROCESS_PID), "");
	event_set_json(e, FIELD_TALLYMAN_GAPS, "{}", 2);
	assert_string_equal(event_str(e, FIELD_TALLYMAN_GAPS), "{}");
	assert_int_equal(event_get(e, FIELD_TALLYMAN_GAPS)->count, 1);
	event_unref(e);
}

static void
lists_grow(void **state)
{
	struct event *e = event_new(EVENT_PROCESS, june);
	const struct event_value *v;
	struct ipaddr a = address("10.0.0.1"), b = address("::1");
	char text[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "arg%d", i);
		event_add_str(e, FIELD_PROCESS_ARGS, text, strlen(text),
		    false);
		event_add_str(e, FIELD_PROCESS_ARGS, text, strlen(text),
		    true);
	}
	v = event_get(e, FIELD_PROCESS_ARGS);
	assert_int_equal(v->count, 100);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "arg%d", i);
		assert_string_equal(v->strs[i].text, text);
	}
	event_add_str(e, FIELD_PROCESS_ARGS, "arg5", 4, false);
	assert_int_equal(event_get(e, FIELD_PROCESS_ARGS)->count, 101);
	for (int i = 0; i < 3; i++) {
		event_add_ip(e, FIELD_RELATED_IP, &a);
		event_add_ip(e, FIELD_RELATED_IP, &b);
	}
	v = event_get(e, FIELD_RELATED_IP);
	assert_int_equal(v->count, 2);
	assert_true(ipaddr_equal(&v->ips[1], &b));
	event_add_pair(e, FIELD_CONTAINER_LABELS, "k", "1");
	event_add_pair(e, FIELD_CONTAINER_LABELS, "l", "2");
	event_add_pair(e, FIELD_CONTAINER_LABELS, "k", "3");
	v = event_get(e, FIELD_CONTAINER_LABELS);
	assert_int_equal(v->count, 4);
	assert_string_equal(v->strs[0].text, "k");
	assert_string_equal(v->strs[1].text, "3");
	assert_string_equal(v->strs[3].text, "2");
	event_unref(e);
}

static void
lists_end_at_4096(void **state)
{
	struct event *e = event_new(EVENT_PROCESS, june);

	(void)state;
	for (int i = 0; i < 4096; i++)
		event_add_str(e, FIELD_PROCESS_ARGS, "x", 1, false);
	assert_false(event_truncated(e));
	event_add_str(e, FIELD_PROCESS_ARGS, "y", 1, false);
	assert_true(event_truncated(e));
	assert_int_equal(event_get(e, FIELD_PROCESS_ARGS)->count, 4096);
	event_unref(e);
}

static void
a_full_event_keeps_what_it_has(void **state)
{
	static const char big[200 * 1024];
	struct event *e = event_new(EVENT_PROCESS, june);
	struct buf b;

	(void)state;
	event_set_cstr(e, FIELD_PROCESS_NAME, "kept");
	event_set_str(e, FIELD_MESSAGE, big, sizeof(big));
	assert_false(event_truncated(e));
	event_set_str(e, FIELD_PROCESS_NAME, big, sizeof(big));
	assert_true(event_truncated(e));
	assert_string_equal(event_str(e, FIELD_PROCESS_NAME), "kept");
	event_set_fmt(e, FIELD_PROCESS_TITLE, "%*d", 200 * 1024, 1);
	assert_int_equal(event_has(e, FIELD_PROCESS_TITLE), EVENT_ABSENT);
	event_add_str(e, FIELD_PROCESS_ARGS, big, sizeof(big), false);
	assert_int_equal(event_has(e, FIELD_PROCESS_ARGS), EVENT_ABSENT);
	event_set_json(e, FIELD_TALLYMAN_GAPS, big, sizeof(big));
	assert_int_equal(event_has(e, FIELD_TALLYMAN_GAPS), EVENT_ABSENT);
	buf_init(&b, 4 * 1024 * 1024);
	assert_int_equal(event_write_json(e, &b), 0);
	buf_fini(&b);
	event_unref(e);
}

static void
set_sample(struct event *e, enum field_id id)
{
	struct ipaddr ip = address("2001:db8::7");

	switch (field_table[id].type) {
	case FIELD_TYPE_STR:
		event_set_cstr(e, id, field_table[id].name);
		break;
	case FIELD_TYPE_STRS:
		event_add_str(e, id, "one", 3, false);
		event_add_str(e, id, field_table[id].name,
		    strlen(field_table[id].name), false);
		break;
	case FIELD_TYPE_INT:
		event_set_num(e, id, 1000 + (int64_t)id);
		break;
	case FIELD_TYPE_DBL:
		event_set_dbl(e, id, 0.5 + id);
		break;
	case FIELD_TYPE_BOOL:
		event_set_bool(e, id, true);
		break;
	case FIELD_TYPE_TIME:
		event_set_time(e, id, june);
		break;
	case FIELD_TYPE_IP:
		event_set_ip(e, id, &ip);
		break;
	case FIELD_TYPE_IPS:
		event_add_ip(e, id, &ip);
		break;
	case FIELD_TYPE_JSON:
		event_set_json(e, id, "{\"a\":[1]}", 9);
		break;
	case FIELD_TYPE_MAP:
		event_add_pair(e, id, "key.dotted", "value");
		event_add_pair(e, id, "other", "\"");
		break;
	}
}

/* The JSON writer, read back by yajl. */

static yajl_val
read_back(const struct event *e)
{
	char err[200];
	struct buf b;
	yajl_val v;

	buf_init(&b, 8 * 1024 * 1024);
	assert_int_equal(event_write_json(e, &b), 0);
	assert_null(strchr(buf_text(&b), '\n'));
	v = yajl_tree_parse(buf_text(&b), err, sizeof(err));
	if (v == NULL)
		fail_msg("%.300s: %s", buf_text(&b), err);
	buf_fini(&b);
	return v;
}

/* What stands under a dotted name; the names of the objects on the way may
 * stand only once. */
static yajl_val
look_up(yajl_val v, const char *name)
{
	while (v != NULL && *name != '\0') {
		size_t n = strcspn(name, "."), found = 0;
		yajl_val next = NULL;

		if (!YAJL_IS_OBJECT(v))
			return NULL;
		for (size_t i = 0; i < v->u.object.len; i++)
			if (strlen(v->u.object.keys[i]) == n &&
			    memcmp(v->u.object.keys[i], name, n) == 0) {
				next = v->u.object.values[i];
				found++;
			}
		assert_in_range(found, 0, 1);
		v = next;
		name += n;
		name += *name == '.';
	}
	return v;
}

static void
assert_text(yajl_val v, const char *expected)
{
	assert_true(YAJL_IS_STRING(v));
	assert_string_equal(YAJL_GET_STRING(v), expected);
}

static void
assert_sample(yajl_val root, enum field_id id)
{
	yajl_val v = look_up(root, field_table[id].name);

	if (v == NULL)
		fail_msg("%s is not there", field_table[id].name);
	switch (field_table[id].type) {
	case FIELD_TYPE_STR:
		assert_text(v, field_table[id].name);
		break;
	case FIELD_TYPE_STRS:
		assert_true(YAJL_IS_ARRAY(v));
		assert_int_equal(v->u.array.len, 2);
		assert_text(v->u.array.values[1], field_table[id].name);
		break;
	case FIELD_TYPE_INT:
		assert_true(YAJL_IS_INTEGER(v));
		assert_int_equal(YAJL_GET_INTEGER(v), 1000 + id);
		break;
	case FIELD_TYPE_DBL:
		assert_true(YAJL_GET_DOUBLE(v) == 0.5 + id);
		break;
	case FIELD_TYPE_BOOL:
		assert_true(YAJL_IS_TRUE(v));
		break;
	case FIELD_TYPE_TIME:
		assert_text(v, "2026-06-01T09:14:07.412Z");
		break;
	case FIELD_TYPE_IP:
		assert_text(v, "2001:db8::7");
		break;
	case FIELD_TYPE_IPS:
		assert_true(YAJL_IS_ARRAY(v));
		assert_text(v->u.array.values[0], "2001:db8::7");
		break;
	case FIELD_TYPE_JSON:
		assert_int_equal(look_up(v, "a")->u.array.len, 1);
		break;
	case FIELD_TYPE_MAP:
		assert_true(YAJL_IS_OBJECT(v));
		assert_int_equal(v->u.object.len, 2);
		assert_string_equal(v->u.object.keys[0], "key.dotted");
		assert_text(v->u.object.values[1], "\"");
		break;
	}
}

static bool
is_given(enum field_id id)
{
	return id == FIELD_TIMESTAMP || id == FIELD_EVENT_DATASET ||
	    id == FIELD_DATA_STREAM_DATASET;
}

static void
every_field_reads_back_in_its_place(void **state)
{
	struct event *all = event_new(EVENT_ALERT, june);
	yajl_val root;

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		struct event *one = event_new(EVENT_ALERT, june);

		set_sample(all, (enum field_id)i);
		set_sample(one, (enum field_id)i);
		root = read_back(one);
		assert_sample(root, (enum field_id)i);
		if (!is_given((enum field_id)i)) {
			assert_text(look_up(root, "event.dataset"),
			    "tallyman.alert");
			assert_text(look_up(root, "data_stream.dataset"),
			    "tallyman.alert");
		}
		yajl_tree_free(root);
		event_unref(one);
	}
	assert_false(event_truncated(all));
	root = read_back(all);
	for (int i = 0; i < FIELD_COUNT; i++)
		assert_sample(root, (enum field_id)i);
	yajl_tree_free(root);
	event_unref(all);
}

static void
fields_stand_in_table_order(void **state)
{
	struct event *e = event_new(EVENT_TLS, (struct wall){ 1 });
	struct buf b;

	(void)state;
	event_set_cstr(e, FIELD_USER_NAME, "u");
	event_set_num(e, FIELD_SOURCE_PORT, 1);
	event_set_bool(e, FIELD_CONTAINER_PRIVILEGED, false);
	event_set_cstr(e, FIELD_MESSAGE, "m");
	event_set_num(e, FIELD_SOURCE_NAT_PORT, 2);
	event_set_cstr(e, FIELD_CONTAINER_ID, "c");
	event_set_dbl(e, FIELD_EVENT_RISK_SCORE, 73);
	event_set_time(e, FIELD_EVENT_END, (struct wall){ 0 });
	event_set_time(e, FIELD_EVENT_START, (struct wall){ 1001 * MONO_US });
	buf_init(&b, 0);
	assert_int_equal(event_write_json(e, &b), 0);
	assert_string_equal(buf_text(&b),
	    "{\"@timestamp\":\"1970-01-01T00:00:00.000000001Z\","
	    "\"container\":{\"id\":\"c\","
	    "\"security_context\":{\"privileged\":false}},"
	    "\"data_stream\":{\"dataset\":\"tallyman.tls\"},"
	    "\"event\":{\"dataset\":\"tallyman.tls\","
	    "\"end\":\"1970-01-01T00:00:00.000Z\",\"risk_score\":73.0,"
	    "\"start\":\"1970-01-01T00:00:00.001001000Z\"},"
	    "\"message\":\"m\","
	    "\"source\":{\"nat\":{\"port\":2},\"port\":1},"
	    "\"user\":{\"name\":\"u\"}}");
	buf_fini(&b);
	event_unref(e);
}

static void
missing_names_are_listed(void **state)
{
	struct event *e = event_new(EVENT_FILE, june);
	yajl_val root, v;

	(void)state;
	event_set_missing(e, FIELD_USER_ID);
	event_set_missing(e, FIELD_CONTAINER_ID);
	root = read_back(e);
	v = look_up(root, "tallyman.missing");
	assert_int_equal(v->u.array.len, 2);
	assert_text(v->u.array.values[0], "container.id");
	assert_text(v->u.array.values[1], "user.id");
	assert_null(look_up(root, "container"));
	assert_null(look_up(root, "user"));
	yajl_tree_free(root);
	/* Between what sorts before and after it, in the same object. */
	event_set_cstr(e, FIELD_TALLYMAN_FLOW_ID, "f");
	event_set_cstr(e, FIELD_TALLYMAN_SOURCE_SCOPE, "host");
	event_set_cstr(e, FIELD_USER_NAME, "u");
	root = read_back(e);
	v = look_up(root, "tallyman");
	assert_int_equal(v->u.object.len, 3);
	assert_string_equal(v->u.object.keys[0], "flow");
	assert_string_equal(v->u.object.keys[1], "missing");
	assert_string_equal(v->u.object.keys[2], "source");
	yajl_tree_free(root);
	event_unref(e);
	/* As the last thing of all. */
	e = event_new(EVENT_FILE, june);
	event_set_cstr(e, FIELD_TALLYMAN_FLOW_ID, "f");
	event_set_missing(e, FIELD_CONTAINER_ID);
	root = read_back(e);
	assert_int_equal(look_up(root, "tallyman.missing")->u.array.len, 1);
	yajl_tree_free(root);
	event_unref(e);
}

static void
hostile_texts_stay_json(void **state)
{
	static const char nasty[] = "\"\\\n\0\x01\x7f\xff\xc0\x80\xed\xa0\x80"
	    "</script>{}[],:\xf0\x9f\x98\x80\xe2\x82";
	struct event *e = event_new(EVENT_DOCKER, june);
	yajl_val root;

	(void)state;
	event_set_str(e, FIELD_PROCESS_COMMAND_LINE, nasty, sizeof(nasty));
	event_add_str(e, FIELD_PROCESS_ARGS, nasty, sizeof(nasty), false);
	event_add_pair(e, FIELD_CONTAINER_LABELS, "\xff\"\n", "\\\xfe");
	root = read_back(e);
	assert_non_null(look_up(root, "process.command_line"));
	assert_text(look_up(root, "container.labels.\xef\xbf\xbd\"\n"),
	    "\\\xef\xbf\xbd");
	yajl_tree_free(root);
	event_unref(e);
}

static void
a_full_buffer_keeps_what_was_before(void **state)
{
	struct event *e = event_new(EVENT_DOCKER, june);
	struct buf b;

	(void)state;
	buf_init(&b, 40);
	buf_add_str(&b, "before\n");
	assert_int_equal(event_write_json(e, &b), -ENOMEM);
	assert_false(buf_ok(&b));
	assert_string_equal(buf_text(&b), "before\n");
	buf_fini(&b);
	event_unref(e);
}

/* Copies, references, and what may not be done. */

static void
copies_every_type(void **state)
{
	struct event *from = event_new(EVENT_ALERT, june);
	struct event *to = event_new(EVENT_ALERT, june);
	yajl_val root;

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		set_sample(from, (enum field_id)i);
		event_copy(to, from, (enum field_id)i);
		/* Again: lists are replaced, not doubled. */
		event_copy(to, from, (enum field_id)i);
	}
	event_unref(from);
	root = read_back(to);
	for (int i = 0; i < FIELD_COUNT; i++)
		assert_sample(root, (enum field_id)i);
	yajl_tree_free(root);
	from = event_new(EVENT_ALERT, june);
	event_set_missing(from, FIELD_USER_ID);
	event_copy(to, from, FIELD_USER_ID);
	event_copy(to, from, FIELD_USER_NAME);
	assert_string_equal(event_str(to, FIELD_USER_ID), "user.id");
	assert_string_equal(event_str(to, FIELD_USER_NAME), "user.name");
	event_unref(from);
	event_unref(to);
}

static void *
hold_and_let_go(void *arg)
{
	const struct event *e = arg;

	for (int i = 0; i < 100000; i++)
		event_unref(event_ref(e));
	event_unref(e);
	return NULL;
}

/* Under the sanitizers a count that is off by one is a fault or a leak. */
static void
references_count_across_threads(void **state)
{
	struct event *e = event_new(EVENT_ALERT, june);
	pthread_t threads[3];

	(void)state;
	event_seal(e);
	for (size_t i = 0; i < UNIT_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    hold_and_let_go, event_ref(e)), 0);
	for (size_t i = 0; i < UNIT_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	assert_string_equal(event_str(e, FIELD_EVENT_DATASET),
	    "tallyman.alert");
	event_unref(e);
}

static void
set_sealed(struct event *e)
{
	event_seal(e);
	event_set_num(e, FIELD_PROCESS_PID, 1);
}

static void
add_sealed(struct event *e)
{
	event_seal(e);
	event_add_str(e, FIELD_PROCESS_ARGS, "x", 1, false);
}

static void
miss_sealed(struct event *e)
{
	event_seal(e);
	event_set_missing(e, FIELD_PROCESS_PID);
}

static void
set_wrong_type(struct event *e)
{
	event_set_num(e, FIELD_PROCESS_NAME, 1);
}

static void
add_wrong_type(struct event *e)
{
	event_add_str(e, FIELD_PROCESS_NAME, "x", 1, false);
}

static void
assert_aborts(void (*fn)(struct event *))
{
	struct event *e = event_new(EVENT_ALERT, june);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn(e);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	event_unref(e);
}

static void
our_own_bugs_abort(void **state)
{
	(void)state;
	assert_aborts(set_sealed);
	assert_aborts(add_sealed);
	assert_aborts(miss_sealed);
	assert_aborts(set_wrong_type);
	assert_aborts(add_wrong_type);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted),
		cmocka_unit_test(no_field_is_an_object_as_well),
		cmocka_unit_test(names_are_plain_and_help_is_there),
		cmocka_unit_test(fields_are_found_by_both_names),
		cmocka_unit_test(a_new_event_knows_what_it_is),
		cmocka_unit_test(absent_missing_set),
		cmocka_unit_test(lists_its_fields_in_table_order),
		cmocka_unit_test(setters_copy_and_replace),
		cmocka_unit_test(lists_grow),
		cmocka_unit_test(lists_end_at_4096),
		cmocka_unit_test(a_full_event_keeps_what_it_has),
		cmocka_unit_test(every_field_reads_back_in_its_place),
		cmocka_unit_test(fields_stand_in_table_order),
		cmocka_unit_test(missing_names_are_listed),
		cmocka_unit_test(hostile_texts_stay_json),
		cmocka_unit_test(a_full_buffer_keeps_what_was_before),
		cmocka_unit_test(copies_every_type),
		cmocka_unit_test(references_count_across_threads),
		cmocka_unit_test(our_own_bugs_abort)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
