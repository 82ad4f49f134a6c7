/*
 * doctext: pieces of a stored document as text for people: a field by its
 * path, an end of a connection, times, sizes. Whatever comes from a document
 * goes through outputs/termtext.
 *
 * Not for: JSON output, which is what was stored.
 * Threads: main thread of a command.
 */
#ifndef OUTPUTS_DOCTEXT_H
#define OUTPUTS_DOCTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/mono.h"

/* A text by path, or the first of a list of texts; raw, "" when absent. */
const char *doctext_str(const struct json *, const char *path, size_t *len);
/* Appends that text made safe; false: there is none. */
bool doctext_add(struct buf *, const struct json *, const char *path);
/* The first 12 characters of it. */
bool doctext_add_id(struct buf *, const struct json *, const char *path);
bool doctext_wall(const struct json *, const char *path, struct wall *out);
/* Local time to the second: 2026-06-01 09:14:07. */
void doctext_add_time(struct buf *, struct wall);
/*
 * A moment as people write it: RFC 3339 and spans as wall_parse takes them,
 * or local time as the tables show it: 2026-06-01 09:14:07, without the
 * seconds or the time of day, and without the year (the last such moment
 * before now) or the day (09:14). 0 or -EINVAL.
 */
int doctext_parse_time(const char *text, struct wall now, struct wall *out);
/* Local time of day to the millisecond: 09:14:07.701. */
void doctext_add_clock(struct buf *, struct wall);
/* "address:port" of "source" or "destination"; false: no address. IPv6
 * stands in brackets where a port follows. */
bool doctext_add_end(struct buf *, const struct json *, const char *end);
/* The owner of a flow is its responder (a published port). */
bool doctext_owner_answers(const struct json *);
/* What a container may do beyond Docker's default: "privileged", "+CAP",
 * "-CAP", "network:host", "pid:host", "userns:host"; "?" when Docker was not
 * asked. */
void doctext_add_privileges(struct buf *, const struct json *);
/* 10582144: "10.1 MiB". */
void doctext_add_bytes(struct buf *, int64_t);
/* Nanoseconds: "12ms", "1.5s", "3m05s", "2h10m", "3d04h". */
void doctext_add_span(struct buf *, int64_t ns);

#endif
