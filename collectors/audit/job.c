#include "collectors/audit/job.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libaudit.h>

#include "collectors/audit/paths.h"
#include "lib/hash.h"

/* Small setters. */

void
audit_job_text(const struct audit_job *j, enum field_id field,
    struct audit_text t)
{
	if (t.at != 0)
		event_set_str(j->e, field, audit_parts_text(j->ev, t), t.len);
}

void
audit_job_number(struct event *e, enum field_id field, uint64_t v)
{
	char text[BUF_DIGITS];
	size_t n = buf_digits(text, v, 10, 0);

	event_set_str(e, field, text, n);
}

/* auid and ses: unset is -1. */
static int64_t
or_unset(uint32_t v)
{
	return v == AUDIT_UNSET ? -1 : (int64_t)v;
}

void
audit_job_category(struct event *e, const char *category, const char *type,
    const char *type2)
{
	event_set_cstr(e, FIELD_EVENT_KIND, "event");
	event_add_str(e, FIELD_EVENT_CATEGORY, category, strlen(category),
	    true);
	event_add_str(e, FIELD_EVENT_TYPE, type, strlen(type), true);
	if (type2 != NULL)
		event_add_str(e, FIELD_EVENT_TYPE, type2, strlen(type2), true);
}

/* "USER_LOGIN" becomes "user-login". */
void
audit_job_action_of_type(struct event *e, uint32_t type)
{
	const char *name = audit_msg_type_to_name((int)type);
	char action[48];
	size_t n = 0;

	if (name == NULL)
		return;
	for (; name[n] != '\0' && n < sizeof(action) - 1; n++)
		action[n] = name[n] == '_' ? '-' :
		    (char)tolower((unsigned char)name[n]);
	event_set_str(e, FIELD_EVENT_ACTION, action, n);
}

struct event *
audit_job_start(struct audit_job *j, enum event_dataset dataset)
{
	struct wall when = { j->ev->stamp.ms * MONO_MS };

	j->e = event_new(dataset, when);
	return j->e;
}

/* Who did it. */

/* "pts0", "tty1", "ttyS0": numbers of devices.txt of the kernel. */
static void
set_terminal(struct event *e, const char *tty)
{
	unsigned minor;
	int64_t major;
	char end;

	event_set_bool(e, FIELD_PROCESS_INTERACTIVE, true);
	if (sscanf(tty, "pts%u%c", &minor, &end) == 1) {
		major = 136 + minor / 256;
		minor %= 256;
	} else if (sscanf(tty, "ttyS%u%c", &minor, &end) == 1) {
		major = 4;
		minor += 64;
	} else if (sscanf(tty, "tty%u%c", &minor, &end) == 1) {
		major = 4;
	} else
		return;
	event_set_num(e, FIELD_PROCESS_TTY_MAJOR, major);
	event_set_num(e, FIELD_PROCESS_TTY_MINOR, minor);
}

/* The name of a program that was removed has " (deleted)" behind it. */
void
audit_job_program(const struct audit_job *j)
{
	static const char deleted[] = " (deleted)";
	const struct audit_actor *who = &j->ev->actor;
	const char *exe = audit_parts_text(j->ev, who->exe), *name;
	size_t len, cut = sizeof(deleted) - 1;

	audit_job_text(j, FIELD_PROCESS_EXECUTABLE, who->exe);
	name = audit_paths_base(exe);
	len = strlen(name);
	if (len > cut && memcmp(name + len - cut, deleted, cut) == 0)
		len -= cut;
	if (len > 0)
		event_set_str(j->e, FIELD_PROCESS_NAME, name, len);
	else
		audit_job_text(j, FIELD_PROCESS_NAME, who->comm);
}

static void
set_users(const struct audit_job *j)
{
	const struct audit_actor *who = &j->ev->actor;

	audit_job_number(j->e, FIELD_USER_ID, who->uid);
	audit_job_number(j->e, FIELD_PROCESS_REAL_USER_ID, who->uid);
	audit_job_number(j->e, FIELD_PROCESS_USER_ID, who->euid);
	audit_job_number(j->e, FIELD_GROUP_ID, who->gid);
	if (who->euid != who->uid)
		audit_job_number(j->e, FIELD_USER_EFFECTIVE_ID, who->euid);
}

/* Several keys of one rule are joined by 0x01; ours comes first. */
static void
set_key(const struct audit_job *j)
{
	struct audit_text key = j->ev->actor.key;
	const char *text = audit_parts_text(j->ev, key), *sep;

	sep = key.at == 0 ? NULL : memchr(text, 1, key.len);
	if (sep != NULL && key.len > sizeof(AUDIT_KEY_PREFIX) - 1 &&
	    memcmp(text, AUDIT_KEY_PREFIX, sizeof(AUDIT_KEY_PREFIX) - 1) == 0)
		event_set_str(j->e, FIELD_TALLYMAN_AUDIT_KEY, sep + 1,
		    (size_t)(text + key.len - (sep + 1)));
	else
		audit_job_text(j, FIELD_TALLYMAN_AUDIT_KEY, key);
}

void
audit_job_actor(const struct audit_job *j)
{
	const struct audit_actor *who = &j->ev->actor;

	event_set_num(j->e, FIELD_PROCESS_PID, who->pid);
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_AUID, or_unset(who->auid));
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_SES, or_unset(who->ses));
	if (who->tty.at != 0) {
		audit_job_text(j, FIELD_TALLYMAN_AUDIT_TTY, who->tty);
		set_terminal(j->e, audit_parts_text(j->ev, who->tty));
	}
}

void
audit_job_call(const struct audit_job *j)
{
	const struct audit_actor *who = &j->ev->actor;
	char text[BUF_DIGITS];
	size_t n;

	event_set_num(j->e, FIELD_PROCESS_PARENT_PID, who->ppid);
	set_users(j);
	set_key(j);
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_EXIT, j->exit);
	if (j->call->name != NULL) {
		event_set_cstr(j->e, FIELD_EVENT_CODE, j->call->name);
		event_set_cstr(j->e, FIELD_TALLYMAN_AUDIT_SYSCALL,
		    j->call->name);
	}
	if (!(j->ev->have & AUDIT_HAVE_SYSCALL))
		return;
	audit_job_program(j);
	if (j->ev->actor.tty.at == 0)
		event_set_bool(j->e, FIELD_PROCESS_INTERACTIVE, false);
	for (int i = 0; i < 4; i++) {
		n = buf_digits(text, who->a[i], 16, 0);
		event_add_str(j->e, FIELD_TALLYMAN_AUDIT_ARGUMENTS, text, n,
		    false);
	}
}

void
audit_job_source(const struct audit_job *j, struct wall created)
{
	const struct audit_parts *ev = j->ev;
	char id[HASH_ID_TEXT], stamp[BUF_DIGITS], serial[BUF_DIGITS];
	const char *parts[] = { "audit", stamp, serial }, *name;

	buf_digits(stamp, (uint64_t)ev->stamp.ms, 10, 0);
	buf_digits(serial, ev->stamp.serial, 10, 0);
	hash_id(id, parts, 3);
	event_set_cstr(j->e, FIELD_EVENT_ID, id);
	event_set_time(j->e, FIELD_EVENT_CREATED, created);
	event_set_cstr(j->e, FIELD_EVENT_PROVIDER, "audit");
	event_set_num(j->e, FIELD_EVENT_SEQUENCE, ev->stamp.serial);
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_SERIAL, ev->stamp.serial);
	for (size_t i = 0; i < ev->n_types; i++) {
		name = audit_msg_type_to_name(ev->types[i]);
		if (name != NULL)
			event_add_str(j->e, FIELD_TALLYMAN_AUDIT_RECORDS, name,
			    strlen(name), true);
	}
}

void
audit_job_outcome(struct event *e, bool known, bool success)
{
	event_set_cstr(e, FIELD_EVENT_OUTCOME,
	    !known ? "unknown" : success ? "success" : "failure");
}

void
audit_job_call_outcome(const struct audit_job *j)
{
	const char *name;

	/* The kernel notes that an operation of io_uring was handled, not
	 * what came of it: a refused connect is success=yes exit=0. */
	if (j->uring != NULL) {
		audit_job_outcome(j->e, false, false);
		return;
	}
	audit_job_outcome(j->e, j->has_success, j->success);
	if (j->has_success && !j->success && j->exit < 0 && j->exit > -4096) {
		name = audit_errno_to_name((int)-j->exit);
		if (name != NULL)
			event_set_cstr(j->e, FIELD_ERROR_MESSAGE, name);
	}
}

/* Paths. */

static bool
is_at_cwd(const struct audit_job *j)
{
	int8_t i = j->call->dirfd;

	/* A uring operation has no arguments in its record. */
	if (i < 0 || j->uring != NULL)
		return true;
	return (uint32_t)j->ev->actor.a[i] == (uint32_t)AT_FDCWD;
}

static size_t
join_path(const struct audit_job *j, struct audit_text name,
    char out[static AUDIT_PATHS_MAX])
{
	const char *cwd = audit_parts_text(j->ev, j->ev->cwd);

	/* Relative to a directory that audit does not name: stays so. */
	return audit_paths_join(cwd, is_at_cwd(j) ? j->ev->cwd.len : 0,
	    audit_parts_text(j->ev, name), name.len, out);
}

static const char *
file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFSOCK:
		return "socket";
	case S_IFIFO:
		return "fifo";
	case S_IFCHR:
	case S_IFBLK:
		return "device";
	}
	return NULL;
}

void
audit_job_inode(struct event *e, const struct audit_path *p)
{
	const char *type = file_type(p->mode);
	char text[2 * BUF_DIGITS];
	size_t n;

	if (!p->has_inode)
		return;
	audit_job_number(e, FIELD_FILE_INODE, p->inode);
	n = buf_digits(text, p->dev_major, 16, 2);
	text[n++] = ':';
	n += buf_digits(text + n, p->dev_minor, 16, 2);
	event_set_str(e, FIELD_FILE_DEVICE, text, n);
	n = buf_digits(text, p->mode & 07777, 8, 4);
	event_set_str(e, FIELD_FILE_MODE, text, n);
	audit_job_number(e, FIELD_FILE_UID, p->ouid);
	if (type != NULL)
		event_set_cstr(e, FIELD_FILE_TYPE, type);
}

void
audit_job_file(const struct audit_job *j, const struct audit_path *p)
{
	char path[AUDIT_PATHS_MAX];

	audit_job_inode(j->e, p);
	/* execveat of a descriptor: the name is empty. */
	if (p->name.len == 0)
		return;
	size_t len = join_path(j, p->name, path);
	event_set_str(j->e, FIELD_FILE_PATH, path, len);
	event_set_cstr(j->e, FIELD_FILE_NAME, audit_paths_base(path));
}

void
audit_job_target_path(const struct audit_job *j, const struct audit_path *p)
{
	char path[AUDIT_PATHS_MAX];
	size_t len = join_path(j, p->name, path);

	event_set_str(j->e, FIELD_FILE_TARGET_PATH, path, len);
}

const struct audit_path *
audit_job_first_path(const struct audit_parts *ev, enum audit_nametype type)
{
	for (size_t i = 0; i < ev->n_paths; i++)
		if (ev->paths[i].nametype == type)
			return &ev->paths[i];
	return NULL;
}

const struct audit_path *
audit_job_last_path(const struct audit_parts *ev, enum audit_nametype type)
{
	for (size_t i = ev->n_paths; i-- > 0;)
		if (ev->paths[i].nametype == type)
			return &ev->paths[i];
	return NULL;
}

/* The file that was meant: created, removed, found, or not found; a call that
 * failed early names only the directory. */
const struct audit_path *
audit_job_main_path(const struct audit_parts *ev)
{
	static const enum audit_nametype order[] = {
		AUDIT_NAME_CREATE, AUDIT_NAME_DELETE, AUDIT_NAME_NORMAL,
		AUDIT_NAME_UNKNOWN, AUDIT_NAME_PARENT
	};
	const struct audit_path *p;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		p = audit_job_first_path(ev, order[i]);
		if (p != NULL)
			return p;
	}
	return NULL;
}
