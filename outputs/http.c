#include "outputs/http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/mono.h"

#define SERVERS_MAX	16
#define SECRET_MAX	4096
#define BODY_MAX	(16 << 20)
#define SEEN_MAX	32

struct endpoint {
	struct ipaddr	ip;
	uint16_t	port;
};

struct http {
	const struct http_conf	*conf;
	char			*servers[SERVERS_MAX];
	size_t			 n_servers, current;
	CURLM			*multi;
	CURL			*easy;
	atomic_bool		 stopping, reopen;
	bool			 ready;		/* secrets are read */
	bool			 any_port;	/* none of ours was free */
	char			 header[SECRET_MAX + 64];	/* Authorization */
	char			 userpwd[SECRET_MAX + 256];
	pthread_mutex_t		 lock;		/* for seen */
	struct endpoint		 seen[SEEN_MAX];
	size_t			 n_seen;
};

static int
add_server(struct http *h, const char *url, size_t len, struct buf *why)
{
	CURLU *u = curl_url();
	char *copy = strndup(url, len), *part = NULL;
	int err = -EINVAL;

	if (copy == NULL || u == NULL) {
		err = -ENOMEM;
		goto out;
	}
	while (len > 0 && copy[len - 1] == '/')
		copy[--len] = '\0';
	if (h->n_servers == SERVERS_MAX)
		buf_printf(why, "url: more than %d servers", SERVERS_MAX);
	else if (curl_url_set(u, CURLUPART_URL, copy, 0) != CURLUE_OK ||
	    (strncmp(copy, "http://", 7) != 0 &&
	    strncmp(copy, "https://", 8) != 0))
		buf_add_str(why, "url: expected http://HOST:PORT or "
		    "https://HOST:PORT");
	else if (curl_url_get(u, CURLUPART_USER, &part, 0) == CURLUE_OK)
		buf_add_str(why, "url: holds a user name: use username and "
		    "password_file, a URL is shown in messages");
	else {
		h->servers[h->n_servers++] = copy;
		copy = NULL;
		err = 0;
	}
out:
	curl_free(part);
	curl_url_cleanup(u);
	free(copy);
	return err;
}

static int
add_servers(struct http *h, struct buf *why)
{
	static const char between[] = " ,\t";
	const char *p = h->conf->url;
	size_t len;
	int err;

	for (p += strspn(p, between); *p != '\0';
	    p += len, p += strspn(p, between)) {
		len = strcspn(p, between);
		if ((err = add_server(h, p, len, why)) != 0)
			return err;
	}
	if (h->n_servers > 0)
		return 0;
	buf_add_str(why, "url: expected http://HOST:PORT or "
	    "https://HOST:PORT");
	return -EINVAL;
}

static int
check(const struct http_conf *c, struct buf *why)
{
	bool key = c->api_key_file != NULL || c->api_key_env != NULL;

	if (key && c->username != NULL)
		buf_add_str(why, "api_key_* and username exclude each other");
	else if (c->api_key_file != NULL && c->api_key_env != NULL)
		buf_add_str(why, "api_key_file and api_key_env exclude each "
		    "other");
	else if (c->password_file != NULL && c->password_env != NULL)
		buf_add_str(why, "password_file and password_env exclude each "
		    "other");
	else if (c->username != NULL && c->password_file == NULL &&
	    c->password_env == NULL)
		buf_add_str(why, "username: needs password_file or "
		    "password_env");
	else if (c->key_file != NULL && c->cert_file == NULL)
		buf_add_str(why, "key_file: needs cert_file");
	else
		return 0;
	return -EINVAL;
}

struct http *
http_new(const struct http_conf *conf, struct buf *why)
{
	struct http *h;
	int err;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->conf = conf;
	pthread_mutex_init(&h->lock, NULL);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	if (conf->url == NULL) {
		buf_add_str(why, "url: must be given");
		err = -EINVAL;
	} else if ((err = check(conf, why)) == 0)
		err = add_servers(h, why);
	/* Early, because http_stop may come before the first request. */
	if (err == 0 && (h->multi = curl_multi_init()) == NULL)
		err = -ENOMEM;
	if (err != 0) {
		http_free(h);
		errno = -err;
		return NULL;
	}
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	while (h->n_servers > 0)
		free(h->servers[--h->n_servers]);
	pthread_mutex_destroy(&h->lock);
	OPENSSL_cleanse(h->header, sizeof(h->header));
	OPENSSL_cleanse(h->userpwd, sizeof(h->userpwd));
	free(h);
}

/* The first line of the file, or the variable. */
static int
read_secret(const char *file, const char *env, char out[static SECRET_MAX],
    char *error, size_t error_size)
{
	const char *value;
	ssize_t n = 0;
	int fd;

	if (file != NULL) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd != -1) {
			n = read(fd, out, SECRET_MAX - 1);
			close(fd);
		}
		if (fd == -1 || n == -1) {
			snprintf(error, error_size, "%.120s: %s", file,
			    strerror(errno));
			return -EACCES;
		}
	} else {
		if ((value = getenv(env)) == NULL) {
			snprintf(error, error_size,
			    "%.120s is not in the environment", env);
			return -EACCES;
		}
		n = snprintf(out, SECRET_MAX, "%s", value);
		if (n >= SECRET_MAX)
			n = SECRET_MAX - 1;
	}
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (out[0] != '\0')
		return 0;
	snprintf(error, error_size, "%.120s is empty",
	    file != NULL ? file : env);
	return -EACCES;
}

/* "id:key" as the console shows it, or the encoded form that it also shows. */
static int
set_api_key(struct http *h, char *error, size_t size)
{
	char secret[SECRET_MAX];
	unsigned char encoded[SECRET_MAX * 4 / 3 + 8];
	int err;

	err = read_secret(h->conf->api_key_file, h->conf->api_key_env, secret,
	    error, size);
	if (err != 0)
		return err;
	if (strchr(secret, ':') == NULL || strlen(secret) > 3000)
		snprintf(h->header, sizeof(h->header),
		    "Authorization: ApiKey %s", secret);
	else {
		(void)EVP_EncodeBlock(encoded, (unsigned char *)secret,
		    (int)strlen(secret));
		snprintf(h->header, sizeof(h->header),
		    "Authorization: ApiKey %.4090s", (char *)encoded);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(encoded, sizeof(encoded));
	return 0;
}

static int
set_password(struct http *h, char *error, size_t size)
{
	char secret[SECRET_MAX];
	int err;

	err = read_secret(h->conf->password_file, h->conf->password_env,
	    secret, error, size);
	if (err != 0)
		return err;
	snprintf(h->userpwd, sizeof(h->userpwd), "%.200s:%s",
	    h->conf->username, secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	return 0;
}

static size_t
take_body(char *data, size_t one, size_t n, void *ctx)
{
	struct http_reply *r = ctx;

	(void)one;
	buf_add(&r->body, data, n);
	if (buf_ok(&r->body))
		return n;
	r->too_large = true;
	return 0;
}

static void
set_tls(struct http *h)
{
	const struct http_conf *c = h->conf;

	curl_easy_setopt(h->easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, (long)c->verify);
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST,
	    c->verify ? 2L : 0L);
	if (c->ca_file != NULL)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, c->ca_file);
	if (c->cert_file != NULL) {
		curl_easy_setopt(h->easy, CURLOPT_SSLCERT, c->cert_file);
		curl_easy_setopt(h->easy, CURLOPT_SSLKEY,
		    c->key_file != NULL ? c->key_file : c->cert_file);
	}
}

/* A handle keeps its connection, so it lives until secrets are read again. */
static int
prepare(struct http *h, char *error, size_t size)
{
	int err = 0;

	if (atomic_exchange(&h->reopen, false))
		h->ready = false;
	if (h->ready)
		return 0;
	curl_easy_cleanup(h->easy);
	h->header[0] = h->userpwd[0] = '\0';
	if ((h->easy = curl_easy_init()) == NULL) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -EIO;
	}
	if (h->conf->api_key_file != NULL || h->conf->api_key_env != NULL)
		err = set_api_key(h, error, size);
	else if (h->conf->username != NULL)
		err = set_password(h, error, size);
	h->ready = err == 0;
	return err;
}

static void
set_request(struct http *h, const char *method, const void *body, size_t len)
{
	CURL *e = h->easy;

	curl_easy_reset(e);	/* keeps the connections */
	set_tls(h);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS,
	    (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "tallyman");
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
	    (long)(h->conf->timeout / MONO_MS));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(h->conf->connect_timeout / MONO_MS));
	if (!h->any_port) {
		curl_easy_setopt(e, CURLOPT_LOCALPORT,
		    (long)OUTPUT_PORT_FIRST);
		curl_easy_setopt(e, CURLOPT_LOCALPORTRANGE,
		    (long)OUTPUT_PORTS);
	}
	/* The environment must not lead alerts elsewhere. */
	curl_easy_setopt(e, CURLOPT_PROXY,
	    h->conf->proxy != NULL ? h->conf->proxy : "");
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	if (h->userpwd[0] != '\0') {
		curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(e, CURLOPT_USERPWD, h->userpwd);
	}
	if (body != NULL) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
	} else
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
}

static struct curl_slist *
make_headers(const struct http *h, const char *type)
{
	struct curl_slist *list = NULL;
	char line[128];

	list = curl_slist_append(list, "Accept: application/json");
	/* No "100 Continue" round for large bodies. */
	list = curl_slist_append(list, "Expect:");
	if (type != NULL) {
		snprintf(line, sizeof(line), "Content-Type: %s", type);
		list = curl_slist_append(list, line);
	}
	if (h->header[0] != '\0')
		list = curl_slist_append(list, h->header);
	return list;
}

static CURLcode
perform(struct http *h)
{
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	CURLMsg *msg;
	int running = 1, left;

	curl_multi_add_handle(h->multi, h->easy);
	while (running > 0 && !atomic_load(&h->stopping)) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK)
			break;
		if (running > 0)
			(void)curl_multi_poll(h->multi, NULL, 0, 500, NULL);
	}
	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE && msg->easy_handle == h->easy)
			result = msg->data.result;
	curl_multi_remove_handle(h->multi, h->easy);
	return result;
}

static void
remember(struct http *h)
{
	struct endpoint e;
	char *ip = NULL;
	long port = 0;
	size_t i;

	curl_easy_getinfo(h->easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(h->easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip == NULL || ip[0] == '\0' || port <= 0 || port > 65535 ||
	    ipaddr_parse(ip, strlen(ip), &e.ip) != 0)
		return;
	e.port = (uint16_t)port;
	pthread_mutex_lock(&h->lock);
	for (i = 0; i < h->n_seen; i++)
		if (h->seen[i].port == e.port &&
		    ipaddr_equal(&h->seen[i].ip, &e.ip))
			break;
	if (i == h->n_seen && i < SEEN_MAX)
		h->seen[h->n_seen++] = e;
	pthread_mutex_unlock(&h->lock);
}

static int
finish(struct http *h, CURLcode code, struct http_reply *r)
{
	curl_off_t after = 0;

	remember(h);
	if (atomic_load(&h->stopping)) {
		snprintf(r->error, sizeof(r->error), "stopped");
		return -ECANCELED;
	}
	if (code == CURLE_WRITE_ERROR && r->too_large)
		code = CURLE_OK;
	h->any_port = code == CURLE_INTERFACE_FAILED;
	if (code != CURLE_OK) {
		snprintf(r->error, sizeof(r->error), "%.100s: %s",
		    h->servers[h->current], curl_easy_strerror(code));
		h->current = (h->current + 1) % h->n_servers;
		return -EIO;
	}
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &r->status);
	curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &after);
	r->retry_after_ms = after > 86400 ? 86400000 : (int64_t)after * 1000;
	if (r->status >= 502 && r->status <= 504)
		h->current = (h->current + 1) % h->n_servers;
	return 0;
}

int
http_send(struct http *h, const char *method, const char *path,
    const char *type, const void *body, size_t len, struct http_reply *r)
{
	struct curl_slist *headers;
	char url[2048];
	CURLcode code;
	int err;

	memset(r, 0, sizeof(*r));
	buf_init(&r->body, BODY_MAX);
	if ((err = prepare(h, r->error, sizeof(r->error))) != 0)
		return err;
	snprintf(url, sizeof(url), "%s%s", h->servers[h->current], path);
	set_request(h, method, body, len);
	headers = make_headers(h, type);
	curl_easy_setopt(h->easy, CURLOPT_URL, url);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, r);
	code = perform(h);
	err = finish(h, code, r);
	curl_slist_free_all(headers);
	return err;
}

void
http_reply_fini(struct http_reply *r)
{
	buf_fini(&r->body);
}

void
http_stop(struct http *h)
{
	atomic_store(&h->stopping, true);
	(void)curl_multi_wakeup(h->multi);
}

void
http_reopen(struct http *h)
{
	atomic_store(&h->reopen, true);
}

const char *
http_server(const struct http *h)
{
	return h->servers[h->current];
}

static void
resolve(const char *host, const char *port, output_endpoint_fn fn, void *ctx)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	struct ipaddr ip;
	uint16_t number;

	if (getaddrinfo(host, port, &hints, &all) != 0)
		return;
	for (a = all; a != NULL; a = a->ai_next) {
		if (a->ai_family == AF_INET) {
			struct sockaddr_in *in = (void *)a->ai_addr;

			ip = ipaddr_v4((uint8_t *)&in->sin_addr);
			number = ntohs(in->sin_port);
		} else if (a->ai_family == AF_INET6) {
			struct sockaddr_in6 *in6 = (void *)a->ai_addr;

			ip = ipaddr_v6((uint8_t *)&in6->sin6_addr);
			number = ntohs(in6->sin6_port);
		} else
			continue;
		fn(ctx, &ip, number);
	}
	freeaddrinfo(all);
}

static void
resolve_url(const char *url, output_endpoint_fn fn, void *ctx)
{
	char *host = NULL, *port = NULL, *bare;
	CURLU *u = curl_url();

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url,
	    CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
	    CURLUE_OK) {
		bare = host;
		if (bare[0] == '[') {	/* a literal IPv6 address */
			bare++;
			bare[strcspn(bare, "]")] = '\0';
		}
		resolve(bare, port, fn, ctx);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

void
http_endpoints(struct http *h, output_endpoint_fn fn, void *ctx)
{
	struct endpoint seen[SEEN_MAX];
	size_t i, n;

	if (h->conf->proxy != NULL)
		resolve_url(h->conf->proxy, fn, ctx);
	else
		for (i = 0; i < h->n_servers; i++)
			resolve_url(h->servers[i], fn, ctx);
	pthread_mutex_lock(&h->lock);
	n = h->n_seen;
	memcpy(seen, h->seen, sizeof(seen));
	pthread_mutex_unlock(&h->lock);
	for (i = 0; i < n; i++)
		fn(ctx, &seen[i].ip, seen[i].port);
}
