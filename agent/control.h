/*
 * control: the daemon's answer to questions of its own commands (status,
 * record), on a unix socket. One request line, one answer, then the
 * connection is closed.
 *
 *	status\n		JSON, see tallyman(8)
 *	record\n	with descriptors of the bundle's files (SCM_RIGHTS):
 *			"ok\n", and recording goes on until the client closes
 *
 * The socket is 0660; whoever may connect may ask. At most 16 clients at
 * once, 10 s each until the request is there. Engine's loop thread.
 */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include <sys/types.h>

#include "agent/core/loop.h"
#include "lib/buf.h"

#define CONTROL_FDS_MAX	8
#define CONTROL_WAIT	30	/* s; a busy engine answers within a few */

/* Writes the answer to a request line. fds: descriptors that came with it;
 * the callee owns those that it takes and sets them to -1. *keep: true leaves
 * the connection open until the client closes it (then `gone` is called). */
typedef void (*control_answer_fn)(void *ctx, const char *line, int *fds,
    size_t n_fds, struct buf *out, bool *keep);
typedef void (*control_gone_fn)(void *ctx);

struct control;

/*
 * Binds path (its directory must exist; a dead socket is replaced, a live one
 * is -EADDRINUSE: another daemon runs; what is no socket is -EEXIST). Owner
 * as given. Returns a descriptor for control_new or -errno. Needs the rights
 * to the directory.
 */
int control_bind(const char *path, uid_t, gid_t);
/* Serves fd, which it owns from then on. NULL with errno. */
struct control *control_new(struct loop *, int fd, control_answer_fn,
    control_gone_fn, void *ctx);
void control_free(struct control *);

/*
 * Client: sends the line with descriptors and reads the whole answer (at most
 * 4 MiB). *keep_fd: NULL closes the connection, else it is handed over.
 * 0, -ENOENT or -ECONNREFUSED (no daemon), -ETIMEDOUT (nothing came for
 * wait_s seconds: it hangs), -EACCES, -errno.
 */
int control_ask(const char *path, const char *line, const int *fds,
    size_t n_fds, unsigned wait_s, struct buf *answer, int *keep_fd);

#endif
