/*
 * event: one thing that happened, as a set of named fields.
 *
 * Seven rules:
 * 1. event_new gives the caller one reference.
 * 2. pipeline_submit always takes it, also when it drops the event.
 * 3. All strings of an event live in its arena.
 * 4. Enrichers add fields and keep no pointer.
 * 5. After the last enricher the event is sealed; rules and outputs see it
 *    const.
 * 6. Who keeps it takes a reference.
 * 7. Packet bytes are lent for the length of the callback.
 *
 * A field is absent (nobody asked), missing (asked for and unknown), or set.
 * Setting a field twice replaces the value. When the event's arena is full or
 * memory is out a setter marks the event truncated and leaves the field as it
 * was; event_truncated tells, the pipeline counts it.
 *
 * Threads: one thread until sealed; after that any may read. References are
 * counted atomically.
 */
#ifndef AGENT_CORE_EVENT_H
#define AGENT_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/ipaddr.h"
#include "lib/mono.h"

#define FIELD(id, name, type, sigma, help) FIELD_##id,
enum field_id {
#include "agent/core/fields.def"
	FIELD_COUNT
};
#undef FIELD

enum field_type {
	FIELD_TYPE_STR, FIELD_TYPE_STRS, FIELD_TYPE_INT, FIELD_TYPE_DBL,
	FIELD_TYPE_BOOL, FIELD_TYPE_TIME, FIELD_TYPE_IP, FIELD_TYPE_IPS,
	FIELD_TYPE_JSON, FIELD_TYPE_MAP
};

/* One row of fields.def. */
struct field {
	const char	*name;		/* ECS name */
	enum field_type	 type;
	const char	*sigma;		/* other names in Sigma rules, "" none */
	const char	*help;
};
extern const struct field field_table[FIELD_COUNT];

/* The field with this ECS or Sigma name (exact), or FIELD_COUNT. */
enum field_id field_find(const char *name, size_t len);

enum event_dataset {
	EVENT_PROCESS, EVENT_FILE, EVENT_NETWORK, EVENT_FLOW, EVENT_DNS,
	EVENT_HTTP, EVENT_TLS, EVENT_DOCKER, EVENT_AUTH, EVENT_ALERT,
	EVENT_INCIDENT, EVENT_AGENT, EVENT_DATASETS
};
/* "tallyman.process" ...; static. */
const char *event_dataset_name(enum event_dataset);

struct event_str {
	const char	*text;		/* NUL after len bytes; may hold NULs */
	size_t		 len;
};

enum event_presence { EVENT_ABSENT, EVENT_MISSING, EVENT_SET };

struct event_value {
	enum field_id		 field;
	bool			 missing;
	uint32_t		 count;	/* lists: members (of a MAP all keys
					   and values); else 1 */
	union {
		struct event_str	 str;	/* STR, JSON */
		const struct event_str	*strs;	/* STRS; MAP: key, value, ... */
		int64_t			 num;	/* INT */
		double			 dbl;
		bool			 flag;
		struct wall		 time;
		struct ipaddr		 ip;
		const struct ipaddr	*ips;
	};
};

struct event;

/*
 * A new event of this dataset; sets @timestamp, event.dataset and
 * data_stream.dataset. NULL when memory is out (count it as a drop).
 */
struct event *event_new(enum event_dataset, struct wall when);
struct event *event_ref(const struct event *);
void event_unref(const struct event *);

enum event_dataset event_dataset(const struct event *);
struct wall event_time(const struct event *);
/* No setter may be called after this. */
void event_seal(struct event *);
bool event_sealed(const struct event *);
bool event_truncated(const struct event *);
/* For enrichment only: a fact that others are explained with. Neither judged
 * nor given to sinks; the ledger counts it as delivered. */
void event_set_private(struct event *);
bool event_private(const struct event *);
/* Bytes of memory that the event's fields take, for bounds of queues. */
size_t event_bytes(const struct event *);

/* Setters copy. The field's type in the table must match (asserted). A NULL
 * given to event_set_cstr sets nothing. */
void event_set_str(struct event *, enum field_id, const char *, size_t len);
void event_set_cstr(struct event *, enum field_id, const char *);
/* A number as text, in decimal. */
void event_set_digits(struct event *, enum field_id, uint64_t);
void event_set_fmt(struct event *, enum field_id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends to a list of texts; a text that is in the list already stays once
 * when unique is true. At most 4,096 members. */
void event_add_str(struct event *, enum field_id, const char *, size_t len,
    bool unique);
/* A key that is in the map already gets the new value. */
void event_add_pair(struct event *, enum field_id, const char *key,
    const char *value);
void event_set_num(struct event *, enum field_id, int64_t);
void event_set_dbl(struct event *, enum field_id, double);
void event_set_bool(struct event *, enum field_id, bool);
void event_set_time(struct event *, enum field_id, struct wall);
void event_set_ip(struct event *, enum field_id, const struct ipaddr *);
void event_add_ip(struct event *, enum field_id, const struct ipaddr *);
void event_set_json(struct event *, enum field_id, const char *, size_t len);
/* Asked for and unknown. Does nothing when the field is set. */
void event_set_missing(struct event *, enum field_id);
/* Copies one field, whatever its type, from another event (if it is set). */
void event_copy(struct event *to, const struct event *from, enum field_id);

/* NULL when absent or missing. Valid until the event changes or goes. */
const struct event_value *event_get(const struct event *, enum field_id);
enum event_presence event_has(const struct event *, enum field_id);
/* What is set or missing, in table order; valid as from event_get. Returns
 * how many. */
size_t event_values(const struct event *,
    const struct event_value *values[FIELD_COUNT]);
/* Shorthands: "" and 0 and false when not set. */
const char *event_str(const struct event *, enum field_id);
int64_t event_num(const struct event *, enum field_id);

/*
 * One JSON object, nested by the dots of the names, fields in table order, no
 * newline at the end. Missing fields are left out, and their names listed
 * under tallyman.missing. Returns 0 or -ENOMEM (buffer cap).
 */
int event_write_json(const struct event *, struct buf *out);

#endif
