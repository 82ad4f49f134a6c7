#include "outputs/sorter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
	int64_t	 key;
	uint64_t order;		/* of arrival */
	int64_t	 seq;
	off_t	 at;		/* in the file: length, text */
};

/* With a limit the places are a heap with the smallest on top. */
struct sorter {
	FILE		*file;
	struct place	*places;
	size_t		 n, room, limit;
	uint64_t	 added;
	off_t		 end;
};

struct sorter *
sorter_new(size_t limit)
{
	struct sorter *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->limit = limit;
	if ((s->file = tmpfile()) == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	fclose(s->file);
	free(s->places);
	free(s);
}

size_t
sorter_count(const struct sorter *s)
{
	return s->n;
}

static int
compare(const void *one, const void *other)
{
	const struct place *a = one, *b = other;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void
swap(struct place *a, struct place *b)
{
	struct place t = *a;

	*a = *b;
	*b = t;
}

static void
sift_up(struct sorter *s, size_t i)
{
	for (; i > 0 && compare(&s->places[i], &s->places[(i - 1) / 2]) < 0;
	    i = (i - 1) / 2)
		swap(&s->places[i], &s->places[(i - 1) / 2]);
}

static void
sift_down(struct sorter *s)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->n) {
		if (child + 1 < s->n && compare(&s->places[child + 1],
		    &s->places[child]) < 0)
			child++;
		if (compare(&s->places[i], &s->places[child]) <= 0)
			break;
		swap(&s->places[i], &s->places[child]);
		i = child;
	}
}

static int
grow(struct sorter *s)
{
	size_t room = s->room == 0 ? 1024 : s->room * 2;
	struct place *p;

	if (s->n < s->room)
		return 0;
	if ((p = reallocarray(s->places, room, sizeof(*p))) == NULL)
		return -ENOMEM;
	s->places = p;
	s->room = room;
	return 0;
}

int
sorter_add(struct sorter *s, int64_t key, const struct reader_row *row)
{
	struct place p = { key, s->added++, row->seq, s->end };
	int err;

	if (s->limit > 0 && s->n == s->limit &&
	    compare(&p, &s->places[0]) < 0)
		return 0;
	errno = EIO;
	if (fwrite(&row->len, sizeof(row->len), 1, s->file) != 1 ||
	    fwrite(row->text, 1, row->len, s->file) != row->len)
		return -errno;
	s->end += (off_t)(sizeof(row->len) + row->len);
	if (s->limit > 0 && s->n == s->limit) {
		s->places[0] = p;
		sift_down(s);
		return 0;
	}
	if ((err = grow(s)) != 0)
		return err;
	s->places[s->n++] = p;
	if (s->limit > 0)
		sift_up(s, s->n - 1);
	return 0;
}

static int
hand_out(struct sorter *s, const struct place *p, reader_row_fn fn, void *ctx)
{
	struct reader_row row = { .seq = p->seq };
	char *text;
	int answer;

	errno = EIO;
	if (fseeko(s->file, p->at, SEEK_SET) != 0 ||
	    fread(&row.len, sizeof(row.len), 1, s->file) != 1)
		return -errno;
	if ((text = malloc(row.len + 1)) == NULL)
		return -ENOMEM;
	text[row.len] = '\0';
	row.text = text;
	if (fread(text, 1, row.len, s->file) != row.len)
		answer = -EIO;
	else
		answer = fn(ctx, &row);
	free(text);
	return answer;
}

int
sorter_each(struct sorter *s, bool backwards, reader_row_fn fn, void *ctx)
{
	int answer = 0;
	size_t i;

	if (s->n > 0)
		qsort(s->places, s->n, sizeof(*s->places), compare);
	for (i = 0; i < s->n && answer == 0; i++)
		answer = hand_out(s, &s->places[backwards ? s->n - 1 - i : i],
		    fn, ctx);
	return answer;
}
