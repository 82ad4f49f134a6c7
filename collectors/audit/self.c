#include "collectors/audit/self.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collectors/audit/kernel.h"

static int
make_rule(const struct audit_self *s, pid_t pid, struct audit_rule_data **out)
{
	char line[96], why[160];
	int error;

	snprintf(line, sizeof(line), "-A never,exit -F pid=%d -F key="
	    AUDIT_RULES_PREFIX "_self", (int)pid);
	error = audit_rules_parse(line, false, out, why, sizeof(why));
	if (error == 0)
		memcpy((*out)->mask, s->mask, sizeof(s->mask));
	return error;
}

static int
add_one(const struct audit_self *s, int fd, pid_t pid)
{
	struct audit_rule_data *rule;
	int error = make_rule(s, pid, &rule);

	if (error != 0)
		return error;
	error = audit_kernel_add_rule(fd, rule);
	audit_rules_free_one(rule);
	return error;
}

static int
delete_one(const struct audit_self *s, int fd, pid_t pid)
{
	struct audit_rule_data *rule;
	int error = make_rule(s, pid, &rule);

	if (error != 0)
		return error;
	/* The kernel compares the flag for the place too, and keeps none. */
	rule->flags &= ~(uint32_t)AUDIT_FILTER_PREPEND;
	error = audit_kernel_delete_rule(fd, rule);
	audit_rules_free_one(rule);
	return error == -ENOENT ? 0 : error;
}

static void
take_calls(void *ctx, const struct audit_rule_data *r, size_t len)
{
	struct audit_self *s = ctx;

	(void)len;
	if ((r->flags & ~AUDIT_FILTER_PREPEND) != AUDIT_FILTER_EXIT ||
	    r->action == AUDIT_NEVER)
		return;
	for (size_t i = 0; i < AUDIT_BITMASK_SIZE; i++)
		s->mask[i] |= r->mask[i];
}

int
audit_self_widen(struct audit_self *s, int fd, const struct audit_rules *rules)
{
	struct audit_rule_data *rule;
	char why[160];

	for (size_t i = 0; i < rules->n; i++) {
		const struct audit_rules_line *l = &rules->lines[i];

		/* What is refused here is refused, and told, later. */
		if (audit_rules_parse(l->text, l->any_name, &rule, why,
		    sizeof(why)) != 0)
			continue;
		take_calls(s, rule, 0);
		audit_rules_free_one(rule);
	}
	return audit_kernel_list(fd, take_calls, s);
}

int
audit_self_install(const struct audit_self *s, int fd)
{
	int error = 0;

	for (size_t i = 0; i < s->n_pids && error == 0; i++)
		error = add_one(s, fd, s->pids[i]);
	return error;
}

/* What the kernel has of ours. */
struct presence {
	const struct audit_self	*self;
	bool			 there[AUDIT_SELF_PIDS];
};

static void
see_rule(void *ctx, const struct audit_rule_data *r, size_t len)
{
	struct presence *p = ctx;
	unsigned pid = audit_rules_own_pid(r);

	(void)len;
	if (memcmp(r->mask, p->self->mask, sizeof(r->mask)) != 0)
		return;
	for (size_t i = 0; i < p->self->n_pids; i++)
		if (pid == (unsigned)p->self->pids[i])
			p->there[i] = true;
}

/* The kernel would take a rule that goes first a second time. */
static int
install_missing(const struct audit_self *s, int fd)
{
	struct presence p = { .self = s };
	int error = audit_kernel_list(fd, see_rule, &p);

	for (size_t i = 0; i < s->n_pids && error == 0; i++)
		if (!p.there[i])
			error = add_one(s, fd, s->pids[i]);
	return error;
}

int
audit_self_cover(struct audit_self *s, int fd)
{
	struct audit_self before = *s;
	int error = audit_kernel_list(fd, take_calls, s);

	if (error == 0)
		error = install_missing(s, fd);
	if (error != 0 || memcmp(before.mask, s->mask, sizeof(s->mask)) == 0)
		return error;
	for (size_t i = 0; i < s->n_pids && error == 0; i++)
		error = delete_one(&before, fd, s->pids[i]);
	return error;
}

int
audit_self_add(struct audit_self *s, int fd, pid_t pid)
{
	if (s->n_pids < AUDIT_SELF_PIDS)
		s->pids[s->n_pids++] = pid;
	return add_one(s, fd, pid);
}
