/*
 * json: reading whole documents into a tree and writing text, on yajl.
 *
 * Reader: one arena per document, depth and node count limited, so a hostile
 * document (container labels) costs a bounded amount. Numbers keep their
 * text. Duplicate keys: the last one wins. Invalid UTF-8 is an error, unless
 * JSON_LAX is given, when it is kept as it is.
 * Writer: appends to a buf; strings are escaped and invalid UTF-8 bytes are
 * written as U+FFFD, so the output is always valid JSON.
 *
 * Threads: one owner each. Nothing here logs or blocks.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum json_type {
	JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

struct json;			/* a node; lives as long as its document */
struct json_doc;

#define JSON_LAX	0x1
#define JSON_DEPTH_MAX	64
#define JSON_NODES_MAX	200000

/*
 * Parses exactly one document (surrounding white space allowed). On failure
 * returns NULL with errno EINVAL (text), E2BIG (too deep, too many nodes) or
 * ENOMEM, and err (may be NULL) holds "line N, column N: why".
 */
struct json_doc *json_parse(const char *text, size_t len, int flags,
    char *err, size_t err_size);
void json_doc_free(struct json_doc *);
const struct json *json_root(const struct json_doc *);

/* All accessors accept NULL and a node of another type: 0, false, NULL, "". */
enum json_type json_typeof(const struct json *);
/* Member of an object by dotted path ("State.Pid"); NULL when absent. */
const struct json *json_get(const struct json *, const char *path);
/* Member by its exact key, dots included. */
const struct json *json_member(const struct json *, const char *key);
/* Also the text of a number. len may be NULL. */
const char *json_str(const struct json *, size_t *len);
int64_t json_int(const struct json *);	/* saturates */
double json_double(const struct json *);
bool json_bool(const struct json *);
/* Children of an array or object, in order. */
size_t json_count(const struct json *);
const struct json *json_at(const struct json *, size_t i);
const char *json_key_at(const struct json *, size_t i);	/* objects */

/* Writer. Commas are put by themselves. */
struct json_writer {
	struct buf	*out;
	uint64_t	 comma;		/* bit per level: an element was written */
	unsigned	 depth;		/* at most 63 */
	bool		 after_key;
};
void json_writer_init(struct json_writer *, struct buf *out);
void json_open(struct json_writer *, char bracket);	/* '{' or '[' */
void json_close(struct json_writer *, char bracket);	/* '}' or ']' */
void json_key(struct json_writer *, const char *key, size_t len);
void json_key_str(struct json_writer *, const char *key);
void json_put_str(struct json_writer *, const char *, size_t len);
void json_put_cstr(struct json_writer *, const char *);	/* NULL writes null */
void json_put_i64(struct json_writer *, int64_t);
void json_put_u64(struct json_writer *, uint64_t);
void json_put_double(struct json_writer *, double);
void json_put_bool(struct json_writer *, bool);
void json_put_null(struct json_writer *);
/* Text that is valid JSON already. */
void json_put_raw(struct json_writer *, const char *, size_t len);

#endif
