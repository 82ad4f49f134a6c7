#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/docker_client.h"
#include "lib/buf.h"
#include "lib/mono.h"

#define LOG_TAG "docker"
#include "lib/log.h"

#define TRANSFERS_MAX	256
#define BODY_BYTES	(32u << 20)
#define ANSWER_TIMEOUT	30L	/* seconds, not for the event stream */

struct transfer {
	LIST_ENTRY(transfer)	 entry;
	struct docker_client	*client;
	CURL			*easy;
	enum wire_verb		 verb;
	char			 id[WIRE_ID];
	struct buf		 body;
};

struct docker_client {
	CURLM				*multi;
	char				*socket_path;
	docker_client_fn		 fn;
	void				*ctx;
	size_t				 n;
	LIST_HEAD(, transfer)		 transfers;
};

struct docker_client *
docker_client_new(const char *socket_path, docker_client_fn fn, void *ctx)
{
	struct docker_client *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	LIST_INIT(&d->transfers);
	d->fn = fn;
	d->ctx = ctx;
	d->socket_path = strdup(socket_path);
	d->multi = curl_multi_init();
	if (d->socket_path == NULL || d->multi == NULL) {
		docker_client_free(d);
		errno = ENOMEM;
		return NULL;
	}
	return d;
}

static void
drop(struct transfer *t)
{
	struct docker_client *d = t->client;

	LIST_REMOVE(t, entry);
	d->n--;
	(void)curl_multi_remove_handle(d->multi, t->easy);
	curl_easy_cleanup(t->easy);
	buf_fini(&t->body);
	free(t);
}

void
docker_client_free(struct docker_client *d)
{
	struct transfer *t;

	if (d == NULL)
		return;
	while ((t = LIST_FIRST(&d->transfers)) != NULL)
		drop(t);
	if (d->multi != NULL)
		(void)curl_multi_cleanup(d->multi);
	free(d->socket_path);
	free(d);
}

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	struct docker_client *d = t->client;
	long status = 0;
	size_t len = size * n;

	if (t->verb != WIRE_DOCKER_EVENTS) {
		buf_add(&t->body, bytes, len);
		return buf_ok(&t->body) ? len : 0;
	}
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	d->fn(d->ctx, t->verb, t->id, (int)status, bytes, len, false);
	return len;
}

/* The path of a verb; ids were checked to be hex digits. */
static void
write_url(char *url, size_t size, enum wire_verb verb, const char *id,
    int64_t since_ns)
{
	switch (verb) {
	case WIRE_DOCKER_INSPECT:
		snprintf(url, size, "http://docker/containers/%s/json", id);
		break;
	case WIRE_DOCKER_EVENTS:
		if (since_ns > 0)
			snprintf(url, size, "http://docker/events?since=%"
			    PRId64 ".%09" PRId64, since_ns / MONO_S,
			    since_ns % MONO_S);
		else
			snprintf(url, size, "http://docker/events");
		break;
	default:
		snprintf(url, size, "http://docker/containers/json?all=1");
		break;
	}
}

static void
close_events(struct docker_client *d)
{
	struct transfer *t;

	LIST_FOREACH(t, &d->transfers, entry)
		if (t->verb == WIRE_DOCKER_EVENTS) {
			drop(t);
			return;
		}
}

static int
set_up(struct transfer *t, const char *url)
{
	CURL *e = t->easy;
	bool events = t->verb == WIRE_DOCKER_EVENTS;

	if (curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH,
	    t->client->socket_path) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_PROXY, "") != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_TIMEOUT,
	    events ? 0L : ANSWER_TIMEOUT) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_PRIVATE, t) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_WRITEDATA, t) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes) != CURLE_OK)
		return -ENOMEM;
	return curl_multi_add_handle(t->client->multi, e) == CURLM_OK ? 0 :
	    -ENOMEM;
}

int
docker_client_get(struct docker_client *d, enum wire_verb verb, const char *id,
    int64_t since_ns)
{
	struct transfer *t;
	char url[160];

	if (d->n >= TRANSFERS_MAX)
		return -EBUSY;
	if (verb == WIRE_DOCKER_EVENTS)
		close_events(d);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->client = d;
	t->verb = verb;
	if (id != NULL)
		memcpy(t->id, id, strnlen(id, WIRE_ID - 1));
	buf_init(&t->body, BODY_BYTES);
	t->easy = curl_easy_init();
	LIST_INSERT_HEAD(&d->transfers, t, entry);
	d->n++;
	write_url(url, sizeof(url), verb, t->id, since_ns);
	if (t->easy == NULL || set_up(t, url) != 0) {
		drop(t);
		return -ENOMEM;
	}
	return 0;
}

int
docker_client_poll(struct docker_client *d, struct curl_waitfd *extra,
    unsigned n_extra, int timeout_ms)
{
	int n = 0;

	return curl_multi_poll(d->multi, extra, n_extra, timeout_ms, &n) ==
	    CURLM_OK ? n : -EIO;
}

/* curl keeps the errno of connect(2) where the socket was not there. */
static int
failure_of(CURL *easy, CURLcode code)
{
	long os_errno = 0;

	if (code == CURLE_WRITE_ERROR)
		return -EMSGSIZE;
	if (code == CURLE_COULDNT_CONNECT &&
	    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK &&
	    os_errno > 0)
		return -(int)os_errno;
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
}

static void
finish(struct docker_client *d, const CURLMsg *msg)
{
	struct transfer *t = NULL;
	CURLcode code = msg->data.result;
	long status = 0;
	int result;

	(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
	(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE,
	    &status);
	result = code == CURLE_OK ? (int)status :
	    failure_of(msg->easy_handle, code);
	d->fn(d->ctx, t->verb, t->id, result, buf_text(&t->body),
	    result > 0 ? t->body.len : 0, true);
	drop(t);
}

void
docker_client_turn(struct docker_client *d)
{
	const CURLMsg *msg;
	int running, left;

	(void)curl_multi_perform(d->multi, &running);
	while ((msg = curl_multi_info_read(d->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE)
			finish(d, msg);
}
