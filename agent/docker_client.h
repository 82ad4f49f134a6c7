/*
 * docker_client: GET requests to the Docker API over its unix socket, on
 * libcurl's multi interface. No other method can be sent. The answers are not
 * parsed here: they go to the callback as they come.
 *
 * Threads: the broker's loop. Nothing blocks.
 * Source: Docker Engine API v1.41: /containers/json, /containers/{id}/json,
 * /events. Podman answers the same on its own socket.
 */
#ifndef AGENT_DOCKER_CLIENT_H
#define AGENT_DOCKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "agent/wire.h"

/*
 * Bytes of an answer. WIRE_DOCKER_EVENTS: as they come, last false, then one
 * call with last true when the stream ended. The others: one call with the
 * whole body. status: the HTTP status, or -errno when there was none
 * (-ENOENT no socket, -ECONNREFUSED nobody listens, -EACCES, -EMSGSIZE the
 * body is larger than 32 MiB, -EIO else).
 */
typedef void (*docker_client_fn)(void *ctx, enum wire_verb, const char *id,
    int status, const void *bytes, size_t len, bool last);

struct docker_client;

/* The path is copied. NULL with errno ENOMEM. */
struct docker_client *docker_client_new(const char *socket_path,
    docker_client_fn, void *ctx);
void docker_client_free(struct docker_client *);

/*
 * Starts one request. An open event stream is closed first when another is
 * asked for. At most 256 at once: -EBUSY. id: WIRE_DOCKER_INSPECT only.
 */
int docker_client_get(struct docker_client *, enum wire_verb, const char *id,
    int64_t since_ns);

/* Waits for the sockets of all requests and the caller's own descriptors. */
int docker_client_poll(struct docker_client *, struct curl_waitfd *extra,
    unsigned n_extra, int timeout_ms);
/* Does what is due and calls back. */
void docker_client_turn(struct docker_client *);

#endif
