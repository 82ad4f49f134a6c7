#include "outputs/elasticsearch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TAG "elasticsearch"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mono.h"
#include "outputs/bulk.h"
#include "outputs/http.h"
#include "outputs/template.h"

enum { FLAVOUR_AUTO, FLAVOUR_ELASTICSEARCH, FLAVOUR_OPENSEARCH };

static const char *const flavours[] = {
	"auto", "elasticsearch", "opensearch", NULL
};

struct elasticsearch {
	struct http_conf	 http_conf;
	char			*space, *pipeline;
	bool			 manage_template;
	int			 flavour;
	int64_t			 max_docs, max_bytes;

	struct http		*http;
	bool			 met;		/* version and template done */
	struct template_target	 target;
	char			 path[512];
};

#define KEY(n, t, member, preset, lo, hi, choices, help)		\
	{ n, t, offsetof(struct elasticsearch, member), preset, lo, hi,	\
	    choices, help }
#define TEXT(n, member, help)						\
	KEY(n, OPTION_STR, member, "", 0, 0, NULL, help)

static const struct option_key options[] = {
	KEY("url", OPTION_STR, http_conf.url, NULL, 0, 0, NULL,
	    "http or https URL; several with spaces or commas between are "
	    "used in turn when one does not answer."),
	TEXT("api_key_file", http_conf.api_key_file,
	    "File with the API key, encoded or as id:key."),
	TEXT("api_key_env", http_conf.api_key_env,
	    "Environment variable with the API key."),
	TEXT("username", http_conf.username, "User for Basic authentication."),
	TEXT("password_file", http_conf.password_file,
	    "File with the password."),
	TEXT("password_env", http_conf.password_env,
	    "Environment variable with the password."),
	TEXT("ca_file", http_conf.ca_file,
	    "Certificates (PEM) that may have signed the server's; default: "
	    "those of the system."),
	TEXT("cert_file", http_conf.cert_file,
	    "Certificate (PEM) of this agent."),
	TEXT("key_file", http_conf.key_file, "Its key (PEM)."),
	KEY("verify", OPTION_BOOL, http_conf.verify, "true", 0, 0, NULL,
	    "Check the server's certificate and name."),
	TEXT("proxy", http_conf.proxy,
	    "HTTP or SOCKS proxy; the environment's is not used."),
	KEY("timeout", OPTION_SPAN, http_conf.timeout, "60s", 100 * MONO_MS,
	    3600 * MONO_S, NULL, "Most time for one request."),
	KEY("connect_timeout", OPTION_SPAN, http_conf.connect_timeout, "10s",
	    100 * MONO_MS, 600 * MONO_S, NULL,
	    "Most time for one connection."),
	KEY("namespace", OPTION_STR, space, "default", 0, 0, NULL,
	    "Last part of the data streams' names."),
	TEXT("pipeline", pipeline, "Ingest pipeline."),
	KEY("flavor", OPTION_ENUM, flavour, "auto", 0, 0, flavours,
	    "elasticsearch, opensearch, or auto: ask the server."),
	KEY("manage_template", OPTION_BOOL, manage_template, "false", 0, 0,
	    NULL, "Install the index template " TEMPLATE_NAME " when the "
	    "agent first connects."),
	KEY("max_docs", OPTION_INT, max_docs, "500", 1, 1000, NULL,
	    "Most documents in one request."),
	KEY("max_bytes", OPTION_SIZE, max_bytes, "5MiB", 4096, 90 << 20, NULL,
	    "Most bytes in one request, unless one document is larger."),
};

/* Elastic's rules for a namespace. */
static bool
good_namespace(const char *s)
{
	return s != NULL && s[0] != '\0' && strlen(s) <= 100 &&
	    strpbrk(s, "-\\/*?\"<>| ,#:ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL;
}

static int
init(void *self, struct buf *why)
{
	struct elasticsearch *e = self;

	if (!good_namespace(e->space)) {
		buf_add_str(why, "namespace: at most 100 characters, none of "
		    "them upper case, blank or one of - \\ / * ? \" < > | , "
		    "# :");
		return -EINVAL;
	}
	if (e->pipeline != NULL && (strlen(e->pipeline) > 200 ||
	    strpbrk(e->pipeline, " &?#%/\"") != NULL)) {
		buf_add_str(why, "pipeline: expected the name of one");
		return -EINVAL;
	}
	if ((e->http = http_new(&e->http_conf, why)) == NULL)
		return -errno;
	snprintf(e->path, sizeof(e->path), "/_bulk?filter_path=errors,"
	    "error,status,items.*.status,items.*.error.type,"
	    "items.*.error.reason%s%s", e->pipeline == NULL ? "" :
	    "&pipeline=", e->pipeline == NULL ? "" : e->pipeline);
	return 0;
}

static void
fini(void *self)
{
	struct elasticsearch *e = self;

	http_free(e->http);
}

/* What a failed request means for everything that was to be delivered. */
static enum output_verdict
judge_failure(int err, const struct http_reply *r,
    struct output_answer *answer)
{
	snprintf(answer->text, sizeof(answer->text), "%s", r->error);
	return err == -EACCES ? OUTPUT_HOLD : OUTPUT_RETRY_BATCH;
}

static void
read_version(struct elasticsearch *e, const struct http_reply *r)
{
	struct json_doc *doc;
	const struct json *version;
	const char *number;
	char *end;

	doc = json_parse(buf_text(&r->body), r->body.len, JSON_LAX, NULL, 0);
	version = json_get(json_root(doc), "version");
	number = json_str(json_member(version, "number"), NULL);
	e->target.major = (unsigned)strtoul(number, &end, 10);
	e->target.minor = *end == '.' ?
	    (unsigned)strtoul(end + 1, NULL, 10) : 0;
	if (e->flavour == FLAVOUR_AUTO && strcmp(json_str(json_member(version,
	    "distribution"), NULL), "opensearch") == 0)
		e->target.flavour = TEMPLATE_OPENSEARCH;
	log_info("%s: %s %u.%u", http_server(e->http), e->target.flavour ==
	    TEMPLATE_OPENSEARCH ? "OpenSearch" : "Elasticsearch",
	    e->target.major, e->target.minor);
	json_doc_free(doc);
}

static enum output_verdict
judge_meeting(long status, const char *what, struct output_answer *answer)
{
	snprintf(answer->text, sizeof(answer->text), "%s: HTTP %ld", what,
	    status);
	if (status == 401)
		return OUTPUT_HOLD;
	return status == 429 || status >= 500 ? OUTPUT_RETRY_BATCH : OUTPUT_OK;
}

/* A key that may only write cannot ask for the version: then the flavour is
 * as configured, or Elasticsearch. */
static enum output_verdict
ask_version(struct elasticsearch *e, struct output_answer *answer)
{
	enum output_verdict v = OUTPUT_OK;
	struct http_reply r;
	int err;

	e->target = (struct template_target){ e->flavour ==
	    FLAVOUR_OPENSEARCH ? TEMPLATE_OPENSEARCH : TEMPLATE_ELASTICSEARCH,
	    0, 0 };
	err = http_send(e->http, "GET", "/", NULL, NULL, 0, &r);
	if (err != 0)
		v = judge_failure(err, &r, answer);
	else if (r.status == 200)
		read_version(e, &r);
	else {
		answer->retry_after_ms = r.retry_after_ms;
		v = judge_meeting(r.status, "GET /", answer);
	}
	http_reply_fini(&r);
	return v;
}

static enum output_verdict
put_template(struct elasticsearch *e, struct output_answer *answer)
{
	enum output_verdict v = OUTPUT_OK;
	struct http_reply r;
	struct buf body;
	int err;

	buf_init(&body, 0);
	template_write(&body, &e->target);
	err = http_send(e->http, "PUT", "/_index_template/" TEMPLATE_NAME,
	    "application/json", buf_text(&body), body.len, &r);
	if (err != 0)
		v = judge_failure(err, &r, answer);
	else if (r.status != 200) {
		answer->retry_after_ms = r.retry_after_ms;
		v = judge_meeting(r.status, "PUT _index_template", answer);
		if (v == OUTPUT_OK)
			log_errx("%s: the index template is not installed: "
			    "HTTP %ld: %.300s", http_server(e->http), r.status,
			    buf_text(&r.body));
	} else
		log_notice("%s: index template %s installed",
		    http_server(e->http), TEMPLATE_NAME);
	http_reply_fini(&r);
	buf_fini(&body);
	return v;
}

static enum output_verdict
meet(struct elasticsearch *e, struct output_answer *answer)
{
	enum output_verdict v = OUTPUT_OK;

	if (e->met || !e->manage_template)
		return OUTPUT_OK;
	v = ask_version(e, answer);
	if (v == OUTPUT_OK)
		v = put_template(e, answer);
	e->met = v == OUTPUT_OK;
	if (e->met)
		memset(answer, 0, sizeof(*answer));
	return v;
}

static enum output_verdict
deliver(void *self, struct output_doc *docs, size_t n,
    struct output_answer *answer)
{
	struct elasticsearch *e = self;
	enum output_verdict v;
	struct http_reply r;
	struct buf body;
	int err;

	if ((v = meet(e, answer)) != OUTPUT_OK)
		goto out;
	buf_init(&body, 128 << 20);
	bulk_write(&body, e->space, docs, n);
	if (!buf_ok(&body)) {
		buf_fini(&body);
		snprintf(answer->text, sizeof(answer->text), "too large");
		return OUTPUT_SPLIT;
	}
	err = http_send(e->http, "POST", e->path, "application/x-ndjson",
	    buf_text(&body), body.len, &r);
	buf_fini(&body);
	if (err != 0)
		v = judge_failure(err, &r, answer);
	else if (r.too_large) {
		snprintf(answer->text, sizeof(answer->text),
		    "the answer is too large");
		v = OUTPUT_SPLIT;
	} else {
		answer->retry_after_ms = r.retry_after_ms;
		v = bulk_judge(r.status, buf_text(&r.body), r.body.len, docs,
		    n, answer);
	}
	http_reply_fini(&r);
out:
	/* Somebody may have put the right secret there by then. */
	if (v == OUTPUT_HOLD)
		http_reopen(e->http);
	return v;
}

static void
stop(void *self)
{
	struct elasticsearch *e = self;

	http_stop(e->http);
}

static void
reopen(void *self)
{
	struct elasticsearch *e = self;

	http_reopen(e->http);
}

static void
endpoints(void *self, output_endpoint_fn fn, void *ctx)
{
	struct elasticsearch *e = self;

	http_endpoints(e->http, fn, ctx);
}

static size_t
batch_docs(const void *self)
{
	return (size_t)((const struct elasticsearch *)self)->max_docs;
}

static size_t
batch_bytes(const void *self)
{
	return (size_t)((const struct elasticsearch *)self)->max_bytes;
}

const struct output_ops elasticsearch_output = {
	.type = "elasticsearch",
	.alias = "opensearch",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.size = sizeof(struct elasticsearch),
	.init = init,
	.fini = fini,
	.deliver = deliver,
	.stop = stop,
	.reopen = reopen,
	.endpoints = endpoints,
	.batch_docs = batch_docs,
	.batch_bytes = batch_bytes,
};
