/*
 * rules_table: the kernel rules that the agent brings along, and the system
 * calls behind the letters of a watch. Data only.
 *
 * Every rule in the list costs each system call of the host about 1.3 ns, so
 * calls without further conditions share one rule. A condition on the address
 * family keeps connects to local sockets out of the kernel's queue.
 */
#ifndef COLLECTORS_AUDIT_RULES_TABLE_H
#define COLLECTORS_AUDIT_RULES_TABLE_H

#include <stddef.h>

#define AUDIT_RULES_B64		0x1
#define AUDIT_RULES_B32		0x2	/* int 0x80 evades rules for b64 */

struct audit_rules_row {
	unsigned	 words;		/* AUDIT_RULES_B64, _B32 */
	const char	*text;		/* behind "-a always,exit -F arch=" */
	const char	*fallback;	/* for kernels before 5.2, or NULL */
};

extern const struct audit_rules_row audit_rules_rows[];
extern const size_t audit_rules_n_rows;

/* Whole lines without an architecture; the kernel may lack what they use. */
extern const char *const audit_rules_plain[];
extern const size_t audit_rules_n_plain;

/* Names that a watch for this letter (r, w, x, a) asks about: asm-generic
 * audit_read.h, audit_write.h, audit_change_attr.h of the kernel, and the
 * calls that open. "" for another letter. */
const char *audit_rules_perm_calls(char letter);

/* Number of an io_uring operation by the name of its system call; -1. */
int audit_rules_uring_op(const char *name);

#endif
