#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/outbox.h"

struct letter {
	STAILQ_ENTRY(letter)	next;
	struct wire_answer	answer;
	int			fd;
	char			bytes[];
};

STAILQ_HEAD(letters, letter);

struct outbox {
	int				fd;
	size_t				limit, used;
	bool				lost;
	struct letters			letters;
};

struct outbox *
outbox_new(int fd, size_t limit)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->fd = fd;
	o->limit = limit;
	STAILQ_INIT(&o->letters);
	return o;
}

static void
remove_first(struct outbox *o)
{
	struct letter *l = STAILQ_FIRST(&o->letters);

	STAILQ_REMOVE_HEAD(&o->letters, next);
	o->used -= sizeof(*l) + l->answer.len;
	if (l->fd != -1)
		close(l->fd);
	free(l);
}

void
outbox_free(struct outbox *o)
{
	if (o == NULL)
		return;
	while (!STAILQ_EMPTY(&o->letters))
		remove_first(o);
	free(o);
}

static int
append(struct letters *to, const struct wire_answer *answer,
    const char *bytes, int fd)
{
	struct letter *l = malloc(sizeof(*l) + answer->len);

	if (l == NULL)
		return -ENOBUFS;
	l->answer = *answer;
	l->fd = fd;
	if (answer->len > 0)
		memcpy(l->bytes, bytes, answer->len);
	STAILQ_INSERT_TAIL(to, l, next);
	return 0;
}

/* All chunks or none: half an answer would be read as part of the next. */
static int
cut(struct letters *to, const struct wire_answer *answer, const char *pos,
    size_t len, bool last, int pass_fd)
{
	struct wire_answer chunk = *answer;
	int rc;

	do {
		chunk.len = (uint32_t)(len < WIRE_CHUNK ? len : WIRE_CHUNK);
		chunk.flags = (answer->flags & WIRE_NOTES) |
		    (last && chunk.len == len ? WIRE_LAST : 0);
		rc = append(to, &chunk, pos, pass_fd);
		pass_fd = -1;
		pos = pos == NULL ? NULL : pos + chunk.len;
		len -= chunk.len;
	} while (len > 0 && rc == 0);
	return rc;
}

static int
refuse(struct outbox *o, const struct wire_answer *answer, int pass_fd)
{
	/* Who asked for anything else notices that nothing comes. */
	if (answer->verb == WIRE_DOCKER_EVENTS)
		o->lost = true;
	if (pass_fd != -1)
		close(pass_fd);
	return -ENOBUFS;
}

int
outbox_put(struct outbox *o, const struct wire_answer *answer,
    const void *bytes, size_t len, bool last, int pass_fd)
{
	struct letters all = STAILQ_HEAD_INITIALIZER(all);
	struct letter *l;

	/* The end of a scan is waited for: it goes in always. */
	if (o->used + len > o->limit && answer->verb != WIRE_PROC_SCAN)
		return refuse(o, answer, pass_fd);
	if (cut(&all, answer, bytes, len, last, pass_fd) != 0) {
		while ((l = STAILQ_FIRST(&all)) != NULL) {
			STAILQ_REMOVE_HEAD(&all, next);
			free(l);
		}
		return refuse(o, answer, pass_fd);
	}
	if (o->lost)
		STAILQ_FIRST(&all)->answer.flags |= WIRE_LOST;
	o->lost = false;
	STAILQ_FOREACH(l, &all, next)
		o->used += sizeof(*l) + l->answer.len;
	STAILQ_CONCAT(&o->letters, &all);
	return outbox_flush(o);
}

int
outbox_flush(struct outbox *o)
{
	struct letter *l;
	int rc;

	while ((l = STAILQ_FIRST(&o->letters)) != NULL) {
		rc = wire_answer(o->fd, &l->answer, l->bytes, l->fd);
		if (rc == -EAGAIN)
			return 0;
		if (rc != 0)
			return rc;
		remove_first(o);
	}
	return 0;
}

bool
outbox_waiting(const struct outbox *o)
{
	return !STAILQ_EMPTY(&o->letters);
}

size_t
outbox_bytes(const struct outbox *o)
{
	return o->used;
}
