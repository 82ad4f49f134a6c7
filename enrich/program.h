/*
 * program: what a process executes: path, name and the beginning of its
 * arguments, shared by a process and its children. Reference counted; the
 * bytes of all are limited through struct program_budget, past which only
 * path and name are kept.
 *
 * Threads: the loop thread. Nothing here logs or blocks.
 */
#ifndef ENRICH_PROGRAM_H
#define ENRICH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"

#define PROGRAM_BYTES	1024		/* of arguments, each program */
#define PROGRAM_ARGS	64

struct program_budget {
	size_t	used, limit;		/* bytes */
};

struct program;

/* exe, name: NUL terminated, may be "". name "": the last part of exe. NULL
 * when memory is out. */
struct program *program_new(struct program_budget *, const char *exe,
    const char *name, const struct event_str *args, size_t n_args);
/* Accept NULL. */
struct program *program_ref(struct program *);
void program_unref(struct program_budget *, struct program *);

const char *program_exe(const struct program *);
const char *program_name(const struct program *);
size_t program_n_args(const struct program *);
const char *program_arg(const struct program *, size_t i);
/* Arguments joined by spaces. */
void program_command_line(const struct program *, struct buf *out);

#endif
