/*
 * bulk: the body of an Elasticsearch or OpenSearch _bulk request, and the
 * meaning of the answer. Pure functions on bytes: the connection is
 * elasticsearch.c's.
 *
 * Source: Elasticsearch reference, "Bulk API" (8.x) and "Data streams";
 * OpenSearch documentation, "Bulk".
 * Threads: any; no state.
 */
#ifndef OUTPUTS_BULK_H
#define OUTPUTS_BULK_H

#include "lib/buf.h"
#include "outputs/output.h"

/* Bytes that an _id may have. */
#define BULK_ID_MAX	512

/*
 * Appends for each document the line {"create":{"_index":"logs-<dataset>-
 * <space>","_id":"<event.id>"}} and the document's line. `create`, because a
 * data stream takes nothing else, and because a second delivery is then a
 * conflict and no second document. An id that is too long is replaced by its
 * hash; a document without one gets none.
 */
void bulk_write(struct buf *out, const char *space, const struct output_doc *,
    size_t n);

/*
 * What an answer means. OUTPUT_OK: every document got its verdict (OK,
 * DUPLICATE, RETRY_ITEM or DEAD with the reason). Otherwise for all:
 *
 *	2xx that is no answer to n documents	RETRY_BATCH
 *	408, 429, 5xx				RETRY_BATCH
 *	413, 400				SPLIT
 *	401, 403 and any other status		HOLD
 *
 * answer->text says it in words.
 */
enum output_verdict bulk_judge(long status, const char *body, size_t len,
    struct output_doc *, size_t n, struct output_answer *answer);

#endif
