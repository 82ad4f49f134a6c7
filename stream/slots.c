#include "stream/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int
slots_init(struct slots *s, size_t limit)
{
	size_t size = 16;

	assert(limit <= (size_t)1 << 30);
	while (size < limit + limit / 2)
		size *= 2;
	s->cells = calloc(size, sizeof(*s->cells));
	if (s->cells == NULL)
		return -ENOMEM;
	s->mask = (uint32_t)(size - 1);
	s->used = 0;
	s->limit = (uint32_t)limit;
	return 0;
}

void
slots_fini(struct slots *s)
{
	free(s->cells);
	s->cells = NULL;
}

void
slots_add(struct slots *s, uint64_t hash, uint32_t number)
{
	uint32_t tag = slots_tag(hash), at = tag & s->mask;

	assert(s->used < s->limit);
	while (s->cells[at] != 0)
		at = (at + 1) & s->mask;
	s->cells[at] = (uint64_t)tag << 32 | (number + 1);
	s->used++;
}

static uint32_t
locate(const struct slots *s, uint64_t hash, uint32_t number)
{
	uint32_t tag = slots_tag(hash), at = tag & s->mask;
	uint64_t wanted = (uint64_t)tag << 32 | (number + 1);

	for (; s->cells[at] != 0; at = (at + 1) & s->mask)
		if (s->cells[at] == wanted)
			return at;
	return SLOTS_NONE;
}

/* Moves later entries of the run back over the hole, so that none is lost. */
static void
close_hole(struct slots *s, uint32_t hole)
{
	uint32_t at = hole, home;

	for (;;) {
		at = (at + 1) & s->mask;
		if (s->cells[at] == 0)
			break;
		home = (uint32_t)(s->cells[at] >> 32) & s->mask;
		if (((at - home) & s->mask) < ((at - hole) & s->mask))
			continue;
		s->cells[hole] = s->cells[at];
		hole = at;
	}
	s->cells[hole] = 0;
}

bool
slots_remove(struct slots *s, uint64_t hash, uint32_t number)
{
	uint32_t at = locate(s, hash, number);

	if (at == SLOTS_NONE)
		return false;
	close_hole(s, at);
	s->used--;
	return true;
}

bool
slots_replace(struct slots *s, uint64_t hash, uint32_t number, uint32_t with)
{
	uint32_t at = locate(s, hash, number);

	if (at == SLOTS_NONE)
		return false;
	s->cells[at] = (uint64_t)slots_tag(hash) << 32 | (with + 1);
	return true;
}
