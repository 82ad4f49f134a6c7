#include "collectors/audit/notices.h"

#include <string.h>

#include <libaudit.h>

struct user_type {
	uint32_t	 type;
	const char	*category, *category2, *event_type, *event_type2;
};

static const struct user_type user_types[] = {
	{ AUDIT_USER_AUTH, "authentication", NULL, "start", NULL },
	{ AUDIT_USER_ACCT, "authentication", NULL, "info", NULL },
	{ AUDIT_USER_ERR, "authentication", NULL, "info", NULL },
	{ AUDIT_CRED_ACQ, "authentication", NULL, "info", NULL },
	{ AUDIT_CRED_DISP, "authentication", NULL, "info", NULL },
	{ AUDIT_CRED_REFR, "authentication", NULL, "info", NULL },
	{ AUDIT_USER_LOGIN, "authentication", "session", "start", NULL },
	{ AUDIT_USER_LOGOUT, "authentication", "session", "end", NULL },
	{ AUDIT_USER_START, "session", NULL, "start", NULL },
	{ AUDIT_USER_END, "session", NULL, "end", NULL },
	{ AUDIT_ADD_USER, "iam", NULL, "creation", "user" },
	{ AUDIT_DEL_USER, "iam", NULL, "deletion", "user" },
	{ AUDIT_ADD_GROUP, "iam", NULL, "creation", "group" },
	{ AUDIT_DEL_GROUP, "iam", NULL, "deletion", "group" },
	{ AUDIT_USER_CHAUTHTOK, "iam", NULL, "change", "user" },
	{ AUDIT_GRP_CHAUTHTOK, "iam", NULL, "change", "group" },
	{ AUDIT_USER_MGMT, "iam", NULL, "change", "user" },
	{ AUDIT_GRP_MGMT, "iam", NULL, "change", "group" },
	{ AUDIT_ACCT_LOCK, "iam", NULL, "change", "user" },
	{ AUDIT_ACCT_UNLOCK, "iam", NULL, "change", "user" },
	{ AUDIT_USER_CMD, "iam", NULL, "admin", NULL },
	{ AUDIT_USER, "host", NULL, "info", NULL },
};

/*
 * A container with Docker's default capabilities can send these with any
 * text, so nothing in the text decides: not the outcome, not the account.
 */
static enum audit_verdict
describe_user(struct audit_job *j)
{
	const struct user_type *t = NULL;

	for (size_t i = 0; i < sizeof(user_types) / sizeof(user_types[0]); i++)
		if (user_types[i].type == j->ev->own_type)
			t = &user_types[i];
	if (t == NULL)
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_AUTH) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, t->category, t->event_type, t->event_type2);
	if (t->category2 != NULL)
		event_add_str(j->e, FIELD_EVENT_CATEGORY, t->category2,
		    strlen(t->category2), true);
	audit_job_action_of_type(j->e, t->type);
	audit_job_outcome(j->e, false, false);
	audit_job_number(j->e, FIELD_USER_ID, j->ev->actor.uid);
	audit_job_text(j, FIELD_MESSAGE, j->ev->message);
	return AUDIT_VERDICT_EVENT;
}

/* The kernel itself says that a login uid was set. */
static enum audit_verdict
describe_login(struct audit_job *j)
{
	if (audit_job_start(j, EVENT_AUTH) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "authentication", "start", NULL);
	event_add_str(j->e, FIELD_EVENT_CATEGORY, "session", 7, true);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "login");
	audit_job_outcome(j->e, j->ev->has_result, j->ev->result);
	audit_job_number(j->e, FIELD_USER_TARGET_ID, j->ev->actor.auid);
	return AUDIT_VERDICT_EVENT;
}

static bool
is_own_key(const struct audit_job *j)
{
	const char *key = audit_parts_text(j->ev, j->ev->config_key);

	return strncmp(key, AUDIT_KEY_PREFIX,
	    sizeof(AUDIT_KEY_PREFIX) - 1) == 0;
}

static enum audit_verdict
describe_config(struct audit_job *j, bool *rules_gone)
{
	const char *op = audit_parts_text(j->ev, j->ev->op);
	bool removed = strcmp(op, "remove_rule") == 0 ||
	    strcmp(op, "remove rule") == 0;
	bool added = strcmp(op, "add_rule") == 0 ||
	    strcmp(op, "add rule") == 0;
	bool ours = is_own_key(j);
	bool off = j->ev->has_enabled && j->ev->enabled == 0;

	/* The agent's own processes may have to be left out of it. */
	if (added && !ours && j->ev->stamp.ms * MONO_MS >= j->since.ns)
		*rules_gone = true;
	/* The kernel moves a watch along when its file is replaced. */
	if (strcmp(op, "updated_rules") == 0)
		return AUDIT_VERDICT_IGNORE;
	/* Without a system call: the audit daemon did it, who may be our
	 * broker. What blinds the agent is told in any case. */
	if (!(j->ev->have & AUDIT_HAVE_SYSCALL) &&
	    ((!(removed && ours) && !off) ||
	    j->ev->stamp.ms * MONO_MS < j->since.ns))
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_AGENT) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "configuration", removed ? "deletion" : "change",
	    NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION,
	    removed && ours ? "audit-rules-removed" :
	    off ? "audit-disabled" : "audit-config-change");
	audit_job_outcome(j->e, j->ev->has_result, j->ev->result);
	event_set_fmt(j->e, FIELD_EVENT_REASON, "audit configuration: %s%s%s",
	    op, j->ev->config_key.len > 0 ? ", key " : "",
	    audit_parts_text(j->ev, j->ev->config_key));
	if (removed && ours && (!j->ev->has_result || j->ev->result))
		*rules_gone = true;
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_alone(struct audit_job *j)
{
	bool network = j->ev->own_type == AUDIT_ANOM_PROMISCUOUS;

	if (audit_job_start(j, network ? EVENT_NETWORK : EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	if (network) {
		audit_job_category(j->e, "network", "info", NULL);
		audit_job_text(j, FIELD_OBSERVER_INGRESS_INTERFACE_NAME,
		    j->ev->device);
	} else
		audit_job_category(j->e, "process",
		    j->ev->own_type == AUDIT_SECCOMP ? "change" : "end",
		    NULL);
	audit_job_action_of_type(j->e, j->ev->own_type);
	if (!(j->ev->have & AUDIT_HAVE_SYSCALL) && j->ev->has_actor) {
		audit_job_program(j);
		audit_job_number(j->e, FIELD_USER_ID, j->ev->actor.uid);
	}
	return AUDIT_VERDICT_EVENT;
}

bool
audit_notices_has(const struct audit_parts *ev)
{
	return (ev->have & (AUDIT_HAVE_CONFIG | AUDIT_HAVE_LOGIN |
	    AUDIT_HAVE_USER | AUDIT_HAVE_ALONE)) != 0;
}

enum audit_verdict
audit_notices_describe(struct audit_job *j, bool *rules_gone)
{
	uint32_t have = j->ev->have;

	if (have & AUDIT_HAVE_CONFIG)
		return describe_config(j, rules_gone);
	if (have & AUDIT_HAVE_LOGIN)
		return describe_login(j);
	if (have & AUDIT_HAVE_USER)
		return describe_user(j);
	if (have & AUDIT_HAVE_ALONE)
		return describe_alone(j);
	return AUDIT_VERDICT_IGNORE;
}
