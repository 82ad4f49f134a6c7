/*
 * The inside of a tree of processes. Only for outputs/tree.c, which takes the
 * documents, and outputs/tree_link.c, which puts the processes in order.
 */
#ifndef OUTPUTS_TREE_PRIVATE_H
#define OUTPUTS_TREE_PRIVATE_H

#include "lib/buf.h"
#include "lib/hash.h"
#include "lib/map.h"
#include "outputs/tree.h"

/* Numbered things that grow; number 0 is not used. */
struct tree_pool {
	void	*all;
	size_t	 n, room, size, limit;
};

struct tree {
	struct tree_pool	 nodes, peers, entries;
	struct map	*by_entity, *by_text, *by_entry;
	struct buf	 texts;		/* length (4 bytes), bytes, NUL */
	struct hash_key	 key;
	uint32_t		 roots;
	size_t		 left_out;
	struct tree_peer strangers;
};

static inline void *
tree_at(const struct tree_pool *p, uint32_t id)
{
	return id == 0 || id > p->n ? NULL :
	    (char *)p->all + (size_t)id * p->size;
}

#endif
