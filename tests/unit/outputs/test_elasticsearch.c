/*
 * The Elasticsearch output against a test double. No real Elasticsearch or
 * OpenSearch can be had in Debian; tests/support/mock_es.py was built from
 * their written protocol, says what it stands for, and has every fault of the
 * table in outputs/bulk.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/json.h"
#include "lib/log.h"
#include "outputs/reader.h"
#include "outputs/writer.h"
#include "tests/unit/outputs/mock.h"
#include "tests/unit/outputs/scratch.h"

struct state {
	char			 dir[SCRATCH_DIR], path[96], mock_state[96];
	struct store_conf	 conf;
	struct ledger		*ledger;
	struct outputs		*outputs;
	struct writer		*writer;
	struct mock		 mock;
	struct buf		 docs;
};

static int
setup(void **state)
{
	struct state *t = calloc(1, sizeof(*t));

	log_set_level(LOG_EMERG);
	assert_true(scratch_make(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/t.db", t->dir);
	snprintf(t->mock_state, sizeof(t->mock_state), "%s/mock.json", t->dir);
	t->conf = (struct store_conf){ t->path, 72 * 3600 * MONO_S, 1 << 30,
	    365 * INT64_C(86400) * MONO_S };
	t->ledger = ledger_new();
	buf_init(&t->docs, 0);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct state *t = *state;

	writer_free(t->writer);
	ledger_free(t->ledger);
	outputs_free(t->outputs);
	mock_stop(&t->mock);
	buf_fini(&t->docs);
	scratch_remove(t->dir);
	free(t);
	return 0;
}

static void
start_mock(struct state *t, int port, const char *const argv[])
{
	if (!mock_start(&t->mock, port, argv)) {
		print_message("no python3\n");
		skip();
	}
}

static struct outputs *
make_outputs(const char *const keys[])
{
	struct conf_pair pairs[16] = { 0 };
	struct conf_entry entry = { pairs, 0, 2, 3 };
	struct conf conf = { .outputs = &entry, .n_outputs = 1 };
	struct outputs *outs;
	struct buf errors;

	for (; *keys != NULL; keys += 2)
		pairs[entry.n++] = (struct conf_pair){ (char *)keys[0],
		    (char *)keys[1], 3, 3 };
	buf_init(&errors, 0);
	outs = outputs_new(&conf, "t.yaml", &errors);
	if (outs == NULL)
		print_message("%s", buf_text(&errors));
	buf_fini(&errors);
	return outs;
}
#define OUTPUTS(t, ...)							\
	((t)->outputs = make_outputs((const char *const []){		\
	    "type", "elasticsearch", "name", "es", "url", (t)->mock.url, \
	    __VA_ARGS__, NULL }))

/* Documents a0..a(n-1), valid unless bad says which is not. */
struct load {
	struct output_doc	docs[64];
	char			ids[64][24], texts[64][128];
};

static void
fill(struct load *l, size_t n, size_t bad)
{
	size_t i;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < n; i++) {
		snprintf(l->ids[i], 24, "a%zu", i);
		snprintf(l->texts[i], 128, "{\"@timestamp\":"
		    "\"2026-06-01T09:14:19.230000000Z\",\"source\":{\"ip\":"
		    "\"%s\"}}", i == bad ? "nowhere" : "192.0.2.1");
		l->docs[i].id = l->ids[i];
		l->docs[i].dataset = "tallyman.alert";
		l->docs[i].text = l->texts[i];
		l->docs[i].len = strlen(l->texts[i]);
	}
}

static enum output_verdict
deliver(struct state *t, struct load *l, size_t n,
    struct output_answer *answer)
{
	struct output *o = outputs_at(t->outputs, 0);
	size_t i;

	memset(answer, 0, sizeof(*answer));
	for (i = 0; i < n; i++)
		l->docs[i].verdict = OUTPUT_HOLD;
	return o->ops->deliver(o->self, l->docs, n, answer);
}

static struct json_doc *
docs_now(struct state *t)
{
	struct json_doc *d;

	mock_docs(&t->mock, &t->docs);
	d = json_parse(buf_text(&t->docs), t->docs.len, 0, NULL, 0);
	assert_non_null(d);
	return d;
}

static int64_t
number(struct state *t, const char *what)
{
	struct json_doc *d = docs_now(t);
	int64_t v = strcmp(what, "docs") == 0 ?
	    (int64_t)json_count(json_get(json_root(d), "docs")) :
	    json_int(json_get(json_root(d), what));

	json_doc_free(d);
	return v;
}

static void
each_fault_has_its_verdict(void **state)
{
	static const struct {
		const char		*fault;
		enum output_verdict	 want;
	} cases[] = {
		{ "429", OUTPUT_RETRY_BATCH }, { "503", OUTPUT_RETRY_BATCH },
		{ "401", OUTPUT_HOLD }, { "403", OUTPUT_HOLD },
		{ "404", OUTPUT_HOLD }, { "400", OUTPUT_SPLIT },
		{ "413", OUTPUT_SPLIT }, { "hang", OUTPUT_RETRY_BATCH },
		{ "reset", OUTPUT_RETRY_BATCH },
		{ "truncate", OUTPUT_RETRY_BATCH },
		{ "html", OUTPUT_RETRY_BATCH },
		{ "garbage", OUTPUT_RETRY_BATCH },
		{ "short", OUTPUT_RETRY_BATCH },
	};
	struct state *t = *state;
	struct output_answer answer;
	struct load l;
	char list[64];
	size_t i;

	start_mock(t, 0, NULL);
	assert_non_null(OUTPUTS(t, "timeout", "500ms"));
	fill(&l, 3, 99);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(list, sizeof(list), "[\"%s\"]", cases[i].fault);
		mock_faults(&t->mock, list);
		assert_int_equal(deliver(t, &l, 3, &answer), cases[i].want);
		assert_true(answer.text[0] != '\0');
		assert_int_equal(answer.retry_after_ms, 0);
	}
	mock_faults(&t->mock, "[\"429:7\"]");
	assert_int_equal(deliver(t, &l, 3, &answer), OUTPUT_RETRY_BATCH);
	assert_int_equal(answer.retry_after_ms, 7000);
	/* What "truncate" and its like accepted is there: a duplicate now. */
	assert_int_equal(deliver(t, &l, 3, &answer), OUTPUT_OK);
	for (i = 0; i < 3; i++)
		assert_int_equal(l.docs[i].verdict, OUTPUT_DUPLICATE);
	assert_int_equal(number(t, "docs"), 3);
}

static void
each_item_has_its_verdict(void **state)
{
	static const struct {
		const char		*fault;
		enum output_verdict	 want;
	} cases[] = {
		{ "item429", OUTPUT_RETRY_ITEM },
		{ "item503", OUTPUT_RETRY_ITEM },
		{ "item400", OUTPUT_DEAD }, { "item409", OUTPUT_DUPLICATE },
		{ "ok", OUTPUT_OK },
	};
	struct state *t = *state;
	struct output_answer answer;
	struct load l;
	char list[64];
	size_t i;

	start_mock(t, 0, (const char *const []){ "--opensearch", NULL });
	assert_non_null(OUTPUTS(t, "timeout", "5s"));
	fill(&l, 2, 99);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(list, sizeof(list), "[\"%s\"]", cases[i].fault);
		mock_faults(&t->mock, list);
		assert_int_equal(deliver(t, &l, 2, &answer), OUTPUT_OK);
		assert_int_equal(l.docs[0].verdict, cases[i].want);
		assert_int_equal(l.docs[1].verdict,
		    i == 0 ? OUTPUT_OK : OUTPUT_DUPLICATE);
	}
}

static void
nobody_there_is_retry(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	struct load l;

	snprintf(t->mock.url, sizeof(t->mock.url), "http://127.0.0.1:1");
	assert_non_null(OUTPUTS(t, "timeout", "5s"));
	fill(&l, 1, 99);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_RETRY_BATCH);
	assert_non_null(strstr(answer.text, "127.0.0.1:1"));
}

static void
the_second_server_takes_over(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	struct load l;
	char url[160];

	start_mock(t, 0, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:1, %s", t->mock.url);
	t->outputs = make_outputs((const char *const []){ "type",
	    "opensearch", "url", url, NULL });
	assert_non_null(t->outputs);
	fill(&l, 1, 99);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_RETRY_BATCH);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	assert_int_equal(l.docs[0].verdict, OUTPUT_OK);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
an_api_key_is_read_again_after_a_hold(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	char file[96];
	struct load l;

	/* "id:key" in base64. */
	start_mock(t, 0, (const char *const []){ "--api-key",
	    "aWQ6a2V5", NULL });
	snprintf(file, sizeof(file), "%s/key", t->dir);
	assert_non_null(OUTPUTS(t, "api_key_file", file));
	fill(&l, 1, 99);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_HOLD);
	assert_non_null(strstr(answer.text, file));
	write_file(file, "id:wrong\n");
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_HOLD);
	assert_non_null(strstr(answer.text, "401"));
	assert_null(strstr(answer.text, "wrong"));
	write_file(file, "id:key\n");
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	assert_int_equal(l.docs[0].verdict, OUTPUT_OK);
	/* The encoded form as well. */
	write_file(file, "aWQ6a2V5");
	outputs_reopen(t->outputs);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	assert_int_equal(l.docs[0].verdict, OUTPUT_DUPLICATE);
}

static void
a_password_comes_from_the_environment(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	struct load l;

	start_mock(t, 0, (const char *const []){ "--basic",
	    "tally:s3cret:x", NULL });
	setenv("TEST_ES_PASSWORD", "s3cret:x", 1);
	assert_non_null(OUTPUTS(t, "username", "tally", "password_env",
	    "TEST_ES_PASSWORD"));
	fill(&l, 1, 99);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	assert_int_equal(number(t, "auth_failures"), 0);
	unsetenv("TEST_ES_PASSWORD");
}

/* A self-signed certificate for localhost. */
static void
make_certificate(const char *cert_file, const char *key_file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *names;
	X509_NAME *name;
	FILE *f;

	assert_non_null(key);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "DNS:localhost");
	X509_add_ext(cert, names, -1);
	X509_EXTENSION_free(names);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	f = fopen(cert_file, "w");
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	f = fopen(key_file, "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL,
	    NULL), 1);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
tls_is_checked(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	char cert[96], key[96], url[96];
	struct load l;

	snprintf(cert, sizeof(cert), "%s/cert.pem", t->dir);
	snprintf(key, sizeof(key), "%s/key.pem", t->dir);
	make_certificate(cert, key);
	start_mock(t, 0, (const char *const []){ "--cert", cert, "--key",
	    key, NULL });
	fill(&l, 1, 99);
	/* Signed by nobody whom we know. */
	assert_non_null(OUTPUTS(t, "timeout", "5s"));
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_RETRY_BATCH);
	assert_int_equal(number(t, "requests"), 0);
	outputs_free(t->outputs);
	assert_non_null(OUTPUTS(t, "ca_file", cert));
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	outputs_free(t->outputs);
	/* The right certificate of another name. */
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", t->mock.port);
	t->outputs = make_outputs((const char *const []){ "type",
	    "elasticsearch", "url", url, "ca_file", cert, NULL });
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_RETRY_BATCH);
	assert_int_equal(number(t, "requests"), 1);
	outputs_free(t->outputs);
	assert_non_null(OUTPUTS(t, "verify", "false"));
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
}

static void
the_template_makes_the_server_check(void **state)
{
	static const char *const kinds[] = { NULL, "--opensearch" };
	struct state *t = *state;
	struct output_answer answer;
	struct load l;
	int i;

	for (i = 0; i < 2; i++) {
		start_mock(t, 0, (const char *const []){ kinds[i], NULL });
		assert_non_null(OUTPUTS(t, "manage_template", "true"));
		fill(&l, 3, 1);
		assert_int_equal(deliver(t, &l, 3, &answer), OUTPUT_OK);
		assert_int_equal(l.docs[0].verdict, OUTPUT_OK);
		assert_int_equal(l.docs[1].verdict, OUTPUT_DEAD);
		assert_non_null(strstr(l.docs[1].reason, "source.ip"));
		assert_int_equal(l.docs[2].verdict, OUTPUT_OK);
		mock_docs(&t->mock, &t->docs);
		assert_int_equal(i == 0, strstr(buf_text(&t->docs),
		    "\"wildcard\"") != NULL &&
		    strstr(buf_text(&t->docs), "flattened") != NULL);
		outputs_free(t->outputs);
		t->outputs = NULL;
		mock_stop(&t->mock);
	}
}

static void
see_endpoint(void *ctx, const struct ipaddr *ip, uint16_t port)
{
	int *found = ctx;

	if (ipaddr_is_loopback(ip) && port == 9201)
		*found += 1;
	if (ipaddr_is_loopback(ip) && port == 443)
		*found += 100;
}

static void
endpoints_are_known(void **state)
{
	struct state *t = *state;
	int found = 0;

	t->outputs = make_outputs((const char *const []){ "type",
	    "elasticsearch", "url", "http://127.0.0.1:9201 https://[::1]",
	    NULL });
	assert_non_null(t->outputs);
	outputs_endpoints(t->outputs, see_endpoint, &found);
	assert_int_equal(found, 101);
}

static void
the_filter_fits_our_connections_only(void **state)
{
	struct state *t = *state;
	struct output_answer answer;
	struct buf filter;
	struct load l;
	char want[160];

	start_mock(t, 0, NULL);
	snprintf(t->mock.url, sizeof(t->mock.url), "http://127.0.0.1:%d",
	    t->mock.port);
	assert_non_null(OUTPUTS(t, "timeout", "5s"));
	buf_init(&filter, 0);
	outputs_write_filter(t->outputs, &filter);
	snprintf(want, sizeof(want), "tcp and portrange 61001-61256 and "
	    "((host 127.0.0.1 and port %d))", t->mock.port);
	assert_string_equal(buf_text(&filter), want);
	/* And that is where it connects from. */
	fill(&l, 1, 99);
	assert_int_equal(deliver(t, &l, 1, &answer), OUTPUT_OK);
	mock_docs(&t->mock, &t->docs);
	assert_non_null(strstr(buf_text(&t->docs), "\"client_ports\": [61"));
	buf_fini(&filter);
}

static void
secrets_in_a_url_are_refused(void **state)
{
	static const char *const urls[] = { "http://user:pw@host:9200",
	    "ftp://host", "host:9200", " ", "http://" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_null(make_outputs((const char *const []){ "type",
		    "elasticsearch", "url", urls[i], NULL }));
	assert_null(make_outputs((const char *const []){ "type",
	    "elasticsearch", "url", "http://h", "namespace", "A-b", NULL }));
	assert_null(make_outputs((const char *const []){ "type",
	    "elasticsearch", "url", "http://h", "username", "u", NULL }));
}

static void
output_test_says_what_became_of_it(void **state)
{
	struct state *t = *state;
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	start_mock(t, 0, NULL);
	assert_non_null(OUTPUTS(t, "manage_template", "true"));
	out = open_memstream(&text, &len);
	assert_int_equal(outputs_test(t->outputs, "es", out), 0);
	assert_int_equal(outputs_test(t->outputs, "nobody", out), -ENOENT);
	mock_faults(&t->mock, "[\"403\", \"itemescape\"]");
	assert_int_equal(outputs_test(t->outputs, NULL, out), 1);
	assert_int_equal(outputs_test(t->outputs, NULL, out), 1);
	fclose(out);
	assert_non_null(strstr(text, ": x\\u{009b}1m: \\x1b[2J\\x1b]0;owned"));
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "es (elasticsearch): ok: test alert "
	    "test-"));
	assert_non_null(strstr(text, "1 created"));
	assert_non_null(strstr(text, "hold: test alert"));
	assert_non_null(strstr(text, "HTTP 403"));
	assert_int_equal(number(t, "docs"), 1);
	free(text);
}

/* Through the writer, the store and a sender from here on. */

static bool
sink(struct writer *w, const char *id)
{
	static const struct mono_clock real;
	struct event *e = event_new(EVENT_ALERT, mono_wall(&real));
	bool taken;

	assert_non_null(e);
	event_set_cstr(e, FIELD_EVENT_ID, id);
	event_seal(e);
	taken = writer_sink(w, e);
	event_unref(e);
	return taken;
}

static struct ledger_stage *
stage(struct state *t)
{
	return ledger_stage(t->ledger, "output.es");
}

static void
start_writer(struct state *t)
{
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_non_null(t->writer);
	assert_int_equal(writer_start(t->writer), 0);
}

static bool
wait_settled(struct state *t, uint64_t n, int seconds)
{
	int i;

	for (i = 0; i < seconds * 100; i++) {
		if (ledger_get(&stage(t)->received) >= n &&
		    ledger_get(&stage(t)->pending) == 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void
faults_on_the_way_lose_nothing(void **state)
{
	static const char *const faults[] = { "[\"503\", \"item400\"]",
	    "[\"truncate\"]", "[\"item429\", \"429:1\", \"slow\"]" };
	struct state *t = *state;
	char id[16];
	int i;

	start_mock(t, 0, NULL);
	assert_non_null(OUTPUTS(t, "timeout", "2s"));
	start_writer(t);
	for (i = 0; i < 60; i++) {
		if (i % 20 == 0) {
			assert_true(wait_settled(t, (uint64_t)i, 20));
			mock_faults(&t->mock, faults[i / 20]);
		}
		snprintf(id, sizeof(id), "a%d", i);
		assert_true(sink(t->writer, id));
	}
	assert_true(wait_settled(t, 60, 20));
	writer_close(t->writer);
	assert_int_equal(number(t, "docs"), 59);
	assert_int_equal(ledger_get(ledger_dropped(stage(t), "dead_letter")),
	    1);
	assert_int_equal(ledger_get(&stage(t)->delivered), 59);
	assert_true(ledger_get(ledger_noted(stage(t), "duplicates")) > 0);
	assert_int_equal(number(t, "dupes"), (int64_t)ledger_get(
	    ledger_noted(stage(t), "duplicates")));
	assert_true(ledger_stage_balances(stage(t)));
}

static void
a_large_batch_is_split(void **state)
{
	struct state *t = *state;
	char id[16];
	int i;

	start_mock(t, 0, NULL);
	mock_faults(&t->mock, "[\"413>7\"]");
	assert_non_null(OUTPUTS(t, "timeout", "5s"));
	start_writer(t);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		assert_true(sink(t->writer, id));
	}
	assert_true(wait_settled(t, 100, 20));
	assert_int_equal(number(t, "docs"), 100);
	assert_int_equal(number(t, "dupes"), 0);
	assert_true(ledger_get(ledger_noted(stage(t), "splits")) >= 3);
	/* One that is too large alone becomes a dead letter. */
	mock_faults(&t->mock, "[\"413>0\"]");
	assert_true(sink(t->writer, "huge"));
	assert_true(wait_settled(t, 101, 10));
	assert_int_equal(ledger_get(ledger_dropped(stage(t), "dead_letter")),
	    1);
	writer_close(t->writer);
	assert_true(ledger_stage_balances(stage(t)));
}

static void
stopping_does_not_wait_for_a_hanging_server(void **state)
{
	struct state *t = *state;
	struct timespec before, after;

	start_mock(t, 0, NULL);
	mock_faults(&t->mock, "[\"hang\", \"hang\", \"hang\"]");
	assert_non_null(OUTPUTS(t, "timeout", "60s"));
	start_writer(t);
	assert_true(sink(t->writer, "a"));
	usleep(500000);
	clock_gettime(CLOCK_MONOTONIC, &before);
	writer_close(t->writer);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec <= 4);
	assert_int_equal(ledger_get(&stage(t)->pending), 1);
	assert_true(ledger_stage_balances(stage(t)));
}

static void
holding_ends_when_somebody_acts(void **state)
{
	struct state *t = *state;
	char file[96];

	start_mock(t, 0, (const char *const []){ "--api-key", "right", NULL });
	snprintf(file, sizeof(file), "%s/key", t->dir);
	write_file(file, "wrong");
	assert_non_null(OUTPUTS(t, "api_key_file", file));
	start_writer(t);
	assert_true(sink(t->writer, "a"));
	usleep(800000);
	assert_true(ledger_get(ledger_noted(stage(t), "holds")) >= 1);
	assert_int_equal(number(t, "docs"), 0);
	write_file(file, "right");
	assert_true(wait_settled(t, 1, 15));
	assert_int_equal(number(t, "docs"), 1);
}

/*
 * The agent as a child: says an id when the store has it. Ends by itself
 * only when told to stop making alerts and nothing is owed any more.
 */
static void
be_agent(struct state *t, int round, int n, int say)
{
	char id[24];
	uint64_t had;
	int i, k;

	if (OUTPUTS(t, "timeout", "2s") == NULL)
		_exit(1);
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	if (t->writer == NULL || writer_start(t->writer) != 0)
		_exit(2);
	for (i = 0; n < 0 || i < n; i++) {
		had = ledger_get(&ledger_stage(t->ledger, "store")->delivered);
		snprintf(id, sizeof(id), "r%d-%d", round, i);
		if (!sink(t->writer, id))
			_exit(3);
		for (k = 0; k < 5000 && ledger_get(&ledger_stage(t->ledger,
		    "store")->delivered) == had; k++)
			usleep(1000);
		if (write(say, id, sizeof(id)) != sizeof(id))
			_exit(4);
	}
	_exit(wait_settled(t, 0, 30) ? 0 : 5);
}

static pid_t
start_agent(struct state *t, int round, int n, int *from)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		be_agent(t, round, n, fds[1]);
	}
	close(fds[1]);
	*from = fds[0];
	return pid;
}

static void
drain(int from, char ids[][24], size_t *n, size_t max)
{
	while (*n < max && read(from, ids[*n], 24) == 24)
		(*n)++;
	close(from);
}

static void
restart_mock(struct state *t, int port)
{
	assert_true(mock_start(&t->mock, port, (const char *const []){
	    "--state", t->mock_state, NULL }));
}

static void
dead_backend_and_kill_lose_no_alert(void **state)
{
	struct state *t = *state;
	static char ids[4096][24];
	size_t n = 0, i;
	struct json_doc *d;
	const struct json *docs;
	int round, from, status, port;
	char name[96];
	pid_t pid;

	start_mock(t, 0, (const char *const []){ "--state", t->mock_state,
	    NULL });
	port = t->mock.port;
	for (round = 0; round < 4; round++) {
		/* The server is there, gone, back, gone, ... */
		if (round % 2 == 1)
			mock_stop(&t->mock);
		else if (t->mock.pid == 0)
			restart_mock(t, port);
		pid = start_agent(t, round, -1, &from);
		usleep(1200000);
		if (round == 2)		/* and in the middle of things */
			mock_stop(&t->mock);
		usleep(300000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		drain(from, ids, &n, 4096);
	}
	assert_true(n > 40);
	restart_mock(t, port);
	mock_faults(&t->mock, "[\"truncate\", \"reset\"]");
	pid = start_agent(t, round, 5, &from);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	drain(from, ids, &n, 4096);

	d = docs_now(t);
	docs = json_get(json_root(d), "docs");
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "logs-tallyman.alert-default/%.60s",
		    ids[i]);
		assert_int_equal(json_int(json_member(docs, name)), 1);
	}
	/* Those that were killed before they could say so are there too, but
	 * no more than one a round, and none twice. */
	assert_true(json_count(docs) <= n + 4);
	for (i = 0; i < json_count(docs); i++)
		assert_int_equal(json_int(json_at(docs, i)), 1);
	json_doc_free(d);
	print_message("# %zu alerts acknowledged, %zu delivered\n", n,
	    (size_t)number(t, "docs"));
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* First, before this process has threads. */
		T(dead_backend_and_kill_lose_no_alert),
		T(each_fault_has_its_verdict),
		T(each_item_has_its_verdict),
		T(nobody_there_is_retry),
		T(the_second_server_takes_over),
		T(an_api_key_is_read_again_after_a_hold),
		T(a_password_comes_from_the_environment),
		T(tls_is_checked),
		T(the_template_makes_the_server_check),
		T(endpoints_are_known),
		T(the_filter_fits_our_connections_only),
		T(secrets_in_a_url_are_refused),
		T(output_test_says_what_became_of_it),
		T(faults_on_the_way_lose_nothing),
		T(a_large_batch_is_split),
		T(stopping_does_not_wait_for_a_hanging_server),
		T(holding_ends_when_somebody_acts),
	};

	return cmocka_run_group_tests_name("elasticsearch", tests, NULL, NULL);
}
