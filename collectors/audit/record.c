/*
 * Each record type has a table of the fields that are wanted, in the order in
 * which the kernel writes them. The reader expects the next one of the table,
 * so a record that is in order costs one comparison a field; any other order
 * is found by search. Values are read where they stand and decoded once, into
 * the text of the event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libaudit.h>

#include "collectors/audit/record.h"

enum kind { DEC, HEX64, OCT, RESULT, EXIT, TEXT, WORD, DEV, NAMETYPE, INODE };

struct key {
	const char	*name;
	uint8_t		 len;
	uint8_t		 kind;
	uint16_t	 offset;
};

/* As nanoseconds these fit 64 bits: the year 2255. */
#define SECONDS_MAX	UINT64_C(9000000000)
#define ENRICHED	0x1d	/* what auditd adds follows */

#define K(name, kind, type, member)					\
	{ name, sizeof(name) - 1, kind, offsetof(struct type, member) }

static const struct key syscall_keys[] = {
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

static const struct key uring_keys[] = {
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
static const struct key alone_keys[] = {
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
static const struct key device_keys[] = {
	K("dev", WORD, audit_parts, device),
};

static const struct key path_keys[] = {
	K("item", DEC, audit_path, item),
	K("name", TEXT, audit_path, name),
	K("inode", INODE, audit_path, inode),
	K("dev", DEV, audit_path, dev_major),
	K("mode", OCT, audit_path, mode),
	K("ouid", DEC, audit_path, ouid),
	K("ogid", DEC, audit_path, ogid),
	K("nametype", NAMETYPE, audit_path, nametype),
};

static const struct key cwd_keys[] = { K("cwd", TEXT, audit_parts, cwd) };
static const struct key title_keys[] = {
	K("proctitle", TEXT, audit_parts, title)
};
static const struct key module_keys[] = {
	K("name", TEXT, audit_parts, module)
};
static const struct key target_keys[] = {
	K("opid", DEC, audit_parts, target_pid),
	K("ocomm", TEXT, audit_parts, target_comm),
};
static const struct key open_how_keys[] = {
	K("oflag", OCT, audit_parts, open_flags),
};
static const struct key config_keys[] = {
	K("op", WORD, audit_parts, op),
	K("key", TEXT, audit_parts, config_key),
	K("list", DEC, audit_parts, config_list),
	K("audit_enabled", DEC, audit_parts, enabled),
	K("old", DEC, audit_parts, config_old),
	K("res", RESULT, audit_parts, result),
};
static const struct key config_actor_keys[] = {
	K("auid", DEC, audit_actor, auid),
	K("ses", DEC, audit_actor, ses),
};
static const struct key login_keys[] = {
	K("old-auid", DEC, audit_parts, old_auid),
	K("old-ses", DEC, audit_parts, old_ses),
	K("res", RESULT, audit_parts, result),
};
static const struct key login_actor_keys[] = {
	K("pid", DEC, audit_actor, pid),
	K("uid", DEC, audit_actor, uid),
	K("auid", DEC, audit_actor, auid),
	K("tty", WORD, audit_actor, tty),
	K("ses", DEC, audit_actor, ses),
};
static const struct key user_keys[] = {
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

/* Reading single characters; the cursor's own bounds hold everywhere. */

static inline int
peek(const struct cursor *c)
{
	return c->pos < c->end ? *c->pos : -1;
}

static inline bool
at_value_end(const struct cursor *c)
{
	int ch = peek(c);

	return ch == -1 || ch == ' ' || ch == ENRICHED || ch == '\n' ||
	    ch == '\0';
}

static inline bool
skip_spaces(struct cursor *c)
{
	while (c->pos < c->end && *c->pos == ' ')
		c->pos++;
	return c->pos < c->end && *c->pos != ENRICHED && *c->pos != '\n' &&
	    *c->pos != '\0';
}

static inline void
skip_token(struct cursor *c)
{
	const uint8_t *p = c->pos;

	while (p < c->end && *p != ' ' && *p != ENRICHED)
		p++;
	c->pos = p;
}

static bool
take_dec(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0;

	for (; p < c->end && *p >= '0' && *p <= '9'; p++, digits++)
		v = v * 10 + (uint64_t)(*p - '0');
	c->pos = p;
	*out = v;
	/* 19 digits cannot overflow, and no field has more. */
	return digits > 0 && digits <= 19;
}

static bool
take_signed(struct cursor *c, int64_t *out)
{
	bool minus = peek(c) == '-';
	uint64_t v;

	if (minus)
		c->pos++;
	if (!take_dec(c, &v) || v > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* Value and one; 0 for what is no digit. */
static const uint8_t hex_table[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	['A'] = 11, 12, 13, 14, 15, 16,
	['a'] = 11, 12, 13, 14, 15, 16,
};

static inline int
hex_value(uint8_t ch)
{
	return hex_table[ch] - 1;
}

static bool
take_hex(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0, d;

	for (; p < c->end && (d = hex_value(*p)) >= 0; p++, digits++)
		v = v << 4 | (uint64_t)d;
	c->pos = p;
	*out = v;
	return digits > 0 && digits <= 16;
}

static bool
take_oct(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->pos;
	uint64_t v = 0;
	int digits = 0;

	for (; p < c->end && *p >= '0' && *p <= '7'; p++, digits++)
		v = v << 3 | (uint64_t)(*p - '0');
	c->pos = p;
	*out = v;
	return digits > 0 && digits <= 21;
}

/* Text. */

static int
keep_text(struct audit_parts *ev, const void *data, size_t len,
    struct audit_text *out)
{
	size_t at = ev->text.len;

	buf_add(&ev->text, data, len);
	buf_add_char(&ev->text, '\0');
	if (!buf_ok(&ev->text)) {
		/* What was there before stays readable. */
		ev->text.failed = false;
		ev->text.len = at;
		return at + len + 1 > AUDIT_PARTS_TEXT ? -E2BIG : -ENOMEM;
	}
	out->at = (uint32_t)at;
	out->len = (uint32_t)len;
	return 0;
}

/* Decodes hex digits; false when they are no hex. Writes in pieces, so the
 * size of a value is no concern here. */
static int
keep_hex(struct audit_parts *ev, const uint8_t *p, size_t digits,
    struct audit_text *out)
{
	size_t at = ev->text.len;
	char piece[256];
	size_t n = 0;

	for (size_t i = 0; i + 1 < digits; i += 2) {
		piece[n++] = (char)(hex_value(p[i]) << 4 | hex_value(p[i + 1]));
		if (n == sizeof(piece)) {
			buf_add(&ev->text, piece, n);
			n = 0;
		}
	}
	buf_add(&ev->text, piece, n);
	buf_add_char(&ev->text, '\0');
	if (!buf_ok(&ev->text)) {
		ev->text.failed = false;
		ev->text.len = at;
		return at + digits / 2 + 1 > AUDIT_PARTS_TEXT ? -E2BIG : -ENOMEM;
	}
	out->at = (uint32_t)at;
	out->len = (uint32_t)(digits / 2);
	return 0;
}

static bool
is_hex(const uint8_t *p, size_t len)
{
	if (len == 0 || len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (hex_value(p[i]) < 0 || p[i] >= 'a')
			return false;
	return true;
}

/*
 * The raw bytes of a text value: between the quotes, or up to the space.
 * False when the closing quote is missing.
 */
static bool
take_raw(struct cursor *c, const uint8_t **text, size_t *len, bool *quoted)
{
	const uint8_t *p, *end;

	*quoted = peek(c) == '"';
	if (*quoted) {
		p = c->pos + 1;
		end = memchr(p, '"', (size_t)(c->end - p));
		if (end == NULL)
			return false;
		c->pos = end + 1;
	} else {
		p = c->pos;
		for (end = p; end < c->end && *end != ' ' && *end != ENRICHED &&
		    *end != '\n' && *end != '\0'; end++)
			;
		c->pos = end;
	}
	*text = p;
	*len = (size_t)(end - p);
	return true;
}

static int
take_text(struct audit_parts *ev, struct cursor *c, struct audit_text *out)
{
	const uint8_t *p;
	size_t len;
	bool quoted;

	if (!take_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	if (quoted)
		return keep_text(ev, p, len, out);
	if (len == 6 && memcmp(p, "(null)", 6) == 0)
		return 0;
	if (is_hex(p, len))
		return keep_hex(ev, p, len, out);
	return keep_text(ev, p, len, out);
}

/* A value that is never hex: op=add_rule, tty=pts0, subj=unconfined. */
static int
take_word(struct audit_parts *ev, struct cursor *c, struct audit_text *out)
{
	const uint8_t *p;
	size_t len;
	bool quoted;

	if (!take_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	if (!quoted && len == 6 && (memcmp(p, "(none)", 6) == 0 ||
	    memcmp(p, "(null)", 6) == 0))
		return 0;
	return keep_text(ev, p, len, out);
}

/* Values with a structure of their own. */

static bool
is_word(const uint8_t *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

static int
take_result(struct cursor *c, bool *out)
{
	const uint8_t *p = c->pos;
	size_t len;

	skip_token(c);
	len = (size_t)(c->pos - p);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\0'))
		len--;
	if (is_word(p, len, "yes") || is_word(p, len, "1") ||
	    is_word(p, len, "success"))
		*out = true;
	else if (is_word(p, len, "no") || is_word(p, len, "0") ||
	    is_word(p, len, "failed"))
		*out = false;
	else
		return -EBADMSG;
	return 0;
}

static int
take_nametype(struct cursor *c, enum audit_nametype *out)
{
	const uint8_t *p = c->pos;
	size_t len;

	skip_token(c);
	len = (size_t)(c->pos - p);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\0'))
		len--;
	if (is_word(p, len, "NORMAL"))
		*out = AUDIT_NAME_NORMAL;
	else if (is_word(p, len, "PARENT"))
		*out = AUDIT_NAME_PARENT;
	else if (is_word(p, len, "CREATE"))
		*out = AUDIT_NAME_CREATE;
	else if (is_word(p, len, "DELETE"))
		*out = AUDIT_NAME_DELETE;
	else
		*out = AUDIT_NAME_UNKNOWN;
	return 0;
}

static int
take_dev(struct cursor *c, uint32_t out[static 2])
{
	uint64_t major, minor;

	if (!take_hex(c, &major) || peek(c) != ':')
		return -EBADMSG;
	c->pos++;
	if (!take_hex(c, &minor) || !at_value_end(c) || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return -EBADMSG;
	out[0] = (uint32_t)major;
	out[1] = (uint32_t)minor;
	return 0;
}

static int
take_u32(struct cursor *c, uint32_t *out)
{
	int64_t v;

	/* auid=-1 of old kernels and oauid=-1 of new ones. */
	if (!take_signed(c, &v) || !at_value_end(c) || v > UINT32_MAX ||
	    v < -1)
		return -EBADMSG;
	*out = (uint32_t)v;
	return 0;
}

static int
take_number(struct cursor *c, bool (*take)(struct cursor *, uint64_t *),
    uint64_t *out)
{
	uint64_t v;

	if (!take(c, &v) || !at_value_end(c))
		return -EBADMSG;
	*out = v;
	return 0;
}

static int
take_value(struct audit_parts *ev, const struct key *k, struct cursor *c,
    void *member)
{
	uint64_t v;
	int error;

	switch (k->kind) {
	case DEC:
		return take_u32(c, member);
	case HEX64:
		error = take_number(c, take_hex, &v);
		if (error != 0)
			return error;
		if (k->offset == offsetof(struct audit_actor, arch)) {
			if (v > UINT32_MAX)
				return -EBADMSG;
			*(uint32_t *)member = (uint32_t)v;
		} else
			*(uint64_t *)member = v;
		return 0;
	case OCT:
		error = take_number(c, take_oct, &v);
		if (error != 0)
			return error;
		if (k->len == 4)	/* mode= */
			*(uint32_t *)member = (uint32_t)v;
		else
			*(uint64_t *)member = v;
		return 0;
	case EXIT:
		if (!take_signed(c, member) || !at_value_end(c))
			return -EBADMSG;
		return 0;
	case INODE:
		return take_number(c, take_dec, member);
	case RESULT:
		return take_result(c, member);
	case DEV:
		return take_dev(c, member);
	case NAMETYPE:
		return take_nametype(c, member);
	case WORD:
		return take_word(ev, c, member);
	case TEXT:
		return take_text(ev, c, member);
	}
	return -EBADMSG;
}

static inline bool
is_key(const struct cursor *c, const struct key *k)
{
	const uint8_t *p = c->pos;
	const char *name = k->name;
	size_t len = k->len;

	if ((size_t)(c->end - p) <= len || p[len] != '=')
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)name[i])
			return false;
	return true;
}

/* The index of the key that stands here, or n. */
static size_t
find_key(const struct cursor *c, const struct key *keys, size_t n, size_t next)
{
	/* The next, or the one behind it where an optional one is absent. */
	if (next < n && is_key(c, &keys[next]))
		return next;
	if (next + 1 < n && is_key(c, &keys[next + 1]))
		return next + 1;
	for (size_t i = 0; i < n; i++)
		if (is_key(c, &keys[i]))
			return i;
	return n;
}

/*
 * Reads all fields up to the end. *seen gets a bit per key of the table. The
 * members that the keys name are relative to base.
 */
static int
take_fields(struct audit_parts *ev, struct cursor *c, const struct key *keys,
    size_t n, void *base, uint32_t *seen)
{
	size_t next = 0, i;
	int error;

	*seen = 0;
	while (skip_spaces(c)) {
		i = find_key(c, keys, n, next);
		if (i == n || (*seen & UINT32_C(1) << i)) {
			skip_token(c);
			continue;
		}
		c->pos += keys[i].len + 1;
		error = take_value(ev, &keys[i], c,
		    (char *)base + keys[i].offset);
		if (error != 0)
			return error;
		*seen |= UINT32_C(1) << i;
		next = i + 1;
		/* Nothing of interest follows the last key of the table. */
		if (next == n && *seen == (UINT32_C(1) << n) - 1)
			break;
	}
	return 0;
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
	error = take_fields(ev, c, syscall_keys, N(syscall_keys), &ev->actor,
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

	error = take_fields(ev, c, uring_keys, N(uring_keys), &who, &seen);
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
	error = take_fields(ev, c, path_keys, N(path_keys), path, &seen);
	if (error != 0)
		return error;
	if (!(seen & 1))
		return -EBADMSG;
	path->has_inode = (seen & 1 << 2) != 0;
	ev->n_paths++;
	return 0;
}

/* EXECVE: argc=N a0=.. a1_len=N a1[0]=.. a1[1]=.., over several records. */

struct arg_name {
	uint32_t	index;
	bool		is_len;		/* aN_len= */
	bool		in_parts;	/* aN[M]= */
	uint32_t	part;
};

static bool
take_arg_name(struct cursor *c, struct arg_name *a)
{
	uint64_t v;

	memset(a, 0, sizeof(*a));
	if (peek(c) != 'a')
		return false;
	c->pos++;
	if (!take_dec(c, &v) || v > UINT32_MAX)
		return false;
	a->index = (uint32_t)v;
	if (peek(c) == '_') {
		if (c->end - c->pos < 4 || memcmp(c->pos, "_len", 4) != 0)
			return false;
		c->pos += 4;
		a->is_len = true;
	} else if (peek(c) == '[') {
		c->pos++;
		if (!take_dec(c, &v) || v > UINT32_MAX || peek(c) != ']')
			return false;
		c->pos++;
		a->part = (uint32_t)v;
		a->in_parts = true;
	}
	if (peek(c) != '=')
		return false;
	c->pos++;
	return true;
}

static int
make_room(struct audit_parts *ev)
{
	struct audit_text *args;
	size_t room;

	if (ev->n_args < ev->args_room)
		return 0;
	room = ev->args_room == 0 ? 16 : ev->args_room * 2;
	args = realloc(ev->args, room * sizeof(*args));
	if (args == NULL)
		return -ENOMEM;
	ev->args = args;
	ev->args_room = room;
	return 0;
}

/* Puts a piece behind the last argument. */
static int
extend_arg(struct audit_parts *ev, struct audit_text piece)
{
	struct audit_text *last = &ev->args[ev->n_args - 1];
	char *data = ev->text.data;

	if (last->at + last->len + 1 == piece.at) {
		/* The usual case: they lie side by side, take out the NUL. */
		memmove(data + piece.at - 1, data + piece.at, piece.len + 1);
		ev->text.len--;
		last->len += piece.len;
		return 0;
	}
	/* Something lies between; the first piece is copied to the end. */
	struct audit_text both;
	char *copy = malloc((size_t)last->len + piece.len + 1);
	int error;

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data + last->at, last->len);
	memcpy(copy + last->len, data + piece.at, piece.len);
	error = keep_text(ev, copy, (size_t)last->len + piece.len, &both);
	free(copy);
	if (error == 0)
		*last = both;
	return error;
}

static int
take_arg(struct audit_parts *ev, struct cursor *c, const struct arg_name *a)
{
	struct audit_text piece = { 0, 0 };
	const uint8_t *p;
	bool more = a->in_parts && a->part > 0, quoted;
	size_t len, bytes;
	int error;

	if (!take_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	/* Arguments come in order; a gap means that a record was lost. */
	if (more ? a->index + 1 != ev->n_args : a->index != ev->n_args) {
		ev->args_cut = true;
		return 0;
	}
	bytes = quoted ? len : len / 2;
	if (ev->args_cut || (!more && ev->n_args >= AUDIT_PARTS_ARGS) ||
	    ev->arg_bytes + bytes > AUDIT_PARTS_ARG_BYTES) {
		ev->args_cut = true;
		return 0;
	}
	if (quoted)
		error = keep_text(ev, p, len, &piece);
	else if (is_hex(p, len))
		error = keep_hex(ev, p, len, &piece);
	else
		error = len == 0 ? keep_text(ev, "", 0, &piece) : -EBADMSG;
	if (error != 0)
		return error;
	ev->arg_bytes += bytes;
	if (more)
		return extend_arg(ev, piece);
	error = make_room(ev);
	if (error == 0)
		ev->args[ev->n_args++] = piece;
	return error;
}

static int
take_execve(struct audit_parts *ev, struct cursor *c)
{
	struct arg_name a;
	uint64_t v;
	int error;

	while (skip_spaces(c)) {
		if (c->end - c->pos > 5 && memcmp(c->pos, "argc=", 5) == 0) {
			c->pos += 5;
			error = take_u32(c, &ev->argc);
			if (error != 0)
				return error;
			ev->have |= AUDIT_HAVE_EXECVE;
			continue;
		}
		if (!take_arg_name(c, &a))
			return -EBADMSG;
		if (a.is_len) {
			error = take_number(c, take_dec, &v);
			if (error == 0)
				continue;
		} else
			error = take_arg(ev, c, &a);
		if (error != 0)
			return error;
	}
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
	if (!take_raw(c, &p, &len, &quoted) || quoted || !is_hex(p, len) ||
	    len / 2 > AUDIT_PARTS_SADDR)
		return -EBADMSG;
	for (size_t i = 0; i < len; i += 2)
		ev->saddr[i / 2] =
		    (uint8_t)(hex_value(p[i]) << 4 | hex_value(p[i + 1]));
	ev->saddr_len = len / 2;
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
	error = take_fields(ev, c, target_keys, N(target_keys), ev, &seen);
	if (error == 0)
		ev->have |= AUDIT_HAVE_TARGET;
	return error;
}

/* For the parts of records whose fields go to two structures. */
static int
take_both(struct audit_parts *ev, struct cursor *c, const struct key *keys,
    size_t n, const struct key *actor_keys, size_t n_actor, uint32_t *seen)
{
	struct cursor again = *c;
	uint32_t seen_actor;
	int error;

	error = take_fields(ev, c, keys, n, ev, seen);
	/* A SYSCALL record of the same event knows more. */
	if (error == 0 && !ev->has_actor)
		error = take_fields(ev, &again, actor_keys, n_actor,
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
	error = take_fields(ev, &prefix, user_keys, N(user_keys), &ev->actor,
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
	return keep_text(ev, msg, len, &ev->message);
}

static int
take_alone(struct audit_parts *ev, uint32_t type, struct cursor *c)
{
	struct cursor again = *c;
	uint32_t seen;
	int error;

	/* A SYSCALL record of the same event knows more. */
	if (!ev->has_actor) {
		error = take_fields(ev, c, alone_keys, N(alone_keys),
		    &ev->actor, &seen);
		if (error != 0)
			return error;
		if (seen & 1 << 5)
			ev->has_actor = true;
	}
	error = take_fields(ev, &again, device_keys, N(device_keys), ev, &seen);
	if (error == 0) {
		ev->have |= AUDIT_HAVE_ALONE;
		ev->own_type = type;
	}
	return error;
}

static int
take_one(struct audit_parts *ev, struct cursor *c, const struct key *keys,
    enum audit_have bit)
{
	uint32_t seen;
	int error = take_fields(ev, c, keys, 1, ev, &seen);

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
		return take_execve(ev, c);
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

int
audit_record_stamp(struct cursor *c, struct audit_stamp *out)
{
	uint64_t seconds, ms, serial;

	if (c->end - c->pos < 6 || memcmp(c->pos, "audit(", 6) != 0)
		return -EBADMSG;
	c->pos += 6;
	if (!take_dec(c, &seconds) || seconds > SECONDS_MAX ||
	    peek(c) != '.')
		return -EBADMSG;
	c->pos++;
	if (!take_dec(c, &ms) || ms > 999 || peek(c) != ':')
		return -EBADMSG;
	c->pos++;
	if (!take_dec(c, &serial) || serial > UINT32_MAX || peek(c) != ')')
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
	if (take_dec(&c, &v)) {
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

/* Socket addresses. */

static void
take_unix(struct cursor *c, struct audit_address *a)
{
	const uint8_t *nul;

	a->family = AUDIT_FAMILY_UNIX;
	a->path_len = cursor_left(c);
	a->path = cursor_take(c, a->path_len);
	if (a->path_len == 0)
		return;
	if (a->path[0] == '\0') {
		/* Abstract: every byte of the length counts, but callers that
		 * pass the whole structure pad it with NULs. */
		a->path++;
		a->path_len--;
		while (a->path_len > 0 && a->path[a->path_len - 1] == '\0')
			a->path_len--;
		a->abstract = a->path_len > 0;
		return;
	}
	nul = memchr(a->path, '\0', a->path_len);
	if (nul != NULL)
		a->path_len = (size_t)(nul - a->path);
}

int
audit_record_address(const uint8_t *saddr, size_t len,
    struct audit_address *out)
{
	struct cursor c = cursor_make(saddr, len);
	struct audit_address a = { .number = cursor_u16host(&c) };
	const uint8_t *ip;

	switch (a.number) {
	case AF_UNSPEC:
		a.family = AUDIT_FAMILY_NONE;
		break;
	case AF_UNIX:
		take_unix(&c, &a);
		break;
	case AF_INET:
		a.family = AUDIT_FAMILY_INET;
		a.port = cursor_u16be(&c);
		ip = cursor_take(&c, 4);
		if (ip != NULL)
			memcpy(a.ip, ip, 4);
		break;
	case AF_INET6:
		a.family = AUDIT_FAMILY_INET6;
		a.port = cursor_u16be(&c);
		cursor_skip(&c, 4);
		ip = cursor_take(&c, 16);
		if (ip != NULL)
			memcpy(a.ip, ip, 16);
		/* RFC 2133 addresses have no scope. */
		if (cursor_left(&c) >= 4)
			a.scope = cursor_u32host(&c);
		break;
	case AF_NETLINK:
		a.family = AUDIT_FAMILY_NETLINK;
		cursor_skip(&c, 2);
		a.portid = cursor_u32host(&c);
		break;
	case AF_PACKET:
		a.family = AUDIT_FAMILY_PACKET;
		a.protocol = cursor_u16be(&c);
		a.ifindex = cursor_u32host(&c);
		break;
	default:
		a.family = AUDIT_FAMILY_OTHER;
		break;
	}
	if (!cursor_ok(&c))
		return -EBADMSG;
	*out = a;
	return 0;
}
