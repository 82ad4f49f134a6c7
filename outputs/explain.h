/*
 * explain: what `tallyman explain` says about one document: each owner with
 * its method, and what was lost at that time. For people, or as members of a
 * JSON object that is open.
 *
 * Threads: main thread of a command.
 */
#ifndef OUTPUTS_EXPLAIN_H
#define OUTPUTS_EXPLAIN_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "outputs/query.h"
#include "outputs/reader.h"

#define EXPLAIN_INDENT	14	/* columns before what a row says */

struct explain {
	const struct query_env	*env;
	struct reader		*reader;
	struct json_doc		*document;	/* doc is its root */
	const struct json	*doc;
	size_t			 width;		/* columns of a line */
	bool			 json;
	struct json_writer	 w;		/* json: the object */
};

/* The container of the document. */
void explain_container(struct explain *);
/* An end of a flow, "source" or "destination": its own method where the
 * document has one, the owner's where it is the owner, else what every other
 * end is known by. */
void explain_end(struct explain *, const char *end);
void explain_process(struct explain *);
void explain_nat(struct explain *);
void explain_entry(struct explain *);
void explain_relay(struct explain *);
/* What was lost then. 0 or -errno of a reader. */
int explain_gaps(struct explain *);

/* Raw text of a field, "" when absent. */
const char *explain_text(const struct explain *, const char *path);
bool explain_has(const struct explain *, const char *path);
/* Fields that were asked for and are not known, whose names begin so; "": all
 * that no owner has taken. */
void explain_list_missing(const struct explain *, const char *prefix,
    struct buf *out);
/* A row of safe text, on as many lines as it takes. */
void explain_put_row(const struct explain *, const char *label,
    const char *text);
void explain_put_key(struct explain *, const char *key, const char *text);

#endif
