/*
 * Which container is meant by a name or the beginning of an id. Names come
 * again: the newest container that has it is meant, the others are counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/doctext.h"
#include "outputs/query_private.h"

struct search {
	const char			*text;
	struct query_container		*found;
	int				 rank;		/* 3 id, 2 name, 1 prefix */
	size_t				 prefixes;
};

static int
rank_of(const struct json *doc, const char *text)
{
	const char *id = json_str(json_get(doc, "container.id"), NULL);

	if (strcmp(id, text) == 0)
		return 3;
	if (strcmp(json_str(json_get(doc, "container.name"), NULL), text) == 0)
		return 2;
	return id[0] != '\0' ? 1 : 0;
}

static int
look(void *ctx, const struct reader_row *row)
{
	struct search *s = ctx;
	struct json_doc *doc;
	int rank;

	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	rank = rank_of(json_root(doc), s->text);
	s->prefixes += rank == 1;
	if (rank == 0 || rank < s->rank) {
		json_doc_free(doc);
		return 0;
	}
	s->found->others = rank == s->rank ? s->found->others + 1 : 0;
	s->rank = rank;
	json_doc_free(s->found->document);
	s->found->document = doc;
	return 0;
}

int
query_find_container(struct reader *r, const char *text,
    struct query_container *out)
{
	struct reader_filter f = { .table = READER_CONTAINERS,
	    .container = text, .direct = true };
	struct query_container found = { 0 };
	struct search s = { .text = text, .found = &found };
	int err = reader_each(r, &f, look, &s, NULL);

	if (err == 0 && s.rank == 0)
		err = -ENOENT;
	if (err == 0 && s.rank == 1 && s.prefixes > 1)
		err = -ENOTUNIQ;
	if (err != 0) {
		json_doc_free(found.document);
		return err;
	}
	found.doc = json_root(found.document);
	*out = found;
	return 0;
}
