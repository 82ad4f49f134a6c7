/*
 * docker_event: one object of Docker's event stream, read and turned into an
 * event of dataset tallyman.docker.
 *
 * Threads: one owner. Texts are lent by the JSON document.
 * Source: Docker Engine API 1.41, SystemEvents.
 */
#ifndef ENRICH_DOCKER_EVENT_H
#define ENRICH_DOCKER_EVENT_H

#include <stddef.h>

#include "agent/core/event.h"
#include "lib/json.h"
#include "lib/mono.h"

#define DOCKER_EVENT_ACTION	48

struct docker_event {
	struct wall	 when;
	const char	*type;		/* container, network, image, ... */
	char		 action[DOCKER_EVENT_ACTION];	/* "exec_create" */
	const char	*detail;	/* after "exec_create: ", or "" */
	const char	*actor;		/* Actor.ID */
	const char	*container;	/* id of the container, or "" */
	const char	*exec_id;	/* or "" */
	const char	*name;		/* Attributes.name, or "" */
	const struct json *attributes;
};

/* 0 or -EINVAL (no type, action or time). */
int docker_event_read(const struct json *, struct docker_event *out);
/* The event without its container fields; NULL when memory is out. */
struct event *docker_event_make(const struct docker_event *);

#endif
