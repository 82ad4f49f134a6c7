/*
 * mono: time. Two kinds that cannot be mixed up (each is a struct) and a
 * clock that tests and `replay` can drive by hand.
 *
 * struct mono: nanoseconds of CLOCK_BOOTTIME; for intervals and timeouts.
 * struct wall: nanoseconds since 1970-01-01 UTC; for what people read.
 *
 * Threads: a real clock may be read by any thread; a driven one belongs to
 * the thread that sets it.
 */
#ifndef LIB_MONO_H
#define LIB_MONO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mono { int64_t ns; };
struct wall { int64_t ns; };

#define MONO_US	INT64_C(1000)
#define MONO_MS	INT64_C(1000000)
#define MONO_S	INT64_C(1000000000)

struct mono_clock {
	bool		driven;		/* false: ask the kernel */
	struct mono	mono;		/* driven only: the time it shows */
	struct wall	wall;
};

/* What the clock shows now. */
struct mono mono_now(const struct mono_clock *);
struct wall mono_wall(const struct mono_clock *);

/*
 * Sets a driven clock: wall as given, mono moved by the same distance but
 * never backwards. The first call starts mono at wall.
 */
void mono_drive(struct mono_clock *, struct wall);

/* Bytes that wall_format needs, with the terminating NUL. */
#define WALL_TEXT	31

/*
 * RFC 3339 in UTC with nine digits: 2026-06-01T09:14:07.412000000Z.
 * A time out of the years 0000 to 9999 is shown as the nearest one in it.
 */
void wall_format(struct wall, char text[static WALL_TEXT]);

/*
 * Parses RFC 3339 (with Z or an offset, 0 to 9 fraction digits), or a span
 * before now such as 10s, 5m, 2h, 3d. Returns 0 or -EINVAL.
 */
int wall_parse(const char *text, struct wall now, struct wall *out);

#endif
