/*
 * value: reads the fields "name=value" of a record. Text is quoted when plain
 * and upper-case hex when not; numbers are decimal, hex or octal by field.
 *
 * A reader that meets what the kernel would not write fails and leaves the
 * cursor where it stopped. Not for: knowing which record has which fields
 * (record.h). Threads: any, one owner per object. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_VALUE_H
#define COLLECTORS_AUDIT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/audit/record.h"
#include "lib/cursor.h"

/* How a value is written, and what it becomes. */
enum audit_value_kind {
	AUDIT_VALUE_DEC,	/* uint32_t; -1 is UINT32_MAX */
	AUDIT_VALUE_HEX64,	/* uint64_t; arch= uint32_t */
	AUDIT_VALUE_OCT,	/* uint64_t; mode= uint32_t */
	AUDIT_VALUE_RESULT,	/* bool: yes, no, 1, 0, success, failed */
	AUDIT_VALUE_EXIT,	/* int64_t */
	AUDIT_VALUE_TEXT,	/* audit_text, hex is decoded */
	AUDIT_VALUE_WORD,	/* audit_text, never hex */
	AUDIT_VALUE_DEV,	/* two uint32_t: major:minor in hex */
	AUDIT_VALUE_NAMETYPE,	/* enum audit_nametype */
	AUDIT_VALUE_INODE	/* uint64_t */
};

struct audit_key {
	char		 name[16];	/* with the = behind it */
	uint8_t		 len;		/* without */
	uint8_t		 kind;		/* enum audit_value_kind */
	uint16_t	 offset;	/* of the member from base */
};
#define AUDIT_KEY(name, kind, type, member)				\
	{ name "=", sizeof(name) - 1, AUDIT_VALUE_##kind,		\
	  offsetof(struct type, member) }

/*
 * Reads all fields up to the end of the record, or to what auditd added. The
 * first field of a name wins, unknown ones are skipped. *seen gets a bit per
 * key of the table, which has at most 32. 0, -EBADMSG, -ENOMEM, -E2BIG.
 */
int audit_value_fields(struct audit_parts *, struct cursor *,
    const struct audit_key *keys, size_t n, void *base, uint32_t *seen);

/* Skips spaces; false at the end of the record. */
bool audit_value_next(struct cursor *);
/* 1 to 19 digits. */
bool audit_value_dec(struct cursor *, uint64_t *out);
/* A whole value of this kind. 0 or -EBADMSG. */
int audit_value_u32(struct cursor *, uint32_t *out);
/* The bytes between the quotes, or up to the space; lent. False when the
 * closing quote is missing. */
bool audit_value_raw(struct cursor *, const uint8_t **text, size_t *len,
    bool *quoted);
/* Upper-case hex of whole bytes, at least one. */
bool audit_value_is_hex(const uint8_t *, size_t len);
/* What audit_value_is_hex said yes to. Returns the number of bytes. */
size_t audit_value_unhex(const uint8_t *, size_t digits, uint8_t *out);

/* Copies text, or decodes hex, into the event. 0, -ENOMEM or -E2BIG; what
 * was there before stays. */
int audit_value_keep(struct audit_parts *, const void *, size_t len,
    struct audit_text *out);
int audit_value_keep_hex(struct audit_parts *, const uint8_t *, size_t digits,
    struct audit_text *out);

#endif
