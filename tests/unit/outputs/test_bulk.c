#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/event.h"
#include "lib/json.h"
#include "outputs/bulk.h"
#include "outputs/template.h"

static struct output_doc
doc(const char *id, const char *text)
{
	return (struct output_doc){ .id = id, .dataset = "tallyman.alert",
	    .text = text, .len = strlen(text) };
}

/* As the reference shows a request to a data stream. */
static void
the_body_is_pairs_of_lines(void **state)
{
	struct output_doc docs[] = { doc("al-1", "{\"a\":1}"),
	    doc("", "{\"a\":2}"), doc("q\"\n", "{}") };
	struct buf out;

	(void)state;
	docs[1].dataset = "tallyman.flow";
	buf_init(&out, 0);
	bulk_write(&out, "prod", docs, 3);
	assert_string_equal(buf_text(&out),
	    "{\"create\":{\"_index\":\"logs-tallyman.alert-prod\","
	    "\"_id\":\"al-1\"}}\n{\"a\":1}\n"
	    "{\"create\":{\"_index\":\"logs-tallyman.flow-prod\"}}\n"
	    "{\"a\":2}\n"
	    "{\"create\":{\"_index\":\"logs-tallyman.alert-prod\","
	    "\"_id\":\"q\\\"\\n\"}}\n{}\n");
	buf_fini(&out);
}

static void
a_long_id_becomes_its_hash(void **state)
{
	char id[600];
	struct output_doc d = doc(id, "{}");
	struct json_doc *line;
	const char *got;
	struct buf out;

	(void)state;
	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	buf_init(&out, 0);
	bulk_write(&out, "default", &d, 1);
	line = json_parse(buf_text(&out), strcspn(buf_text(&out), "\n"), 0,
	    NULL, 0);
	got = json_str(json_get(json_root(line), "create._id"), NULL);
	assert_int_equal(strlen(got), 20);
	json_doc_free(line);
	buf_fini(&out);
}

/* Answers as the reference and real servers give them. */
static void
every_item_gets_its_verdict(void **state)
{
	static const char answer[] = "{\"took\":7,\"errors\":true,\"items\":["
	    "{\"create\":{\"_index\":\".ds-logs-tallyman.alert-default-"
	    "2026.06.01-000001\",\"_id\":\"a\",\"_version\":1,\"result\":"
	    "\"created\",\"status\":201}},"
	    "{\"create\":{\"status\":409,\"error\":{\"type\":"
	    "\"version_conflict_engine_exception\",\"reason\":\"exists\"}}},"
	    "{\"create\":{\"status\":429,\"error\":{\"type\":"
	    "\"es_rejected_execution_exception\",\"reason\":\"full\"}}},"
	    "{\"create\":{\"status\":503,\"error\":{\"type\":"
	    "\"unavailable_shards_exception\",\"reason\":\"x\"}}},"
	    "{\"create\":{\"status\":400,\"error\":{\"type\":"
	    "\"document_parsing_exception\",\"reason\":\"[1:20] failed to "
	    "parse field [source.ip] of type [ip]\"}}},"
	    "{\"create\":{\"status\":404,\"error\":\"text\"}},"
	    "{\"create\":{}},{},7]}";
	static const enum output_verdict want[] = { OUTPUT_OK,
	    OUTPUT_DUPLICATE, OUTPUT_RETRY_ITEM, OUTPUT_RETRY_ITEM,
	    OUTPUT_DEAD, OUTPUT_DEAD, OUTPUT_RETRY_ITEM, OUTPUT_RETRY_ITEM,
	    OUTPUT_RETRY_ITEM };
	struct output_answer said = { 0 };
	struct output_doc docs[9];
	size_t i;

	(void)state;
	memset(docs, 0, sizeof(docs));
	assert_int_equal(bulk_judge(200, answer, strlen(answer), docs, 9,
	    &said), OUTPUT_OK);
	for (i = 0; i < 9; i++)
		assert_int_equal(docs[i].verdict, want[i]);
	assert_string_equal(docs[4].reason, "document_parsing_exception: "
	    "[1:20] failed to parse field [source.ip] of type [ip]");
	assert_string_equal(docs[5].reason, "text");
	assert_string_equal(said.text, "1 created, 1 there already, 5 to try "
	    "again, 2 refused");
}

static void
the_whole_answer_is_classified(void **state)
{
	static const struct {
		long			 status;
		const char		*body;
		enum output_verdict	 want;
		const char		*said;
	} cases[] = {
		{ 429, "{\"error\":{\"root_cause\":[],\"type\":"
		    "\"es_rejected_execution_exception\",\"reason\":\"full\"},"
		    "\"status\":429}", OUTPUT_RETRY_BATCH,
		    "HTTP 429: es_rejected_execution_exception: full" },
		{ 503, "no healthy upstream", OUTPUT_RETRY_BATCH, "HTTP 503" },
		{ 500, "", OUTPUT_RETRY_BATCH, "HTTP 500" },
		{ 502, "<html>", OUTPUT_RETRY_BATCH, "HTTP 502" },
		{ 408, "", OUTPUT_RETRY_BATCH, "HTTP 408" },
		{ 413, "", OUTPUT_SPLIT, "HTTP 413" },
		{ 400, "{\"error\":{\"type\":\"illegal_argument_exception\","
		    "\"reason\":\"x\"}}", OUTPUT_SPLIT,
		    "HTTP 400: illegal_argument_exception: x" },
		{ 401, "{\"error\":{\"type\":\"security_exception\","
		    "\"reason\":\"no\"}}", OUTPUT_HOLD,
		    "HTTP 401: security_exception: no" },
		{ 403, "", OUTPUT_HOLD, "HTTP 403" },
		{ 404, "404 page not found", OUTPUT_HOLD, "HTTP 404" },
		{ 301, "", OUTPUT_HOLD, "HTTP 301" },
		{ 200, "", OUTPUT_RETRY_BATCH, NULL },
		{ 200, "<html>", OUTPUT_RETRY_BATCH, NULL },
		{ 200, "{\"items\":[]}", OUTPUT_RETRY_BATCH, NULL },
		{ 200, "{\"items\":[{\"create\":{\"status\":201}},"
		    "{\"create\":{\"status\":201}}]}", OUTPUT_RETRY_BATCH,
		    NULL },
		{ 200, "{\"items\":{\"0\":1}}", OUTPUT_RETRY_BATCH, NULL },
		{ 200, "{\"items\":[{\"create\":{\"status\":201}}",
		    OUTPUT_RETRY_BATCH, NULL },
		{ 200, "[]", OUTPUT_RETRY_BATCH, NULL },
		{ 200, "{\"errors\":false,\"items\":[{\"index\":"
		    "{\"status\":200}}]}", OUTPUT_OK, NULL },
	};
	struct output_answer said;
	struct output_doc d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&said, 0, sizeof(said));
		memset(&d, 0, sizeof(d));
		assert_int_equal(bulk_judge(cases[i].status, cases[i].body,
		    strlen(cases[i].body), &d, 1, &said), cases[i].want);
		if (cases[i].said != NULL)
			assert_string_equal(said.text, cases[i].said);
	}
}

static const struct json *
rule_of(const struct json *root, const char *name)
{
	const struct json *node = json_get(root, "template.mappings");
	char part[64];
	size_t len;

	for (;; name += len + 1) {
		len = strcspn(name, ".");
		snprintf(part, sizeof(part), "%.*s", (int)len, name);
		node = json_member(json_member(node, "properties"), part);
		if (name[len] == '\0' || node == NULL)
			return node;
	}
}

static const char *
type_in(const struct json *root, const char *name)
{
	return json_str(json_member(rule_of(root, name), "type"), NULL);
}

static size_t
count_leaves(const struct json *node)
{
	const struct json *properties = json_member(node, "properties");
	size_t i, n = 0;

	if (properties == NULL)
		return 1;
	for (i = 0; i < json_count(properties); i++)
		n += count_leaves(json_at(properties, i));
	return n;
}

static struct json_doc *
make_template(enum template_flavour flavour, unsigned major, unsigned minor)
{
	struct template_target t = { flavour, major, minor };
	struct json_doc *d;
	char err[128] = "";
	struct buf out;

	buf_init(&out, 0);
	template_write(&out, &t);
	assert_true(buf_ok(&out));
	d = json_parse(buf_text(&out), out.len, 0, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(d);
	buf_fini(&out);
	return d;
}

/* Types of the ECS field reference, 9.x. */
static void
the_template_has_every_field(void **state)
{
	struct json_doc *d = make_template(TEMPLATE_ELASTICSEARCH, 8, 17);
	const struct json *root = json_root(d);
	int i;

	(void)state;
	assert_int_equal(count_leaves(json_get(root, "template.mappings")),
	    FIELD_COUNT);
	for (i = 0; i < FIELD_COUNT; i++)
		assert_true(type_in(root, field_table[i].name)[0] != '\0');
	assert_string_equal(type_in(root, "@timestamp"), "date");
	assert_string_equal(type_in(root, "source.ip"), "ip");
	assert_string_equal(type_in(root, "related.ip"), "ip");
	assert_string_equal(type_in(root, "source.port"), "long");
	assert_string_equal(type_in(root, "event.risk_score"), "float");
	assert_string_equal(type_in(root, "event.duration"), "long");
	assert_string_equal(type_in(root, "container.id"), "keyword");
	assert_string_equal(type_in(root, "process.command_line"), "wildcard");
	assert_string_equal(type_in(root, "process.parent.command_line"),
	    "wildcard");
	assert_string_equal(type_in(root, "message"), "match_only_text");
	assert_string_equal(type_in(root, "data_stream.dataset"),
	    "constant_keyword");
	assert_string_equal(type_in(root, "container.labels"), "flattened");
	assert_string_equal(type_in(root, "process.interactive"), "boolean");
	assert_int_equal(json_int(json_get(root, "priority")), 250);
	assert_string_equal(json_str(json_at(json_get(root,
	    "index_patterns"), 0), NULL), "logs-tallyman.*-*");
	assert_non_null(json_get(root, "data_stream"));
	assert_non_null(json_get(root, "ignore_missing_component_templates"));
	json_doc_free(d);
}

static void
the_template_uses_what_the_server_has(void **state)
{
	static const char *const unknown[] = { "wildcard", "flattened",
	    "constant_keyword", "match_only_text" };
	struct json_doc *d = make_template(TEMPLATE_OPENSEARCH, 2, 5);
	const struct json *root = json_root(d);
	size_t i, k;

	(void)state;
	for (i = 0; i < FIELD_COUNT; i++)
		for (k = 0; k < 4; k++)
			assert_string_not_equal(type_in(root,
			    field_table[i].name), unknown[k]);
	assert_string_equal(type_in(root, "container.labels"), "object");
	assert_null(json_get(root, "composed_of"));
	json_doc_free(d);
	d = make_template(TEMPLATE_OPENSEARCH, 2, 19);
	root = json_root(d);
	assert_string_equal(type_in(root, "container.labels"), "flat_object");
	assert_string_equal(type_in(root, "process.command_line"), "wildcard");
	json_doc_free(d);
	d = make_template(TEMPLATE_ELASTICSEARCH, 7, 17);
	assert_null(json_get(json_root(d), "composed_of"));
	json_doc_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_is_pairs_of_lines),
		cmocka_unit_test(a_long_id_becomes_its_hash),
		cmocka_unit_test(every_item_gets_its_verdict),
		cmocka_unit_test(the_whole_answer_is_classified),
		cmocka_unit_test(the_template_has_every_field),
		cmocka_unit_test(the_template_uses_what_the_server_has),
	};

	return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
