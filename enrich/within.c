#include "enrich/within.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"

struct place {
	struct netns_member	members[NETNS_MEMBERS];
	size_t			n;
};

struct within_table {
	struct map	*places;	/* by scope */
};

struct within_table *
within_table_new(void)
{
	struct within_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->places = map_new(sizeof(uint16_t), sizeof(struct place),
	    WITHIN_SCOPES, NULL, NULL);
	if (t->places == NULL) {
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

void
within_table_free(struct within_table *t)
{
	if (t == NULL)
		return;
	map_free(t->places);
	free(t);
}

void
within_add(struct within_table *t, uint16_t scope, const uint8_t id[static 32])
{
	struct place *p = map_put(t->places, &scope, NULL);
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->n; i++)
		if (memcmp(p->members[i].id, id, 32) == 0)
			return;
	if (p->n < NETNS_MEMBERS)
		memcpy(p->members[p->n++].id, id, 32);
}

size_t
within_members(const struct within_table *t, uint16_t scope,
    struct netns_member out[static NETNS_MEMBERS])
{
	const struct place *p = map_get(t->places, &scope);

	if (p == NULL)
		return 0;
	memcpy(out, p->members, p->n * sizeof(*out));
	return p->n;
}

bool
within_is_used(const struct within_table *t)
{
	return map_count(t->places) != 0;
}
