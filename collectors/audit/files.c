#include "collectors/audit/files.h"

#include <fcntl.h>
#include <string.h>

static bool
is_open_for_write(const struct audit_job *j)
{
	const struct audit_actor *who = &j->ev->actor;
	uint64_t flags;

	if (j->ev->have & AUDIT_HAVE_OPEN_HOW)
		flags = j->ev->open_flags;
	else if (j->call->arg >= 0 && j->uring == NULL)
		flags = who->a[j->call->arg];
	else	/* creat(2) */
		flags = strcmp(j->call->name, "creat") == 0 ? O_WRONLY :
		    O_RDONLY;
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

static void
describe_open(const struct audit_job *j)
{
	bool creates = audit_job_first_path(j->ev, AUDIT_NAME_CREATE) != NULL;
	/* What io_uring is asked for has no flags in its record. */
	bool writes = is_open_for_write(j) || (j->uring != NULL && creates);

	event_set_cstr(j->e, FIELD_EVENT_ACTION,
	    writes ? "open-write" : "open-read");
	if (creates)
		audit_job_category(j->e, "file", "creation", NULL);
	else
		audit_job_category(j->e, "file", writes ? "change" : "access", NULL);
}

static void
describe_two_paths(const struct audit_job *j, enum audit_nametype from)
{
	const struct audit_path *created, *other;

	created = audit_job_last_path(j->ev, AUDIT_NAME_CREATE);
	other = audit_job_first_path(j->ev, from);
	if (j->call->class == AUDIT_CLASS_RENAME) {
		if (other != NULL)
			audit_job_file(j, other);
		else if (audit_job_main_path(j->ev) != NULL)
			audit_job_file(j, audit_job_main_path(j->ev));
		if (created != NULL)
			audit_job_target_path(j, created);
		return;
	}
	/* A link: the new name is the file, what it leads to the target. */
	if (created != NULL)
		audit_job_file(j, created);
	else if (audit_job_main_path(j->ev) != NULL)
		audit_job_file(j, audit_job_main_path(j->ev));
	if (other == NULL)
		return;
	if (j->call->class == AUDIT_CLASS_SYMLINK)
		audit_job_text(j, FIELD_FILE_TARGET_PATH, other->name);
	else
		audit_job_target_path(j, other);
}

static void
describe_file_change(const struct audit_job *j)
{
	static const char *const types[] = {
		[AUDIT_CLASS_CREATE] = "creation",
		[AUDIT_CLASS_RENAME] = "change",
		[AUDIT_CLASS_UNLINK] = "deletion",
		[AUDIT_CLASS_LINK] = "creation",
		[AUDIT_CLASS_SYMLINK] = "creation",
		[AUDIT_CLASS_CHMOD] = "change",
		[AUDIT_CLASS_CHOWN] = "change",
		[AUDIT_CLASS_XATTR] = "change",
		[AUDIT_CLASS_TRUNCATE] = "change",
	};

	audit_job_category(j->e, "file", types[j->call->class], NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
}

enum audit_verdict
audit_files_describe(struct audit_job *j)
{
	const struct audit_path *p = audit_job_main_path(j->ev);

	if (p == NULL)
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_FILE) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_call_outcome(j);
	if (j->call->class == AUDIT_CLASS_OPEN)
		describe_open(j);
	else
		describe_file_change(j);
	switch (j->call->class) {
	case AUDIT_CLASS_RENAME:
		describe_two_paths(j, AUDIT_NAME_DELETE);
		break;
	case AUDIT_CLASS_LINK:
		describe_two_paths(j, AUDIT_NAME_NORMAL);
		break;
	case AUDIT_CLASS_SYMLINK:
		describe_two_paths(j, AUDIT_NAME_UNKNOWN);
		break;
	default:
		audit_job_file(j, p);
		break;
	}
	if (j->call->class == AUDIT_CLASS_CHMOD && j->call->arg >= 0)
		event_set_fmt(j->e, FIELD_FILE_MODE, "%04o",
		    (unsigned)(j->ev->actor.a[j->call->arg] & 07777));
	return AUDIT_VERDICT_EVENT;
}
