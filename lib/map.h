/*
 * map: a bounded hash table from byte keys to entries with an LRU order.
 * Keys are hashed with a random key (lib/hash.h). When the table is full the
 * oldest entry is evicted through the owner's callback, so nothing goes
 * silently.
 *
 * The entry's payload is inside the table's own memory: its address is
 * stable until it is removed. Threads: one owner. Nothing logs or blocks.
 */
#ifndef LIB_MAP_H
#define LIB_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

/*
 * Called before an entry goes because the table was full, or in map_free
 * (evicted false). May not touch the map.
 */
typedef void (*map_gone_fn)(void *ctx, const void *key, void *value,
    bool evicted);

/*
 * key_size: bytes of every key, 1 to 256 (padding must be zeroed by the
 * caller); value_size: bytes of every value, zeroed when made; limit: most
 * entries, at least 1. gone may be NULL. NULL with errno ENOMEM.
 */
struct map *map_new(size_t key_size, size_t value_size, size_t limit,
    map_gone_fn gone, void *ctx);
void map_free(struct map *);

/* The value or NULL. Does not change the order. */
void *map_get(struct map *, const void *key);
/*
 * The value, made (zeroed) when absent; *made may be NULL. It becomes the
 * newest. NULL only when memory is exhausted.
 */
void *map_put(struct map *, const void *key, bool *made);
/* Makes the entry of this value the newest. */
void map_touch(struct map *, void *value);
/* Removes without calling gone. Accepts NULL. */
void map_remove(struct map *, void *value);

size_t map_count(const struct map *);
/* Oldest entry first; NULL at the end. Remove of the current one is allowed
 * after its successor was taken. */
void *map_oldest(struct map *);
void *map_newer(struct map *, void *value);
const void *map_key(const struct map *, const void *value);
/* Bytes of memory that the table holds now. */
size_t map_bytes(const struct map *);

#endif
