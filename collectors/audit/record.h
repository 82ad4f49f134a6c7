/*
 * record: reads one audit record and adds what it says to the parts of its
 * event. Not for: joining records into events (assemble.h), telling what an
 * event means (describe.h).
 *
 * Every byte is taken as hostile: a container can put text of its choice into
 * arguments, paths and user messages. Text fields are quoted when plain and
 * upper-case hex when not, so a value cannot bring fields of its own; the
 * first field of a name wins. Of user-space messages only the kernel's prefix
 * is read, the text inside msg='...' is kept as one opaque piece.
 *
 * Source: kernel/audit.c and kernel/auditsc.c; audit log format of
 * auditd(8). Threads: any, one owner per object. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_RECORD_H
#define COLLECTORS_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/cursor.h"

/* audit(SECONDS.MILLISECONDS:SERIAL) */
struct audit_stamp {
	int64_t		ms;		/* since 1970-01-01 UTC */
	uint32_t	serial;		/* of the kernel; wraps */
};

/* A range of audit_parts.text; at 0: the field was not there. */
struct audit_text {
	uint32_t	at, len;
};

#define AUDIT_PARTS_TEXT	(256 * 1024)	/* bytes of text per event */
#define AUDIT_PARTS_ARGS	1024		/* arguments kept */
#define AUDIT_PARTS_ARG_BYTES	(64 * 1024)	/* bytes of arguments kept */
#define AUDIT_PARTS_PATHS	16
#define AUDIT_PARTS_URING	8
#define AUDIT_PARTS_TYPES	24
#define AUDIT_PARTS_SADDR	128		/* sizeof(sockaddr_storage) */
#define AUDIT_UNSET		UINT32_MAX	/* auid and ses of daemons */

enum audit_nametype {
	AUDIT_NAME_UNKNOWN, AUDIT_NAME_NORMAL, AUDIT_NAME_PARENT,
	AUDIT_NAME_DELETE, AUDIT_NAME_CREATE
};

struct audit_path {
	uint32_t		item;
	struct audit_text	name;
	uint64_t		inode;
	uint32_t		dev_major, dev_minor;
	bool			has_inode;
	uint32_t		mode;		/* st_mode */
	uint32_t		ouid, ogid;
	enum audit_nametype	nametype;
};

/* Who acted: of SYSCALL, else of URINGOP or a record that stands alone. */
struct audit_actor {
	uint32_t		arch;		/* AUDIT_ARCH_ */
	uint32_t		syscall;	/* number */
	int64_t			exit;
	uint64_t		a[4];
	uint32_t		pid, ppid;
	uint32_t		auid, ses;
	uint32_t		uid, euid, suid, fsuid;
	uint32_t		gid, egid, sgid, fsgid;
	bool			has_success, success;
	uint32_t		sig;		/* ANOM_ABEND, SECCOMP */
	struct audit_text	tty, comm, exe, key, subject;
};

/* An io_uring operation; several can be part of one system call. */
struct audit_uring {
	uint32_t		op;		/* IORING_OP_ */
	int64_t			exit;
	bool			has_success, success;
};

/* Bits of audit_parts.have. */
enum audit_have {
	AUDIT_HAVE_SYSCALL	= 1 << 0,
	AUDIT_HAVE_URINGOP	= 1 << 1,
	AUDIT_HAVE_EXECVE	= 1 << 2,
	AUDIT_HAVE_CWD		= 1 << 3,
	AUDIT_HAVE_SADDR	= 1 << 4,
	AUDIT_HAVE_TITLE	= 1 << 5,
	AUDIT_HAVE_TARGET	= 1 << 6,	/* OBJ_PID */
	AUDIT_HAVE_CONFIG	= 1 << 7,	/* CONFIG_CHANGE */
	AUDIT_HAVE_USER		= 1 << 8,	/* a user-space message */
	AUDIT_HAVE_LOGIN	= 1 << 9,	/* LOGIN of the kernel */
	AUDIT_HAVE_MODULE	= 1 << 10,	/* KERN_MODULE */
	AUDIT_HAVE_OPEN_HOW	= 1 << 11,	/* OPENAT2 */
	AUDIT_HAVE_ALONE	= 1 << 12	/* ANOM_*, SECCOMP ... */
};

/* What the records of one event said. */
struct audit_parts {
	struct audit_stamp	 stamp;
	uint32_t		 have;
	uint16_t		 types[AUDIT_PARTS_TYPES]; /* each once, in
							      order of arrival */
	size_t			 n_types;
	uint32_t		 own_type;	/* of the USER or ALONE record */

	struct audit_actor	 actor;
	bool			 has_actor;
	struct audit_uring	 uring[AUDIT_PARTS_URING];
	size_t			 n_uring;

	uint32_t		 argc;		/* as the kernel counted */
	struct audit_text	*args;		/* in order, without gaps */
	size_t			 n_args, args_room;
	size_t			 arg_bytes;
	bool			 args_cut;	/* some are not kept */

	struct audit_path	 paths[AUDIT_PARTS_PATHS];
	size_t			 n_paths;
	uint32_t		 paths_cut;

	uint8_t			 saddr[AUDIT_PARTS_SADDR];
	size_t			 saddr_len;

	struct audit_text	 cwd, title, module;
	uint32_t		 target_pid, n_targets;
	struct audit_text	 target_comm;
	uint64_t		 open_flags;

	struct audit_text	 op, config_key, device;
	uint32_t		 config_list, config_old;
	bool			 has_enabled;	/* audit_enabled was set */
	uint32_t		 enabled;
	uint32_t		 old_auid, old_ses;
	bool			 has_result, result;	/* res= of the kernel */
	struct audit_text	 message;	/* of the user, not trusted */

	struct buf		 text;
};

void audit_parts_init(struct audit_parts *);
/* Empties it and keeps its memory. */
void audit_parts_reset(struct audit_parts *);
void audit_parts_fini(struct audit_parts *);

/* The text of a range, NUL after its length; "" when it is not there. */
const char *audit_parts_text(const struct audit_parts *, struct audit_text);

/*
 * Takes "audit(SEC.MS:SERIAL):" and the space after it. 0, or -EBADMSG when
 * the text is something else.
 */
int audit_record_stamp(struct cursor *, struct audit_stamp *);

/*
 * Takes the rest of a record of this type and adds it. Unknown types and
 * unknown fields are skipped. 0; -EBADMSG: not as the kernel writes it, the
 * fields read so far stay; -ENOMEM; -E2BIG: the event has too much text.
 */
int audit_record_take(struct audit_parts *, uint32_t type, struct cursor *);

/*
 * One line of a log: an optional "node=NAME ", "type=NAME_OR_NUMBER msg=",
 * and then as over netlink. Leaves the cursor before "audit(". node is lent
 * from the line, NULL when there is none. 0 or -EBADMSG.
 */
int audit_record_line(struct cursor *, const char **node, size_t *node_len,
    uint32_t *type);

#endif
