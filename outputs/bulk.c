#include "outputs/bulk.h"

#include <stdio.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/json.h"

static void
put_id(struct json_writer *w, const char *id)
{
	char short_id[HASH_ID_TEXT];

	if (id[0] == '\0')
		return;
	json_key_str(w, "_id");
	if (strlen(id) > BULK_ID_MAX) {
		hash_id(short_id, &id, 1);
		id = short_id;
	}
	json_put_cstr(w, id);
}

void
bulk_write(struct buf *out, const char *space, const struct output_doc *docs,
    size_t n)
{
	struct json_writer w;
	char index[256];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(index, sizeof(index), "logs-%s-%s", docs[i].dataset,
		    space);
		json_writer_init(&w, out);
		json_open(&w, '{');
		json_key_str(&w, "create");
		json_open(&w, '{');
		json_key_str(&w, "_index");
		json_put_cstr(&w, index);
		put_id(&w, docs[i].id);
		json_close(&w, '}');
		json_close(&w, '}');
		buf_add_char(out, '\n');
		buf_add(out, docs[i].text, docs[i].len);
		buf_add_char(out, '\n');
	}
}

/* "type: reason" of an error object, or the error itself when it is text. */
static void
describe(const struct json *error, char *out, size_t size)
{
	const char *type = json_str(json_member(error, "type"), NULL);
	const char *reason = json_str(json_member(error, "reason"), NULL);

	if (json_typeof(error) == JSON_STRING)
		snprintf(out, size, "%s", json_str(error, NULL));
	else if (type[0] != '\0' || reason[0] != '\0')
		snprintf(out, size, "%s: %s", type, reason);
}

static void
judge_item(const struct json *item, struct output_doc *d)
{
	/* {"create": {...}}: the only member, whatever it is called. */
	const struct json *result = json_at(item, 0);
	int64_t status = json_int(json_member(result, "status"));

	d->reason[0] = '\0';
	if (status >= 200 && status < 300) {
		d->verdict = OUTPUT_OK;
		return;
	}
	snprintf(d->reason, sizeof(d->reason), "status %lld",
	    (long long)status);
	describe(json_member(result, "error"), d->reason, sizeof(d->reason));
	if (status == 409)
		d->verdict = OUTPUT_DUPLICATE;
	else if (status >= 400 && status < 500 && status != 429 &&
	    status != 408)
		d->verdict = OUTPUT_DEAD;
	else
		d->verdict = OUTPUT_RETRY_ITEM;
}

static enum output_verdict
judge_items(const struct json *root, struct output_doc *docs, size_t n,
    struct output_answer *answer)
{
	const struct json *items = json_member(root, "items");
	size_t i, count[OUTPUT_HOLD + 1] = { 0 };

	if (json_typeof(items) != JSON_ARRAY || json_count(items) != n) {
		snprintf(answer->text, sizeof(answer->text),
		    "the answer is not one for %zu documents", n);
		return OUTPUT_RETRY_BATCH;
	}
	for (i = 0; i < n; i++) {
		judge_item(json_at(items, i), &docs[i]);
		count[docs[i].verdict]++;
	}
	snprintf(answer->text, sizeof(answer->text), "%zu created, %zu there "
	    "already, %zu to try again, %zu refused", count[OUTPUT_OK],
	    count[OUTPUT_DUPLICATE], count[OUTPUT_RETRY_ITEM],
	    count[OUTPUT_DEAD]);
	return OUTPUT_OK;
}

static enum output_verdict
judge_status(long status)
{
	switch (status) {
	case 408:
	case 429:
		return OUTPUT_RETRY_BATCH;
	case 400:	/* one document may have spoilt it */
	case 413:
		return OUTPUT_SPLIT;
	default:
		return status >= 500 ? OUTPUT_RETRY_BATCH : OUTPUT_HOLD;
	}
}

enum output_verdict
bulk_judge(long status, const char *body, size_t len, struct output_doc *docs,
    size_t n, struct output_answer *answer)
{
	enum output_verdict v;
	struct json_doc *doc;
	char why[OUTPUT_REASON] = "";

	doc = json_parse(body, len, JSON_LAX, NULL, 0);
	if (status >= 200 && status < 300) {
		if (doc == NULL) {
			snprintf(answer->text, sizeof(answer->text),
			    "HTTP %ld, but the answer is no JSON", status);
			return OUTPUT_RETRY_BATCH;
		}
		v = judge_items(json_root(doc), docs, n, answer);
		json_doc_free(doc);
		return v;
	}
	describe(json_member(json_root(doc), "error"), why, sizeof(why));
	snprintf(answer->text, sizeof(answer->text), "HTTP %ld%s%.170s",
	    status, why[0] == '\0' ? "" : ": ", why);
	json_doc_free(doc);
	return judge_status(status);
}
