#include "collectors/audit/describe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <libaudit.h>

#include "collectors/audit/paths.h"
#include "collectors/audit/syscalls.h"
#include "lib/hash.h"
#include "lib/ipaddr.h"

#define COMMAND_LINE_MAX	(32 * 1024)

struct audit_describer {
	struct audit_describe_conf	 conf;
	struct audit_syscalls		*syscalls;
	struct buf			 scratch;
	struct wall			 since;
};

/* What a member of this file works on. */
struct job {
	struct audit_describer		*d;
	const struct audit_parts	*ev;
	const struct audit_syscall	*call;
	/* The operation, when it was asked for through io_uring. */
	const struct audit_uring	*uring;
	int64_t				 exit;
	bool				 has_success, success;
	struct event			*e;
};

struct audit_describer *
audit_describe_new(const struct audit_describe_conf *conf)
{
	struct audit_describer *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->conf = *conf;
	d->syscalls = audit_syscalls_new();
	if (d->syscalls == NULL) {
		free(d);
		errno = ENOMEM;
		return NULL;
	}
	buf_init(&d->scratch, COMMAND_LINE_MAX);
	return d;
}

void
audit_describe_free(struct audit_describer *d)
{
	if (d == NULL)
		return;
	audit_syscalls_free(d->syscalls);
	buf_fini(&d->scratch);
	free(d);
}

void
audit_describe_since(struct audit_describer *d, struct wall since)
{
	d->since = since;
}

/* Small setters. */

static void
set_text(const struct job *j, enum field_id field, struct audit_text t)
{
	if (t.at != 0)
		event_set_str(j->e, field, audit_parts_text(j->ev, t), t.len);
}

/* printf(3) was a sixth of the cost of an event. */
static size_t
put_number(char out[static 24], uint64_t v, unsigned base)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return n;
}

static void
set_number(struct event *e, enum field_id field, uint64_t v)
{
	char text[24];
	size_t n = put_number(text, v, 10);

	event_set_str(e, field, text, n);
}

/* auid and ses: unset is -1. */
static int64_t
or_unset(uint32_t v)
{
	return v == AUDIT_UNSET ? -1 : (int64_t)v;
}

static void
set_category(struct event *e, const char *category, const char *type,
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
static void
set_action_of_type(struct event *e, uint32_t type)
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

static struct event *
start_event(struct job *j, enum event_dataset dataset)
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
static void
set_program(const struct job *j)
{
	static const char deleted[] = " (deleted)";
	const struct audit_actor *who = &j->ev->actor;
	const char *exe = audit_parts_text(j->ev, who->exe), *name;
	size_t len, cut = sizeof(deleted) - 1;

	set_text(j, FIELD_PROCESS_EXECUTABLE, who->exe);
	name = audit_paths_base(exe);
	len = strlen(name);
	if (len > cut && memcmp(name + len - cut, deleted, cut) == 0)
		len -= cut;
	if (len > 0)
		event_set_str(j->e, FIELD_PROCESS_NAME, name, len);
	else
		set_text(j, FIELD_PROCESS_NAME, who->comm);
}

static void
set_users(const struct job *j)
{
	const struct audit_actor *who = &j->ev->actor;

	set_number(j->e, FIELD_USER_ID, who->uid);
	set_number(j->e, FIELD_PROCESS_REAL_USER_ID, who->uid);
	set_number(j->e, FIELD_PROCESS_USER_ID, who->euid);
	set_number(j->e, FIELD_GROUP_ID, who->gid);
	if (who->euid != who->uid)
		set_number(j->e, FIELD_USER_EFFECTIVE_ID, who->euid);
}

/* Several keys of one rule are joined by 0x01; ours comes first. */
static void
set_key(const struct job *j)
{
	struct audit_text key = j->ev->actor.key;
	const char *text = audit_parts_text(j->ev, key), *sep;

	sep = key.at == 0 ? NULL : memchr(text, 1, key.len);
	if (sep != NULL && key.len > sizeof(AUDIT_KEY_PREFIX) - 1 &&
	    memcmp(text, AUDIT_KEY_PREFIX, sizeof(AUDIT_KEY_PREFIX) - 1) == 0)
		event_set_str(j->e, FIELD_TALLYMAN_AUDIT_KEY, sep + 1,
		    (size_t)(text + key.len - (sep + 1)));
	else
		set_text(j, FIELD_TALLYMAN_AUDIT_KEY, key);
}

static void
set_actor(const struct job *j)
{
	const struct audit_actor *who = &j->ev->actor;

	event_set_num(j->e, FIELD_PROCESS_PID, who->pid);
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_AUID, or_unset(who->auid));
	event_set_num(j->e, FIELD_TALLYMAN_AUDIT_SES, or_unset(who->ses));
	if (who->tty.at != 0) {
		set_text(j, FIELD_TALLYMAN_AUDIT_TTY, who->tty);
		set_terminal(j->e, audit_parts_text(j->ev, who->tty));
	}
}

static void
set_call(const struct job *j)
{
	const struct audit_actor *who = &j->ev->actor;
	char text[24];
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
	set_program(j);
	if (j->ev->actor.tty.at == 0)
		event_set_bool(j->e, FIELD_PROCESS_INTERACTIVE, false);
	for (int i = 0; i < 4; i++) {
		n = put_number(text, who->a[i], 16);
		event_add_str(j->e, FIELD_TALLYMAN_AUDIT_ARGUMENTS, text, n,
		    false);
	}
}

static void
set_source(const struct job *j, struct wall created)
{
	const struct audit_parts *ev = j->ev;
	char id[HASH_ID_TEXT], stamp[24], serial[24];
	const char *parts[] = { "audit", stamp, serial }, *name;

	put_number(stamp, (uint64_t)ev->stamp.ms, 10);
	put_number(serial, ev->stamp.serial, 10);
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

static void
set_outcome(struct event *e, bool known, bool success)
{
	event_set_cstr(e, FIELD_EVENT_OUTCOME,
	    !known ? "unknown" : success ? "success" : "failure");
}

static void
set_call_outcome(const struct job *j)
{
	const char *name;

	set_outcome(j->e, j->has_success, j->success);
	if (j->has_success && !j->success && j->exit < 0 && j->exit > -4096) {
		name = audit_errno_to_name((int)-j->exit);
		if (name != NULL)
			event_set_cstr(j->e, FIELD_ERROR_MESSAGE, name);
	}
}

/* Paths. */

static bool
is_at_cwd(const struct job *j)
{
	int8_t i = j->call->dirfd;

	/* A uring operation has no arguments in its record. */
	if (i < 0 || j->uring != NULL)
		return true;
	return (uint32_t)j->ev->actor.a[i] == (uint32_t)AT_FDCWD;
}

static size_t
join_path(const struct job *j, struct audit_text name,
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

static void
set_inode(struct event *e, const struct audit_path *p)
{
	const char *type = file_type(p->mode);

	if (!p->has_inode)
		return;
	set_number(e, FIELD_FILE_INODE, p->inode);
	event_set_fmt(e, FIELD_FILE_DEVICE, "%02x:%02x", p->dev_major,
	    p->dev_minor);
	event_set_fmt(e, FIELD_FILE_MODE, "%04o", p->mode & 07777);
	set_number(e, FIELD_FILE_UID, p->ouid);
	if (type != NULL)
		event_set_cstr(e, FIELD_FILE_TYPE, type);
}

static void
set_file(const struct job *j, const struct audit_path *p)
{
	char path[AUDIT_PATHS_MAX];

	set_inode(j->e, p);
	/* execveat of a descriptor: the name is empty. */
	if (p->name.len == 0)
		return;
	size_t len = join_path(j, p->name, path);
	event_set_str(j->e, FIELD_FILE_PATH, path, len);
	event_set_cstr(j->e, FIELD_FILE_NAME, audit_paths_base(path));
}

static void
set_target_path(const struct job *j, const struct audit_path *p)
{
	char path[AUDIT_PATHS_MAX];
	size_t len = join_path(j, p->name, path);

	event_set_str(j->e, FIELD_FILE_TARGET_PATH, path, len);
}

static const struct audit_path *
first_path(const struct audit_parts *ev, enum audit_nametype type)
{
	for (size_t i = 0; i < ev->n_paths; i++)
		if (ev->paths[i].nametype == type)
			return &ev->paths[i];
	return NULL;
}

static const struct audit_path *
last_path(const struct audit_parts *ev, enum audit_nametype type)
{
	for (size_t i = ev->n_paths; i-- > 0;)
		if (ev->paths[i].nametype == type)
			return &ev->paths[i];
	return NULL;
}

/* The file that was meant: created, removed, found, or not found; a call that
 * failed early names only the directory. */
static const struct audit_path *
main_path(const struct audit_parts *ev)
{
	static const enum audit_nametype order[] = {
		AUDIT_NAME_CREATE, AUDIT_NAME_DELETE, AUDIT_NAME_NORMAL,
		AUDIT_NAME_UNKNOWN, AUDIT_NAME_PARENT
	};
	const struct audit_path *p;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		p = first_path(ev, order[i]);
		if (p != NULL)
			return p;
	}
	return NULL;
}

/* exec. */

static void
set_arguments(const struct job *j)
{
	const struct audit_parts *ev = j->ev;
	struct buf *line = &j->d->scratch;
	const char *arg;

	event_set_num(j->e, FIELD_PROCESS_ARGS_COUNT, ev->argc);
	buf_reset(line);
	for (size_t i = 0; i < ev->n_args; i++) {
		arg = audit_parts_text(ev, ev->args[i]);
		event_add_str(j->e, FIELD_PROCESS_ARGS, arg, ev->args[i].len,
		    false);
		if (i > 0)
			buf_add_char(line, ' ');
		buf_add(line, arg, ev->args[i].len);
	}
	event_set_str(j->e, FIELD_PROCESS_COMMAND_LINE, buf_text(line),
	    line->len);
}

/* The title is one buffer with NULs between what were arguments. */
static void
set_title(const struct job *j)
{
	const char *title = audit_parts_text(j->ev, j->ev->title);
	char text[256];
	size_t n = j->ev->title.len;

	if (n == 0)
		return;
	if (n > sizeof(text))
		n = sizeof(text);
	for (size_t i = 0; i < n; i++)
		text[i] = title[i] == '\0' ? ' ' : title[i];
	event_set_str(j->e, FIELD_PROCESS_TITLE, text, n);
}

static enum audit_verdict
describe_exec(struct job *j)
{
	const struct audit_path *p;

	if (start_event(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "process", "start", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "exec");
	set_call_outcome(j);
	if (j->ev->have & AUDIT_HAVE_EXECVE)
		set_arguments(j);
	if (j->ev->n_paths > 0) {
		/* Item 0 is the file; the loader comes after it. */
		p = &j->ev->paths[0];
		for (size_t i = 0; i < j->ev->n_paths; i++)
			if (j->ev->paths[i].item == 0)
				p = &j->ev->paths[i];
		set_file(j, p);
	}
	return AUDIT_VERDICT_EVENT;
}

/* Sockets. */

static bool
is_wanted_socket(const struct job *j, const struct audit_address *a)
{
	static const char *const usual[] = {
		"docker.sock", "podman.sock", "containerd.sock", "crio.sock"
	};
	char path[AUDIT_PARTS_SADDR + 1];
	const char *base;

	if (a->abstract || a->path_len == 0)
		return false;
	memcpy(path, a->path, a->path_len);
	path[a->path_len] = '\0';
	base = audit_paths_base(path);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(base, usual[i]) == 0)
			return true;
	for (size_t i = 0; i < j->d->conf.n_sockets; i++)
		if (strcmp(path, j->d->conf.sockets[i]) == 0)
			return true;
	return false;
}

static void
set_end(const struct job *j, const struct audit_address *a, bool destination)
{
	struct ipaddr ip = a->family == AUDIT_FAMILY_INET ?
	    ipaddr_v4(a->ip) : ipaddr_v6(a->ip);
	char text[IPADDR_TEXT];

	event_set_cstr(j->e, FIELD_NETWORK_TYPE,
	    a->family == AUDIT_FAMILY_INET ? "ipv4" : "ipv6");
	ipaddr_format(&ip, text);
	if (destination) {
		event_set_ip(j->e, FIELD_DESTINATION_IP, &ip);
		event_set_num(j->e, FIELD_DESTINATION_PORT, a->port);
		event_set_cstr(j->e, FIELD_DESTINATION_ADDRESS, text);
	} else {
		event_set_ip(j->e, FIELD_SOURCE_IP, &ip);
		event_set_num(j->e, FIELD_SOURCE_PORT, a->port);
		event_set_cstr(j->e, FIELD_SOURCE_ADDRESS, text);
	}
	event_add_ip(j->e, FIELD_RELATED_IP, &ip);
}

static void
set_unix(const struct job *j, const struct audit_address *a)
{
	const struct audit_path *p = main_path(j->ev);
	char path[AUDIT_PATHS_MAX];
	size_t len;

	len = audit_paths_join(audit_parts_text(j->ev, j->ev->cwd),
	    j->ev->cwd.len, (const char *)a->path, a->path_len, path);
	event_set_str(j->e, FIELD_FILE_PATH, path, len);
	event_set_cstr(j->e, FIELD_FILE_NAME, audit_paths_base(path));
	event_set_cstr(j->e, FIELD_FILE_TYPE, "socket");
	if (p != NULL)
		set_inode(j->e, p);
}

/* A connect that is under way is no failure. */
static void
set_connect_outcome(const struct job *j)
{
	if (j->exit == -EINPROGRESS || j->exit == -EALREADY ||
	    j->exit == -EINTR || (j->uring != NULL && j->exit == -EAGAIN))
		set_outcome(j->e, true, true);
	else
		set_call_outcome(j);
}

/* Which sockets are an event: internet addresses, the runtimes' sockets, and
 * packet sockets. */
static bool
is_wanted_address(const struct job *j, const struct audit_address *a)
{
	switch (a->family) {
	case AUDIT_FAMILY_INET:
	case AUDIT_FAMILY_INET6:
		/* bind to port 0 only asks for any port. */
		return a->port != 0 || j->call->class != AUDIT_CLASS_BIND;
	case AUDIT_FAMILY_UNIX:
		return j->call->class == AUDIT_CLASS_CONNECT &&
		    is_wanted_socket(j, a);
	case AUDIT_FAMILY_PACKET:
	case AUDIT_FAMILY_OTHER:
		return true;
	case AUDIT_FAMILY_NONE:
	case AUDIT_FAMILY_NETLINK:
		break;
	}
	return false;
}

/* The kernel's worker connected, and its record has no address. */
static enum audit_verdict
describe_blind(struct job *j)
{
	if (start_event(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "network", "connection", "start");
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_connect_outcome(j);
	event_set_missing(j->e, FIELD_DESTINATION_IP);
	event_set_cstr(j->e, FIELD_EVENT_REASON,
	    "asked for through io_uring, the record has no address");
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_network(struct job *j)
{
	enum audit_class class = j->call->class;
	struct audit_address a;

	if (j->uring != NULL && !(j->ev->have & AUDIT_HAVE_SADDR))
		return describe_blind(j);
	if (!(j->ev->have & AUDIT_HAVE_SADDR) ||
	    audit_record_address(j->ev->saddr, j->ev->saddr_len, &a) != 0 ||
	    !is_wanted_address(j, &a))
		return AUDIT_VERDICT_IGNORE;
	/* A non-blocking accept that found nobody. */
	if (class == AUDIT_CLASS_ACCEPT && !j->success)
		return AUDIT_VERDICT_IGNORE;
	if (start_event(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	if (class == AUDIT_CLASS_BIND)
		set_category(j->e, "network", "start", NULL);
	else if (class == AUDIT_CLASS_SEND)
		set_category(j->e, "network", "connection", NULL);
	else
		set_category(j->e, "network", "connection", "start");
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_connect_outcome(j);
	if (a.family == AUDIT_FAMILY_UNIX)
		set_unix(j, &a);
	else if (a.family == AUDIT_FAMILY_INET ||
	    a.family == AUDIT_FAMILY_INET6)
		set_end(j, &a, class == AUDIT_CLASS_CONNECT ||
		    class == AUDIT_CLASS_SEND);
	else
		event_set_fmt(j->e, FIELD_EVENT_REASON,
		    "%s on a socket of address family %u", j->call->name,
		    a.number);
	return AUDIT_VERDICT_EVENT;
}

/* socket(2): only the kind that reads every packet. */
static enum audit_verdict
describe_socket(struct job *j)
{
	if (j->ev->actor.a[0] != AF_PACKET)
		return AUDIT_VERDICT_IGNORE;
	if (start_event(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "network", "start", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "packet-socket");
	set_call_outcome(j);
	event_set_cstr(j->e, FIELD_EVENT_REASON,
	    "a socket that can read every packet was opened");
	return AUDIT_VERDICT_EVENT;
}

/* Files. */

static bool
is_open_for_write(const struct job *j)
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
describe_open(const struct job *j)
{
	bool writes = is_open_for_write(j);

	event_set_cstr(j->e, FIELD_EVENT_ACTION,
	    writes ? "open-write" : "open-read");
	if (first_path(j->ev, AUDIT_NAME_CREATE) != NULL)
		set_category(j->e, "file", "creation", NULL);
	else
		set_category(j->e, "file", writes ? "change" : "access", NULL);
}

static void
describe_two_paths(const struct job *j, enum audit_nametype from)
{
	const struct audit_path *created, *other;

	created = last_path(j->ev, AUDIT_NAME_CREATE);
	other = first_path(j->ev, from);
	if (j->call->class == AUDIT_CLASS_RENAME) {
		if (other != NULL)
			set_file(j, other);
		else if (main_path(j->ev) != NULL)
			set_file(j, main_path(j->ev));
		if (created != NULL)
			set_target_path(j, created);
		return;
	}
	/* A link: the new name is the file, what it leads to the target. */
	if (created != NULL)
		set_file(j, created);
	else if (main_path(j->ev) != NULL)
		set_file(j, main_path(j->ev));
	if (other == NULL)
		return;
	if (j->call->class == AUDIT_CLASS_SYMLINK)
		set_text(j, FIELD_FILE_TARGET_PATH, other->name);
	else
		set_target_path(j, other);
}

static void
describe_file_change(const struct job *j)
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

	set_category(j->e, "file", types[j->call->class], NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
}

static enum audit_verdict
describe_file(struct job *j)
{
	const struct audit_path *p = main_path(j->ev);

	if (p == NULL)
		return AUDIT_VERDICT_IGNORE;
	if (start_event(j, EVENT_FILE) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_call_outcome(j);
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
		set_file(j, p);
		break;
	}
	if (j->call->class == AUDIT_CLASS_CHMOD && j->call->arg >= 0)
		event_set_fmt(j->e, FIELD_FILE_MODE, "%04o",
		    (unsigned)(j->ev->actor.a[j->call->arg] & 07777));
	return AUDIT_VERDICT_EVENT;
}

/* What a process does to itself, to others, and to the kernel. */

static void
set_target(const struct job *j)
{
	if (!(j->ev->have & AUDIT_HAVE_TARGET))
		return;
	event_set_num(j->e, FIELD_TALLYMAN_TARGET_PID, j->ev->target_pid);
	set_text(j, FIELD_TALLYMAN_TARGET_NAME, j->ev->target_comm);
}

static void
set_new_identity(const struct job *j)
{
	uint64_t id;

	if (j->call->arg < 0)
		return;
	id = (uint32_t)j->ev->actor.a[j->call->arg];
	if (id != UINT32_MAX)	/* -1: stays as it is */
		set_number(j->e, FIELD_USER_TARGET_ID, (uint32_t)id);
}

static enum audit_verdict
describe_process(struct job *j)
{
	const struct audit_path *p = main_path(j->ev);

	if (start_event(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "process", "change", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_call_outcome(j);
	set_target(j);
	if (j->call->class == AUDIT_CLASS_IDENTITY)
		set_new_identity(j);
	if (p != NULL)
		set_file(j, p);
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_module(struct job *j)
{
	const struct audit_path *p = main_path(j->ev);

	if (start_event(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "driver",
	    strcmp(j->call->action, "unload_module") == 0 ? "end" : "start",
	    NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_call_outcome(j);
	if (p != NULL)
		set_file(j, p);
	if (j->ev->module.at != 0)
		event_set_fmt(j->e, FIELD_EVENT_REASON, "kernel module %s",
		    audit_parts_text(j->ev, j->ev->module));
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_call(struct job *j)
{
	switch (j->call->class) {
	case AUDIT_CLASS_OTHER:
		return AUDIT_VERDICT_IGNORE;
	case AUDIT_CLASS_EXEC:
		return describe_exec(j);
	case AUDIT_CLASS_CONNECT:
	case AUDIT_CLASS_BIND:
	case AUDIT_CLASS_ACCEPT:
	case AUDIT_CLASS_SEND:
		return describe_network(j);
	case AUDIT_CLASS_SOCKET:
		return describe_socket(j);
	case AUDIT_CLASS_IDENTITY:
	case AUDIT_CLASS_PROCESS:
		return describe_process(j);
	case AUDIT_CLASS_MODULE:
		return describe_module(j);
	case AUDIT_CLASS_OPEN:
	case AUDIT_CLASS_CREATE:
	case AUDIT_CLASS_RENAME:
	case AUDIT_CLASS_UNLINK:
	case AUDIT_CLASS_LINK:
	case AUDIT_CLASS_SYMLINK:
	case AUDIT_CLASS_CHMOD:
	case AUDIT_CLASS_CHOWN:
	case AUDIT_CLASS_XATTR:
	case AUDIT_CLASS_TRUNCATE:
		return describe_file(j);
	}
	return AUDIT_VERDICT_IGNORE;
}

/* Records that are not about a system call. */

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
describe_user(struct job *j)
{
	const struct user_type *t = NULL;

	for (size_t i = 0; i < sizeof(user_types) / sizeof(user_types[0]); i++)
		if (user_types[i].type == j->ev->own_type)
			t = &user_types[i];
	if (t == NULL)
		return AUDIT_VERDICT_IGNORE;
	if (start_event(j, EVENT_AUTH) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, t->category, t->event_type, t->event_type2);
	if (t->category2 != NULL)
		event_add_str(j->e, FIELD_EVENT_CATEGORY, t->category2,
		    strlen(t->category2), true);
	set_action_of_type(j->e, t->type);
	set_outcome(j->e, false, false);
	set_number(j->e, FIELD_USER_ID, j->ev->actor.uid);
	set_text(j, FIELD_MESSAGE, j->ev->message);
	return AUDIT_VERDICT_EVENT;
}

/* The kernel itself says that a login uid was set. */
static enum audit_verdict
describe_login(struct job *j)
{
	if (start_event(j, EVENT_AUTH) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "authentication", "start", NULL);
	event_add_str(j->e, FIELD_EVENT_CATEGORY, "session", 7, true);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "login");
	set_outcome(j->e, j->ev->has_result, j->ev->result);
	set_number(j->e, FIELD_USER_TARGET_ID, j->ev->actor.auid);
	return AUDIT_VERDICT_EVENT;
}

static bool
is_own_pid(const struct job *j)
{
	if (!j->ev->has_actor)
		return false;
	for (size_t i = 0; i < j->d->conf.n_own_pids; i++)
		if (j->d->conf.own_pids[i] == j->ev->actor.pid)
			return true;
	return false;
}

static bool
is_own_key(const struct job *j)
{
	const char *key = audit_parts_text(j->ev, j->ev->config_key);

	return strncmp(key, AUDIT_KEY_PREFIX,
	    sizeof(AUDIT_KEY_PREFIX) - 1) == 0;
}

static enum audit_verdict
describe_config(struct job *j, bool *rules_gone)
{
	const char *op = audit_parts_text(j->ev, j->ev->op);
	bool removed = strcmp(op, "remove_rule") == 0 ||
	    strcmp(op, "remove rule") == 0;
	bool ours = is_own_key(j);

	bool off = j->ev->has_enabled && j->ev->enabled == 0;

	/* The kernel moves a watch along when its file is replaced. */
	if (strcmp(op, "updated_rules") == 0)
		return AUDIT_VERDICT_IGNORE;
	/* Without a system call: the audit daemon did it, who may be our
	 * broker. What blinds the agent is told in any case. */
	if (!(j->ev->have & AUDIT_HAVE_SYSCALL) &&
	    ((!(removed && ours) && !off) ||
	    j->ev->stamp.ms * MONO_MS < j->d->since.ns))
		return AUDIT_VERDICT_IGNORE;
	if (start_event(j, EVENT_AGENT) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	set_category(j->e, "configuration", removed ? "deletion" : "change",
	    NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION,
	    removed && ours ? "audit-rules-removed" :
	    off ? "audit-disabled" : "audit-config-change");
	set_outcome(j->e, j->ev->has_result, j->ev->result);
	event_set_fmt(j->e, FIELD_EVENT_REASON, "audit configuration: %s%s%s",
	    op, j->ev->config_key.len > 0 ? ", key " : "",
	    audit_parts_text(j->ev, j->ev->config_key));
	if (removed && ours && (!j->ev->has_result || j->ev->result))
		*rules_gone = true;
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_alone(struct job *j)
{
	bool network = j->ev->own_type == AUDIT_ANOM_PROMISCUOUS;

	if (start_event(j, network ? EVENT_NETWORK : EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	if (network) {
		set_category(j->e, "network", "info", NULL);
		set_text(j, FIELD_OBSERVER_INGRESS_INTERFACE_NAME,
		    j->ev->device);
	} else
		set_category(j->e, "process",
		    j->ev->own_type == AUDIT_SECCOMP ? "change" : "end",
		    NULL);
	set_action_of_type(j->e, j->ev->own_type);
	if (!(j->ev->have & AUDIT_HAVE_SYSCALL) && j->ev->has_actor) {
		set_program(j);
		set_number(j->e, FIELD_USER_ID, j->ev->actor.uid);
	}
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_any(struct job *j, bool *rules_gone)
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
	if (have & (AUDIT_HAVE_SYSCALL | AUDIT_HAVE_URINGOP))
		return describe_call(j);
	return AUDIT_VERDICT_IGNORE;
}

/* The system call, or what it did on behalf of io_uring. */
static void
find_call(struct job *j)
{
	const struct audit_syscall *op;
	const struct audit_uring *u;

	j->call = audit_syscalls_find(j->d->syscalls, &j->ev->actor);
	for (size_t i = 0; i < j->ev->n_uring; i++) {
		u = &j->ev->uring[i];
		op = audit_syscalls_uring(j->d->syscalls, u->op);
		if (op->class == AUDIT_CLASS_OTHER)
			continue;
		j->call = op;
		j->uring = u;
		j->exit = u->exit;
		j->has_success = u->has_success;
		j->success = u->success;
	}
}

enum audit_verdict
audit_describe(struct audit_describer *d, const struct audit_parts *ev,
    struct wall created, struct event **out, bool *rules_gone)
{
	struct job j = { .d = d, .ev = ev, .exit = ev->actor.exit,
	    .has_success = ev->actor.has_success,
	    .success = ev->actor.success };
	bool call = (ev->have & (AUDIT_HAVE_SYSCALL | AUDIT_HAVE_URINGOP)) != 0;
	enum audit_verdict verdict;

	if (is_own_pid(&j))
		return AUDIT_VERDICT_IGNORE;
	find_call(&j);
	verdict = describe_any(&j, rules_gone);
	if (verdict != AUDIT_VERDICT_EVENT)
		return verdict;
	set_source(&j, created);
	if (ev->has_actor)
		set_actor(&j);
	if (call) {
		set_call(&j);
		set_text(&j, FIELD_PROCESS_WORKING_DIRECTORY, ev->cwd);
		set_title(&j);
	}
	*out = j.e;
	return AUDIT_VERDICT_EVENT;
}
