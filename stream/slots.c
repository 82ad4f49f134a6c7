#include "stream/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Doubled when four fifths are used. */
#define CELLS_MIN	64

static size_t
room_for(size_t cells)
{
	return cells / 5 * 4;
}

static void
use_cells(struct slots *s, size_t n)
{
	s->cells = s->memory + n;
	s->mask = (uint32_t)(n - 1);
	s->grow_at = (uint32_t)room_for(n);
}

int
slots_init(struct slots *s, size_t limit)
{
	size_t most = CELLS_MIN;

	assert(limit <= (size_t)1 << 30);
	while (room_for(most) < limit)
		most *= 2;
	/* The cells in use stand behind all smaller ones: 2 * most - 1. */
	s->memory = calloc(most * 2, sizeof(*s->memory));
	if (s->memory == NULL)
		return -ENOMEM;
	use_cells(s, CELLS_MIN);
	s->used = 0;
	s->limit = (uint32_t)limit;
	return 0;
}

void
slots_fini(struct slots *s)
{
	free(s->memory);
	s->memory = s->cells = NULL;
}

static void
put(struct slots *s, uint64_t cell)
{
	uint32_t at = (uint32_t)(cell >> 32) & s->mask;

	while (s->cells[at] != 0)
		at = (at + 1) & s->mask;
	s->cells[at] = cell;
}

/* Gives the pages of cells that are not used any more back. */
static void
give_back(uint64_t *cells, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)cells + page - 1) / page * page;
	uintptr_t to = (uintptr_t)(cells + n) / page * page;

	if (from < to)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static void
grow(struct slots *s)
{
	uint64_t *old = s->cells;
	size_t n = (size_t)s->mask + 1, i;

	use_cells(s, n * 2);
	for (i = 0; i < n; i++)
		if (old[i] != 0)
			put(s, old[i]);
	give_back(old, n);
}

void
slots_add(struct slots *s, uint64_t hash, uint32_t number)
{
	assert(s->used < s->limit);
	if (s->used == s->grow_at)
		grow(s);
	put(s, (uint64_t)slots_tag(hash) << 32 | (number + 1));
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
