/*
 * identity: reads what a command line, a cgroup file or a comm says about
 * containers. Pure functions; the process table decides what they mean.
 *
 * Threads: any; no state. Sources: runc(8), crun(1), cgroups(7).
 */
#ifndef ENRICH_IDENTITY_H
#define ENRICH_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"

enum identity_verb {
	IDENTITY_NONE,		/* not a runtime, or a verb without children
				   that become a container */
	IDENTITY_CREATE,	/* the child waits for `start` */
	IDENTITY_RUN,		/* create and start in one */
	IDENTITY_EXEC		/* a further process in the container */
};

struct identity_runtime {
	enum identity_verb verb;
	uint8_t	id[32];			/* container */
	char	exec_id[65];		/* Docker's exec id, or "" */
};

/* What one exec record says; texts may be "". */
struct identity_exec {
	const char		*exe;	/* path of the program */
	const char		*cwd;
	const struct event_str	*args;
	size_t			 n_args;
};

/*
 * True when the program is a container runtime at one of the paths where
 * distributions and Docker put it. A path is what the host's mount namespace
 * says: ask only for processes known to be the host's.
 */
bool identity_is_runtime_path(const char *exe);
/* True when this is a runtime that makes a container process; fills out. */
bool identity_read_runtime(const struct identity_exec *,
    struct identity_runtime *out);
/* The runtime's own second stage ("runc init", or the runtime executing a
 * copy of itself): not yet the container's program. */
bool identity_is_stage(const struct identity_exec *);

/*
 * Container id in the text of /proc/PID/cgroup: of the outermost part of a
 * path that is an id or ends in one as runtimes write them, since a container
 * may make what is below. 1 found; 2 found, but where a user may make cgroups
 * of any name (user.slice: containers without root); 0 there is none; -EINVAL
 * text that is no cgroup file. An exiting task's lines of version 1 all say
 * "/": whether it exits is for the caller to know.
 */
int identity_read_cgroup(const char *text, size_t len, uint8_t id[static 32]);
/*
 * Not every id is 64 hex digits: containerd's users choose theirs, buildkit
 * makes 25 letters. Such a one is kept as its first 31 characters and zeros
 * behind them. False: it holds what runc(8) does not allow in an id.
 */
bool identity_pack_name(const char *text, size_t len, uint8_t id[static 32]);
/* True for such a one; 32 random bytes are none. */
bool identity_is_name(const uint8_t id[static 32]);
/* containerd's shim: "-id NAME" of its arguments, packed. False for ids of
 * 64 digits, which the cgroup tells, and for other programs. */
bool identity_read_shim(const char *exe, const struct event_str *args,
    size_t n_args, uint8_t id[static 32]);
/* A part of the path is this id. */
bool identity_in_path(const char *path, const uint8_t id[static 32]);
/* The first run of exactly 64 hex digits that stands alone in the text. */
bool identity_find_id(const char *text, size_t len, uint8_t id[static 32]);

#endif
