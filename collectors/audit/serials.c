#include "collectors/audit/serials.h"

#include <string.h>

#define WAIT_NS		(2 * MONO_S)

void
audit_serials_init(struct audit_serials *s)
{
	memset(s, 0, sizeof(*s));
}

static uint64_t
bit(uint32_t serial)
{
	return UINT64_C(1) << (serial % 64);
}

static uint64_t *
word(struct audit_serials *s, uint32_t serial)
{
	return &s->seen[serial % AUDIT_SERIALS_WINDOW / 64];
}

/* Judges the whole window and what lies between it and end at once. */
static void
judge_all(struct audit_serials *s, uint32_t end)
{
	uint64_t missing = (uint32_t)(end - s->next);

	for (size_t i = 0; i < AUDIT_SERIALS_WINDOW / 64; i++) {
		missing -= (uint64_t)__builtin_popcountll(s->seen[i]);
		s->seen[i] = 0;
	}
	if (end < s->next)	/* the kernel never uses 0 */
		missing--;
	s->gaps += missing;
	s->next = end;
}

/* Judges every serial below end. */
static void
judge(struct audit_serials *s, uint32_t end)
{
	if ((int32_t)(end - s->next) >= AUDIT_SERIALS_WINDOW)
		judge_all(s, end);
	while ((int32_t)(end - s->next) > 0) {
		if (*word(s, s->next) & bit(s->next))
			*word(s, s->next) &= ~bit(s->next);
		else if (s->next != 0)
			s->gaps++;
		s->next++;
	}
}

static void
restart(struct audit_serials *s, uint32_t serial)
{
	if (s->started)
		s->restarts++;
	memset(s->seen, 0, sizeof(s->seen));
	s->started = true;
	s->next = s->high = s->mark = serial;
}

void
audit_serials_see(struct audit_serials *s, uint32_t serial)
{
	int32_t ahead = (int32_t)(serial - s->high);

	if (!s->started || ahead > (int32_t)AUDIT_SERIALS_JUMP ||
	    ahead < -(int32_t)AUDIT_SERIALS_JUMP)
		restart(s, serial);
	if ((int32_t)(serial - s->next) < 0)
		return;		/* judged already, or before the first */
	if ((int32_t)(serial - s->next) >= AUDIT_SERIALS_WINDOW)
		judge(s, serial - AUDIT_SERIALS_WINDOW + 1);
	*word(s, serial) |= bit(serial);
	if ((int32_t)(serial + 1 - s->high) > 0)
		s->high = serial + 1;
}

void
audit_serials_tick(struct audit_serials *s, struct mono now)
{
	if (!s->started || now.ns - s->mark_time.ns < WAIT_NS)
		return;
	judge(s, s->mark);
	s->mark = s->high;
	s->mark_time = now;
}

void
audit_serials_finish(struct audit_serials *s)
{
	if (s->started)
		judge(s, s->high);
}
