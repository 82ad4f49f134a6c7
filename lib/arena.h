/*
 * arena: many small allocations that die together. Memory is zeroed, aligned
 * for any type, and limited: past the cap every request gives NULL.
 *
 * Threads: one owner at a time. No function here logs or blocks.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stddef.h>

struct arena;

/*
 * cap: bytes in all that may be asked for, 0 means 1 MiB. Returns NULL with
 * errno ENOMEM. The caller frees it with arena_free, and with it every
 * pointer that it gave.
 */
struct arena *arena_new(size_t cap);
/* The same with `first` bytes in the first block, which arena_reset keeps. */
struct arena *arena_new_sized(size_t cap, size_t first);
void arena_free(struct arena *);
/* Forgets all allocations, keeps the first block for reuse. */
void arena_reset(struct arena *);

/* NULL when the cap or memory is exhausted. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *, size_t size);
/* A copy of data with a NUL after it. */
char *arena_memdup(struct arena *, const void *data, size_t len);
char *arena_strdup(struct arena *, const char *);
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *);

#endif
