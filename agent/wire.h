/*
 * wire: the messages between the engine (unprivileged) and the broker
 * (privileged), over one AF_UNIX SOCK_SEQPACKET pair, so that message borders
 * are the kernel's.
 *
 * The engine sends verbs with bounded arguments, nothing else: no path, URL
 * or length crosses towards the broker. The broker answers with raw bytes in
 * chunks, and with descriptors (SCM_RIGHTS).
 *
 * Both structs are of one machine and one binary: no byte order, no version.
 * Threads: the loop thread of each process.
 */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrich/ask.h"

/* Bundles have these numbers (agent/bundle.h): new ones go to the end. */
enum wire_verb {
	WIRE_NONE,
	WIRE_OPEN_AUDIT,	/* answer: fd; text: how, or why not */
	WIRE_OPEN_PROC,		/* answer: fd */
	WIRE_OPEN_CONNTRACK,	/* answer: fd */
	WIRE_CONNTRACK_DUMP,	/* no answer: it comes on the descriptor */
	WIRE_AUDIT_STATUS,	/* answer: text, see broker.c */
	WIRE_AUDIT_RULES,	/* put our rules back; no answer */
	WIRE_PROC,		/* pid; answer: files of /proc/PID */
	WIRE_PROC_SCAN,		/* answers: one WIRE_PROC each, then this one */
	WIRE_DOCKER_LIST,	/* answer: JSON of GET /containers/json?all=1 */
	WIRE_DOCKER_INSPECT,	/* id; answer: JSON of GET /containers/ID/json */
	WIRE_DOCKER_EVENTS,	/* since; answers: chunks of GET /events */
	WIRE_READY,		/* the engine works; no answer */
	WIRE_ALIVE,		/* the engine's loop turned; no answer */
	WIRE_NETNS,		/* id, pid; answer: struct enrich_netns */
	WIRE_AUDIT_YIELD,	/* another daemon comes, or was there and is
				   gone; answer: as WIRE_OPEN_AUDIT */
	WIRE_OPEN_LOOPBACK,	/* id of a container and pid of its first
				   process; answer: fd, see collectors/packet/
				   loopback.h; bytes: agent/within.h. -ECANCELED
				   when it is switched off, -EEXIST when the
				   container has no namespace of its own */
	WIRE_SOCKET,		/* id or none, socket; answers: one WIRE_PROC
				   each of who has it, then a struct
				   enrich_socket_answer, also of nobody */
	WIRE_VERBS
};

#define WIRE_ID		65	/* 64 hex digits and a NUL */

struct wire_request {
	uint32_t	verb;
	uint32_t	pid;
	int64_t		since_ns;	/* wall; 0: from now on */
	struct enrich_socket socket;
	char		id[WIRE_ID];
};

#define WIRE_LAST	0x1	/* no more chunks for this question */
#define WIRE_LOST	0x2	/* chunks of the Docker event stream were
				   dropped before this, which may be an answer
				   to something else */
#define WIRE_CUT_PIDS	0x4	/* the container has more processes (or
				   cgroups) than one search looks at */
#define WIRE_CUT_FDS	0x8	/* more descriptors were open than one search
				   looks at */
#define WIRE_STUCK	0x10	/* the command line could not be read in
				   time, see agent/aside.h */
/* What the broker noticed while it looked. */
#define WIRE_NOTES	(WIRE_CUT_PIDS | WIRE_CUT_FDS | WIRE_STUCK)

struct wire_answer {
	uint32_t	verb;
	uint32_t	pid;
	int32_t		status;		/* 0, -errno; Docker: HTTP status */
	uint32_t	flags;
	uint32_t	len;		/* bytes that follow, at most WIRE_CHUNK */
	char		id[WIRE_ID];
};
#define WIRE_CHUNK	49152

/* A connected pair, close-on-exec, with room for some hundred chunks: [0]
 * for the broker, [1] for the engine. 0 or -errno. */
int wire_pair(int fds[static 2]);

/* Sends one request. 0, -EAGAIN when the socket is full, -errno. */
int wire_ask(int fd, const struct wire_request *);
/* Takes one. 1, 0 at end of file, -EAGAIN, -EBADMSG (of the wrong size, an
 * unknown verb or an id that is not 64 hex digits or empty), -errno. */
int wire_take(int fd, struct wire_request *);

/* Sends one answer; pass_fd -1 for none (never closed here). As wire_ask. */
int wire_answer(int fd, const struct wire_answer *, const void *bytes,
    int pass_fd);
/*
 * Takes one answer into bytes (WIRE_CHUNK of room). *got_fd is -1 or a
 * descriptor that the caller owns now. As wire_take.
 */
int wire_take_answer(int fd, struct wire_answer *, void *bytes, int *got_fd);

/* An empty text or 64 lower-case hex digits. */
bool wire_id_ok(const char id[static WIRE_ID]);

#endif
