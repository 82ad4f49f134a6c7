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

struct outbox {
	int				fd;
	size_t				limit, used;
	bool				lost;
	STAILQ_HEAD(, letter)		letters;
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
append(struct outbox *o, const struct wire_answer *answer, const char *bytes,
    int fd)
{
	struct letter *l = malloc(sizeof(*l) + answer->len);

	if (l == NULL) {
		if (fd != -1)
			close(fd);
		o->lost = true;
		return -ENOBUFS;
	}
	l->answer = *answer;
	if (o->lost)
		l->answer.flags |= WIRE_LOST;
	o->lost = false;
	l->fd = fd;
	if (answer->len > 0)
		memcpy(l->bytes, bytes, answer->len);
	o->used += sizeof(*l) + answer->len;
	STAILQ_INSERT_TAIL(&o->letters, l, next);
	return 0;
}

int
outbox_put(struct outbox *o, const struct wire_answer *answer,
    const void *bytes, size_t len, bool last, int pass_fd)
{
	struct wire_answer chunk = *answer;
	const char *pos = bytes;
	int rc = 0;

	if (o->used + len > o->limit) {
		o->lost = true;
		if (pass_fd != -1)
			close(pass_fd);
		return -ENOBUFS;
	}
	do {
		chunk.len = (uint32_t)(len < WIRE_CHUNK ? len : WIRE_CHUNK);
		chunk.flags = last && chunk.len == len ? WIRE_LAST : 0;
		rc = append(o, &chunk, pos, pass_fd);
		pass_fd = -1;
		pos += chunk.len;
		len -= chunk.len;
	} while (len > 0 && rc == 0);
	return rc != 0 ? rc : outbox_flush(o);
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
