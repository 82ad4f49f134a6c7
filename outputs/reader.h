/*
 * reader: reading the store while the agent writes it: for the commands, and
 * for the senders that empty the spool. Opens read-only, and never makes or
 * changes a file that the agent could not use afterwards.
 *
 * Threads: one owner per reader; any number of readers, in any process.
 */
#ifndef OUTPUTS_READER_H
#define OUTPUTS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mono.h"

enum reader_table {
	READER_EVENTS,		/* all datasets but flows, alerts included */
	READER_ALERTS, READER_INCIDENTS, READER_FLOWS, READER_CONTAINERS
};

/* Zero and NULL mean: do not care. */
struct reader_filter {
	enum reader_table	 table;
	struct wall		 since, until;	/* ns 0: open; a flow was there
						 * in that time if it had begun
						 * by its end, and was reported
						 * after its beginning */
	const char		*container;	/* name, or prefix of the id; of
						 * either end of a flow */
	const char		*rule;		/* exact id */
	const char		*dataset;	/* "tallyman.dns" */
	int64_t			 after;		/* > 0: rows that came after this
						 * number, in that order */
	size_t			 limit;		/* the newest so many */
	const char		*contains;	/* in the document's text, as it
						 * stands in the JSON */
	bool			 direct;	/* fn is quick and waits for
						 * nobody: no detour by a file */
	bool			 unordered;	/* all rows, in the order that
						 * costs least */
};

struct reader_row {
	int64_t		 seq;
	const char	*text;		/* the document as it was stored */
	size_t		 len;
};
/* Non-zero ends the walk and is returned. Texts are lent for the call. */
typedef int (*reader_row_fn)(void *ctx, const struct reader_row *);

struct reader_spooled {
	int64_t		 row;
	const char	*output, *id, *dataset, *reason;
	struct wall	 time, next;
	unsigned	 attempts;
	const char	*text;
	size_t		 len;
};
typedef int (*reader_spooled_fn)(void *ctx, const struct reader_spooled *);

struct reader;

/*
 * NULL with errno: ENOENT (no store there), EACCES (no right to read it),
 * EPROTO (schema of another version), EUCLEAN (damaged), EBUSY, ENOMEM, EIO.
 */
struct reader *reader_open(const char *path);
void reader_close(struct reader *);

/*
 * Calls fn for every row that fits, oldest first; the store is not held while
 * fn runs, however long it takes. The filter may say otherwise. *last (may be
 * NULL) becomes the number to follow from. 0, fn's answer, or -errno as above
 * or of a temporary file.
 */
int reader_each(struct reader *, const struct reader_filter *, reader_row_fn,
    void *ctx, int64_t *last);
/*
 * The document with this event.id, alert id or flow id: fn is called once.
 * Of a flow only the latest report is kept: it answers to the id of each. 0,
 * fn's answer, -ENOENT, or -errno as above.
 */
int reader_find(struct reader *, const char *id, reader_row_fn, void *ctx);
/* Has anything been written since the last call? True when in doubt. */
bool reader_changed(struct reader *);

/* What is owed to an output, rows above `after`, in order, at most limit. */
int reader_spool(struct reader *, const char *output, int64_t after,
    size_t limit, reader_spooled_fn, void *ctx);
/* Dead letters of an output (NULL: of all), oldest first. */
int reader_dead(struct reader *, const char *output, reader_spooled_fn,
    void *ctx);

#endif
