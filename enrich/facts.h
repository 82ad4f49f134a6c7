/*
 * facts: what Docker says about one container, read from the three shapes in
 * which it says it: GET /containers/ID/json (inspect), an element of GET
 * /containers/json (list), and the attributes of a `create` event.
 *
 * Labels, names and mounts are chosen by whoever starts a container: all
 * texts are limited in length and number, what is over is left out and
 * `cut` says so.
 *
 * Threads: one owner. All texts live in the facts' own arena; absent texts
 * are "". Source: Docker Engine API 1.41, ContainerInspect, ContainerList,
 * SystemEvents.
 */
#ifndef ENRICH_FACTS_H
#define ENRICH_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/ipaddr.h"
#include "lib/json.h"
#include "lib/mono.h"

#define FACTS_LABELS	64
#define FACTS_NETWORKS	32
#define FACTS_PORTS	128
#define FACTS_MOUNTS	64
#define FACTS_CAPS	48
#define FACTS_TEXT	1024	/* bytes of one text */

struct facts_pair { const char *key, *value; };	/* key without dots */

struct facts_network {
	const char	*name, *id, *mac;	/* MAC in RFC 7042 form */
	struct ipaddr	 ip, ip6, gateway, gateway6;	/* family 0: none */
	uint8_t		 bits, bits6;
};

struct facts {
	struct arena	*arena;
	char		 id[65];
	const char	*name;		/* without the slash */
	const char	*image;		/* as named at start, without tag */
	const char	*tag;
	const char	*image_id;	/* "sha256:..." */
	const char	*image_digest;	/* "sha256:..." of name@digest */
	struct facts_pair labels[FACTS_LABELS];
	size_t		 n_labels;
	struct facts_network networks[FACTS_NETWORKS];
	size_t		 n_networks;
	const char	*ports[FACTS_PORTS];	/* "0.0.0.0:8080->80/tcp" */
	size_t		 n_ports;
	const char	*mounts[FACTS_MOUNTS];	/* "source:destination:mode" */
	size_t		 n_mounts;
	const char	*cap_add[FACTS_CAPS], *cap_drop[FACTS_CAPS];
	size_t		 n_cap_add, n_cap_drop;
	const char	*network_mode, *pid_mode, *userns_mode, *user;
	const char	*state;		/* created, running, paused, exited ... */
	bool		 privileged;
	bool		 inspected;	/* all of the above is known */
	bool		 cut;
	uint32_t	 init_pid;	/* host pid, 0 when not running */
	int64_t		 exit_code;
	int64_t		 restarts;
	struct wall	 created, started, finished;	/* 0: unknown */
};

/* All three give new facts, or NULL with errno EINVAL (no id of 64 hex
 * digits) or ENOMEM. Missing members are no error. */
struct facts *facts_from_inspect(const struct json *);
struct facts *facts_from_list(const struct json *element);
/* attributes: Actor.Attributes; created: time of the event. */
struct facts *facts_from_create(const char *id, const struct json *attributes,
    struct wall created);
/* Another container that differs in its name only (rename event). */
int facts_rename(struct facts *, const char *name);
void facts_free(struct facts *);

/* True for exactly 64 lower-case hex digits. */
bool facts_is_id(const char *, size_t len);

#endif
