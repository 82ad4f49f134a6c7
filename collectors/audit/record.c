#include "collectors/audit/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libaudit.h>

#include "collectors/audit/arguments.h"
#include "collectors/audit/value.h"

/* As nanoseconds these fit 64 bits: the year 2255. */
#define SECONDS_MAX	UINT64_C(9000000000)
#define ENRICHED	0x1d	/* what auditd adds follows */

#define K(name, kind, type, member)	AUDIT_KEY(name, kind, type, member)

static const struct audit_key syscall_keys[] = {
	K("arch", HEX64, audit_actor, arch),
	K("syscall", DEC, audit_actor, syscall),
	K("success", RESULT, audit_actor, success),
	K("exit", EXIT, audit_actor, exit),
	K("a0", HEX64, audit_actor, a[0]),
	K("a1", HEX64, audit_actor, a[1]),
	K("a2", HEX64, audit_actor, a[2]),
	K("a3", HEX64, audit_actor, a[3]),
	K("ppid", DEC, audit_actor, ppid),
	K("pid", DEC, audit_actor, pid),
	K("auid", DEC, audit_actor, auid),
	K("uid", DEC, audit_actor, uid),
	K("gid", DEC, audit_actor, gid),
	K("euid", DEC, audit_actor, euid),
	K("suid", DEC, audit_actor, suid),
	K("fsuid", DEC, audit_actor, fsuid),
	K("egid", DEC, audit_actor, egid),
	K("sgid", DEC, audit_actor, sgid),
	K("fsgid", DEC, audit_actor, fsgid),
	K("tty", WORD, audit_actor, tty),
	K("ses", DEC, audit_actor, ses),
	K("comm", TEXT, audit_actor, comm),
	K("exe", TEXT, audit_actor, exe),
	K("subj", WORD, audit_actor, subject),
	K("key", TEXT, audit_actor, key),
};

static const struct audit_key uring_keys[] = {
	K("uring_op", DEC, audit_actor, syscall),
	K("success", RESULT, audit_actor, success),
	K("exit", EXIT, audit_actor, exit),
	K("ppid", DEC, audit_actor, ppid),
	K("pid", DEC, audit_actor, pid),
	K("uid", DEC, audit_actor, uid),
	K("gid", DEC, audit_actor, gid),
	K("euid", DEC, audit_actor, euid),
	K("suid", DEC, audit_actor, suid),
	K("fsuid", DEC, audit_actor, fsuid),
	K("egid", DEC, audit_actor, egid),
	K("sgid", DEC, audit_actor, sgid),
	K("fsgid", DEC, audit_actor, fsgid),
	K("subj", WORD, audit_actor, subject),
	K("key", TEXT, audit_actor, key),
};

/* Records that stand alone: ANOM_*, SECCOMP. */
static const struct audit_key alone_keys[] = {
	K("auid", DEC, audit_actor, auid),
	K("uid", DEC, audit_actor, uid),
	K("gid", DEC, audit_actor, gid),
	K("ses", DEC, audit_actor, ses),
	K("subj", WORD, audit_actor, subject),
	K("pid", DEC, audit_actor, pid),
	K("comm", TEXT, audit_actor, comm),
	K("exe", TEXT, audit_actor, exe),
	K("sig", DEC, audit_actor, sig),
	K("arch", HEX64, audit_actor, arch),
	K("syscall", DEC, audit_actor, syscall),
};
static const struct audit_key device_keys[] = {
	K("dev", WORD, audit_parts, device),
};

static const struct audit_key path_keys[] = {
	K("item", DEC, audit_path, item),
	K("name", TEXT, audit_path, name),
	K("inode", INODE, audit_path, inode),
	K("dev", DEV, audit_path, dev_major),
	K("mode", OCT, audit_path, mode),
	K("ouid", DEC, audit_path, ouid),
	K("ogid", DEC, audit_path, ogid),
	K("nametype", NAMETYPE, audit_path, nametype),
};

static const struct audit_key cwd_keys[] = { K("cwd", TEXT, audit_parts, cwd) };
static const struct audit_key title_keys[] = {
	K("proctitle", TEXT, audit_parts, title)
};
static const struct audit_key module_keys[] = {
	K("name", TEXT, audit_parts, module)
};
static const struct audit_key target_keys[] = {
	K("opid", DEC, audit_parts, target_pid),
	K("ocomm", TEXT, audit_parts, target_comm),
};
static const struct audit_key open_how_keys[] = {
	K("oflag", OCT, audit_parts, open_flags),
};
static const struct audit_key config_keys[] = {
	K("op", WORD, audit_parts, op),
	K("key", TEXT, audit_parts, config_key),
	K("list", DEC, audit_parts, config_list),
	K("audit_enabled", DEC, audit_parts, enabled),
	K("old", DEC, audit_parts, config_old),
	K("res", RESULT, audit_parts, result),
};
static const struct audit_key config_actor_keys[] = {
	K("auid", DEC, audit_actor, auid),
	K("ses", DEC, audit_actor, ses),
};
static const struct audit_key login_keys[] = {
	K("old-auid", DEC, audit_parts, old_auid),
	K("old-ses", DEC, audit_parts, old_ses),
	K("res", RESULT, audit_parts, result),
};
static const struct audit_key login_actor_keys[] = {
	K("pid", DEC, audit_actor, pid),
	K("uid", DEC, audit_actor, uid),
	K("auid", DEC, audit_actor, auid),
	K("tty", WORD, audit_actor, tty),
	K("ses", DEC, audit_actor, ses),
};
static const struct audit_key user_keys[] = {
	K("pid", DEC, audit_actor, pid),
	K("uid", DEC, audit_actor, uid),
	K("auid", DEC, audit_actor, auid),
	K("ses", DEC, audit_actor, ses),
	K("subj", WORD, audit_actor, subject),
};
#undef K
#define N(table)	(sizeof(table) / sizeof((table)[0]))

void
audit_parts_init(struct audit_parts *ev)
{
	memset(ev, 0, sizeof(*ev));
	buf_init(&ev->text, AUDIT_PARTS_TEXT);
	audit_parts_reset(ev);
}

void
audit_parts_reset(struct audit_parts *ev)
{
	struct audit_text *args = ev->args;
	size_t room = ev->args_room;
	struct buf text = ev->text;

	memset(ev, 0, offsetof(struct audit_parts, text));
	ev->args = args;
	ev->args_room = room;
	ev->text = text;
	buf_reset(&ev->text);
	buf_add_char(&ev->text, '\0');	/* so that no text is at 0 */
	ev->actor.auid = ev->actor.ses = AUDIT_UNSET;
}

void
audit_parts_fini(struct audit_parts *ev)
{
	free(ev->args);
	buf_fini(&ev->text);
	memset(ev, 0, sizeof(*ev));
}

const char *
audit_parts_text(const struct audit_parts *ev, struct audit_text t)
{
	if (t.at == 0)
		return "";
	return ev->text.data + t.at;
}

/* Record types. */

static int
take_syscall(struct audit_parts *ev, struct cursor *c)
{
	/* arch, syscall, ppid, pid, uid: always written. */
	const uint32_t must = 1 << 0 | 1 << 1 | 1 << 8 | 1 << 9 | 1 << 11;
	uint32_t seen;
	int error;

	if (ev->have & AUDIT_HAVE_SYSCALL)
		return -EBADMSG;
	error = audit_value_fields(ev, c, syscall_keys, N(syscall_keys), &ev->actor,
	    &seen);
	if (error != 0)
		return error;
	if ((seen & must) != must)
		return -EBADMSG;
	ev->actor.has_success = (seen & 1 << 2) != 0;
	ev->have |= AUDIT_HAVE_SYSCALL;
	ev->has_actor = true;
	return 0;
}

/* Operations come before the SYSCALL record of the io_uring_enter(2) that
 * ran them, or alone when the kernel's worker did. */
static int
take_uring(struct audit_parts *ev, struct cursor *c)
{
	const uint32_t must = 1 << 0 | 1 << 3 | 1 << 4;
	struct audit_actor who = { .auid = AUDIT_UNSET, .ses = AUDIT_UNSET };
	uint32_t seen;
	int error;

	error = audit_value_fields(ev, c, uring_keys, N(uring_keys), &who, &seen);
	if (error != 0)
		return error;
	if ((seen & must) != must)
		return -EBADMSG;
	if (ev->n_uring < AUDIT_PARTS_URING)
		ev->uring[ev->n_uring++] = (struct audit_uring){
			.op = who.syscall, .exit = who.exit,
			.has_success = (seen & 1 << 1) != 0,
			.success = who.success
		};
	ev->have |= AUDIT_HAVE_URINGOP;
	if (!ev->has_actor)
		ev->actor = who;
	ev->has_actor = true;
	return 0;
}

static int
take_path(struct audit_parts *ev, struct cursor *c)
{
	struct audit_path *path, dummy;
	uint32_t seen;
	int error;

	path = ev->n_paths < AUDIT_PARTS_PATHS ? &ev->paths[ev->n_paths] :
	    &dummy;
	memset(path, 0, sizeof(*path));
	if (path == &dummy) {
		ev->paths_cut++;
		return 0;
	}
	error = audit_value_fields(ev, c, path_keys, N(path_keys), path, &seen);
	if (error != 0)
		return error;
	if (!(seen & 1))
		return -EBADMSG;
	path->has_inode = (seen & 1 << 2) != 0;
	ev->n_paths++;
	return 0;
}

static int
take_saddr(struct audit_parts *ev, struct cursor *c)
{
	const uint8_t *p;
	size_t len;
	bool quoted;

	if (c->end - c->pos < 6 || memcmp(c->pos, "saddr=", 6) != 0)
		return -EBADMSG;
	c->pos += 6;
	if (!audit_value_raw(c, &p, &len, &quoted) || quoted ||
	    !audit_value_is_hex(p, len) || len / 2 > AUDIT_PARTS_SADDR)
		return -EBADMSG;
	ev->saddr_len = audit_value_unhex(p, len, ev->saddr);
	ev->have |= AUDIT_HAVE_SADDR;
	return 0;
}

static int
take_target(struct audit_parts *ev, struct cursor *c)
{
	uint32_t seen;
	int error;

	if (ev->n_targets++ > 0)
		return 0;
	error = audit_value_fields(ev, c, target_keys, N(target_keys), ev, &seen);
	if (error == 0)
		ev->have |= AUDIT_HAVE_TARGET;
	return error;
}

/* For the parts of records whose fields go to two structures. */
static int
take_both(struct audit_parts *ev, struct cursor *c,
    const struct audit_key *keys, size_t n,
    const struct audit_key *actor_keys, size_t n_actor, uint32_t *seen)
{
	struct cursor again = *c;
	uint32_t seen_actor;
	int error;

	error = audit_value_fields(ev, c, keys, n, ev, seen);
	/* A SYSCALL record of the same event knows more. */
	if (error == 0 && !ev->has_actor)
		error = audit_value_fields(ev, &again, actor_keys, n_actor,
		    &ev->actor, &seen_actor);
	return error;
}

static int
take_config(struct audit_parts *ev, struct cursor *c)
{
	uint32_t seen;
	int error;

	/* One event can carry several; a removed rule is what matters. */
	if ((ev->have & AUDIT_HAVE_CONFIG) &&
	    strstr(audit_parts_text(ev, ev->op), "remove") != NULL)
		return 0;
	error = take_both(ev, c, config_keys, N(config_keys),
	    config_actor_keys, N(config_actor_keys), &seen);
	if (error != 0)
		return error;
	ev->has_enabled = (seen & 1 << 3) != 0;
	ev->has_result = (seen & 1 << 5) != 0;
	ev->have |= AUDIT_HAVE_CONFIG;
	return 0;
}

static int
take_login(struct audit_parts *ev, struct cursor *c)
{
	uint32_t seen;
	int error;

	error = take_both(ev, c, login_keys, N(login_keys), login_actor_keys,
	    N(login_actor_keys), &seen);
	if (error != 0)
		return error;
	ev->has_result = (seen & 1 << 2) != 0;
	ev->have |= AUDIT_HAVE_LOGIN;
	ev->has_actor = true;
	return 0;
}

/*
 * The kernel writes the prefix and then " msg='"; what follows is the
 * sender's, who may be root of a container.
 */
static int
take_user(struct audit_parts *ev, uint32_t type, struct cursor *c)
{
	static const char border[] = " msg='";
	const uint8_t *msg;
	struct cursor prefix = *c;
	uint32_t seen;
	size_t len;
	int error;

	msg = memmem(c->pos, (size_t)(c->end - c->pos), border,
	    sizeof(border) - 1);
	if (msg != NULL)
		prefix.end = msg;
	error = audit_value_fields(ev, &prefix, user_keys, N(user_keys), &ev->actor,
	    &seen);
	if (error != 0)
		return error;
	if ((seen & 3) != 3)
		return -EBADMSG;
	ev->has_actor = true;
	ev->have |= AUDIT_HAVE_USER;
	ev->own_type = type;
	if (msg == NULL)
		return 0;
	msg += sizeof(border) - 1;
	len = (size_t)(c->end - msg);
	c->pos = c->end;
	while (len > 0 && (msg[len - 1] == '\n' || msg[len - 1] == '\0'))
		len--;
	/* The sender could write 0x1d too, but this only cuts his text. */
	const uint8_t *cut = memchr(msg, ENRICHED, len);
	if (cut != NULL)
		len = (size_t)(cut - msg);
	if (len > 0 && msg[len - 1] == '\'')
		len--;
	return audit_value_keep(ev, msg, len, &ev->message);
}

static int
take_alone(struct audit_parts *ev, uint32_t type, struct cursor *c)
{
	struct cursor again = *c;
	uint32_t seen;
	int error;

	/* A SYSCALL record of the same event knows more. */
	if (!ev->has_actor) {
		error = audit_value_fields(ev, c, alone_keys, N(alone_keys),
		    &ev->actor, &seen);
		if (error != 0)
			return error;
		if (seen & 1 << 5)
			ev->has_actor = true;
	}
	error = audit_value_fields(ev, &again, device_keys, N(device_keys), ev, &seen);
	if (error == 0) {
		ev->have |= AUDIT_HAVE_ALONE;
		ev->own_type = type;
	}
	return error;
}

static int
take_one(struct audit_parts *ev, struct cursor *c, const struct audit_key *keys,
    enum audit_have bit)
{
	uint32_t seen;
	int error = audit_value_fields(ev, c, keys, 1, ev, &seen);

	if (error == 0 && seen == 0)
		error = -EBADMSG;
	if (error == 0)
		ev->have |= bit;
	return error;
}

static void
note_type(struct audit_parts *ev, uint32_t type)
{
	for (size_t i = 0; i < ev->n_types; i++)
		if (ev->types[i] == type)
			return;
	if (ev->n_types < AUDIT_PARTS_TYPES && type <= UINT16_MAX)
		ev->types[ev->n_types++] = (uint16_t)type;
}

static bool
is_user_type(uint32_t type)
{
	return (type >= AUDIT_FIRST_USER_MSG && type <= AUDIT_LAST_USER_MSG) ||
	    (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2);
}

int
audit_record_take(struct audit_parts *ev, uint32_t type, struct cursor *c)
{
	note_type(ev, type);
	switch (type) {
	case AUDIT_SYSCALL:
		return take_syscall(ev, c);
	case AUDIT_PATH:
		return take_path(ev, c);
	case AUDIT_EXECVE:
		return audit_arguments_take(ev, c);
	case AUDIT_CWD:
		return take_one(ev, c, cwd_keys, AUDIT_HAVE_CWD);
	case AUDIT_PROCTITLE:
		return take_one(ev, c, title_keys, AUDIT_HAVE_TITLE);
	case AUDIT_SOCKADDR:
		return take_saddr(ev, c);
	case AUDIT_URINGOP:
		return take_uring(ev, c);
	case AUDIT_OBJ_PID:
		return take_target(ev, c);
	case AUDIT_KERN_MODULE:
		return take_one(ev, c, module_keys, AUDIT_HAVE_MODULE);
	case AUDIT_OPENAT2:
		return take_one(ev, c, open_how_keys, AUDIT_HAVE_OPEN_HOW);
	case AUDIT_CONFIG_CHANGE:
		return take_config(ev, c);
	case AUDIT_LOGIN:
		return take_login(ev, c);
	case AUDIT_ANOM_PROMISCUOUS:
	case AUDIT_ANOM_ABEND:
	case AUDIT_SECCOMP:
		return take_alone(ev, type, c);
	}
	return is_user_type(type) ? take_user(ev, type, c) : 0;
}

static int
peek(const struct cursor *c)
{
	return c->pos < c->end ? *c->pos : -1;
}

int
audit_record_stamp(struct cursor *c, struct audit_stamp *out)
{
	uint64_t seconds, ms, serial;

	if (c->end - c->pos < 6 || memcmp(c->pos, "audit(", 6) != 0)
		return -EBADMSG;
	c->pos += 6;
	if (!audit_value_dec(c, &seconds) || seconds > SECONDS_MAX ||
	    peek(c) != '.')
		return -EBADMSG;
	c->pos++;
	if (!audit_value_dec(c, &ms) || ms > 999 || peek(c) != ':')
		return -EBADMSG;
	c->pos++;
	if (!audit_value_dec(c, &serial) || serial > UINT32_MAX || peek(c) != ')')
		return -EBADMSG;
	c->pos++;
	if (peek(c) != ':')
		return -EBADMSG;
	c->pos++;
	if (peek(c) == ' ')
		c->pos++;
	out->ms = (int64_t)(seconds * 1000 + ms);
	out->serial = (uint32_t)serial;
	return 0;
}

/* SYSCALL, 1300, UNKNOWN[1329]. */
static int
type_of(const uint8_t *p, size_t len, uint32_t *out)
{
	static const char unknown[] = "UNKNOWN[";
	char name[32];
	struct cursor c;
	uint64_t v;
	int type;

	if (len > sizeof(unknown) - 1 &&
	    memcmp(p, unknown, sizeof(unknown) - 1) == 0 && p[len - 1] == ']') {
		p += sizeof(unknown) - 1;
		len -= sizeof(unknown);
	}
	c = cursor_make(p, len);
	if (audit_value_dec(&c, &v)) {
		if (c.pos != c.end || v > UINT16_MAX)
			return -EBADMSG;
		*out = (uint32_t)v;
		return 0;
	}
	if (len == 0 || len >= sizeof(name))
		return -EBADMSG;
	memcpy(name, p, len);
	name[len] = '\0';
	type = audit_name_to_msg_type(name);
	if (type <= 0)
		return -EBADMSG;
	*out = (uint32_t)type;
	return 0;
}

static bool
take_word_of(struct cursor *c, const char *name, const uint8_t **p, size_t *len)
{
	size_t n = strlen(name);

	if ((size_t)(c->end - c->pos) < n || memcmp(c->pos, name, n) != 0)
		return false;
	c->pos += n;
	*p = c->pos;
	while (c->pos < c->end && *c->pos != ' ')
		c->pos++;
	*len = (size_t)(c->pos - *p);
	if (c->pos < c->end)
		c->pos++;
	return true;
}

int
audit_record_line(struct cursor *c, const char **node, size_t *node_len,
    uint32_t *type)
{
	const uint8_t *name = NULL, *kind;
	size_t len = 0, kind_len;
	uint32_t number;

	(void)take_word_of(c, "node=", &name, &len);
	if (!take_word_of(c, "type=", &kind, &kind_len) ||
	    type_of(kind, kind_len, &number) != 0)
		return -EBADMSG;
	if (c->end - c->pos < 4 || memcmp(c->pos, "msg=", 4) != 0)
		return -EBADMSG;
	c->pos += 4;
	*node = (const char *)name;
	*node_len = len;
	*type = number;
	return 0;
}
