/*
 * rules: makes kernel rules from lines in the syntax of auditctl(8), and the
 * list of rules that the agent installs.
 *
 * Runs in the broker; what it parses comes from the administrator.
 * Threads: one at a time (libaudit keeps state while it builds a rule).
 */
#ifndef COLLECTORS_AUDIT_RULES_H
#define COLLECTORS_AUDIT_RULES_H

#include <linux/audit.h>
#include <stdbool.h>
#include <stddef.h>

#include "collectors/audit/conf.h"

/* Rules of ours carry a key that begins with this. */
#define AUDIT_RULES_PREFIX	"tallyman"

/*
 * Parses "-a LIST,ACTION", "-A", "-w PATH", "-p PERMS", "-S NAMES", "-F ..",
 * "-C ..", "-k KEY". The key of the rule is our prefix; a key in the line is
 * kept behind it. any_name: names of system calls that this architecture
 * lacks are left out (-ENOSYS when none is left), else they are an error.
 * Returns 0 and the rule (audit_rules_free_one), or -EINVAL with a text, or
 * -ENOMEM.
 */
int audit_rules_parse(const char *line, bool any_name,
    struct audit_rule_data **out, char *why, size_t why_size);
void audit_rules_free_one(struct audit_rule_data *);

/* The key of a rule as the kernel listed it; "" when it has none. Copied to
 * key, cut to size. */
const char *audit_rules_key(const struct audit_rule_data *, char *key,
    size_t size);
bool audit_rules_is_ours(const struct audit_rule_data *);
/* "-a never,task" without conditions: silences every system call rule. */
bool audit_rules_is_never_task(const struct audit_rule_data *);
/* The pid of a rule that leaves one of our processes out; 0: another rule. */
unsigned audit_rules_own_pid(const struct audit_rule_data *);

struct audit_rules_line {
	char	*text;		/* for audit_rules_parse */
	char	*fallback;	/* for kernels that refuse text, or NULL */
	bool	 any_name;
	bool	 first;		/* before everyone else's rules */
	bool	 optional;	/* no need to tell when the kernel refuses */
};
struct audit_rules {
	struct audit_rules_line	*lines;
	size_t			 n;
};

/* Every rule for this configuration and machine; watches are expanded now.
 * 0 or -ENOMEM. */
int audit_rules_make(const struct audit_conf *, struct audit_rules *out);
void audit_rules_fini(struct audit_rules *);

/* Checks audit.rules and audit.watch. Appends "audit.rules: LINE: why" lines.
 * 0 or -EINVAL. Needs no privileges. */
int audit_rules_check(const struct audit_conf *, struct buf *errors);

#endif
