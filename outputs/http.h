/*
 * http: one HTTP request at a time to one of several equal servers, with
 * TLS verification on, for outputs. Secrets come from files or the
 * environment, are read again on demand, and are never logged.
 *
 * Threads: http_stop, http_reopen and http_endpoints from any; the others
 * from one thread.
 */
#ifndef OUTPUTS_HTTP_H
#define OUTPUTS_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "outputs/output.h"

/* What the operator set; texts are the owner's and may be NULL. */
struct http_conf {
	char	*url;		/* several with spaces or commas between */
	char	*api_key_file, *api_key_env;
	char	*username, *password_file, *password_env;
	char	*ca_file, *cert_file, *key_file;
	char	*proxy;
	bool	 verify;
	int64_t	 timeout, connect_timeout;	/* ns */
};

struct http_reply {
	long		 status;	/* 0: none, see error */
	int64_t		 retry_after_ms;	/* 0: did not say */
	struct buf	 body;		/* at most 16 MiB */
	bool		 too_large;	/* the body was cut off */
	char		 error[OUTPUT_REASON];
};

struct http;

/* NULL with errno; why gets a sentence when the configuration is wrong
 * (EINVAL). Does not touch the network. conf must outlive it. */
struct http *http_new(const struct http_conf *, struct buf *why);
void http_free(struct http *);

/*
 * Sends and waits. method "GET", "PUT" or "POST"; path begins with a slash;
 * type may be NULL when there is no body. The reply is the caller's to
 * http_reply_fini. After a failed connection the next request goes to the
 * next server. 0; -ECANCELED after http_stop; -EACCES when a secret cannot
 * be read; else -EIO; reply->error says why.
 */
int http_send(struct http *, const char *method, const char *path,
    const char *type, const void *body, size_t len, struct http_reply *);
void http_reply_fini(struct http_reply *);

/* Ends a request in progress and every later one. */
void http_stop(struct http *);
/* Reads secrets and certificates again before the next request. */
void http_reopen(struct http *);
/* The server that the next request goes to, for messages. */
const char *http_server(const struct http *);
/* Addresses of all servers (or the proxy): resolves names, may block. */
void http_endpoints(struct http *, output_endpoint_fn, void *ctx);

#endif
