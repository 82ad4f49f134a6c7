/*
 * tree: the processes of stored documents as a forest: who forked whom, what
 * each executed, with whom it spoke, how its part of a container began.
 *
 * Made for many: nodes are small, texts are kept once, and what would go
 * beyond the bounds is counted instead of kept. Documents may come in any
 * order. Nodes, peers, entries and texts are named by numbers, 0 is none.
 * Texts are raw.
 *
 * Threads: one owner.
 */
#ifndef OUTPUTS_TREE_H
#define OUTPUTS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/json.h"
#include "lib/mono.h"

#define TREE_NODES	262144
#define TREE_PEERS	8	/* kept apart of one process */
#define TREE_TEXT	1024	/* of one command line, the rest is cut */
#define TREE_TEXTS	(64 << 20)

struct tree_node {
	char		 entity[24];
	uint32_t	 parent, child, next;	/* after tree_link; a root's
						 * next is the next root */
	uint32_t	 command, name;		/* of the last exec */
	uint32_t	 called;		/* as what: its first argument,
						 * else its name */
	uint32_t	 before;		/* command of the first exec,
						 * when there were several */
	uint32_t	 user;
	uint32_t	 peers, entry;
	uint32_t	 alert;			/* name of the last rule */
	uint32_t	 pid, ppid, vpid;
	uint32_t	 execs, events, alerts;
	int32_t		 exit_code;
	int64_t		 start_ns, end_ns;	/* wall; 0 not known */
	int64_t		 first_ns, last_ns;	/* of its events; 0 none */
	int64_t		 command_ns;
	uint64_t	 shape;		/* equal: nothing to tell them apart
					 * but arguments and times */
	uint64_t	 outline;	/* the same without its peers */
	uint32_t	 below;		/* processes in its part of the tree */
	bool		 is_entry;	/* a runtime started it */
	bool		 is_adopted;	/* its parent is not known: it stands
					 * below the process that its entry
					 * began with */
	bool		 has_code, visited, user_is_id;
};

/* Whom a process spoke to: one address, port and protocol. */
struct tree_peer {
	uint32_t	 next, text, name;	/* text 0: all others */
	uint32_t	 flows, left, attempted, unsure;
	int64_t		 sent, received;	/* by the process */
};

/* How a tree of processes began in a container. */
struct tree_entry {
	uint32_t	 next, kind, exec_id, user, command, tty, confidence;
	uint32_t	 root;		/* the process that it began with */
	int64_t		 auid, session;
	uint32_t	 pid;		/* who asked; 0 not known */
};

struct tree;

/* limit: processes, 0 means TREE_NODES. NULL with errno. */
struct tree *tree_new(size_t limit);
void tree_free(struct tree *);

/* A document: an event of a process, an alert, a flow. 0 or -ENOMEM. */
int tree_add(struct tree *, const struct json *doc);
/* After the last document: parents, order by time, shapes. 0 or -ENOMEM. */
int tree_link(struct tree *);

size_t tree_count(const struct tree *);
/* Processes that found no room, and flows whose process is not known. */
size_t tree_left_out(const struct tree *);
const struct tree_peer *tree_strangers(const struct tree *);
/* After tree_link: the first root, by time. */
uint32_t tree_roots(const struct tree *);
uint32_t tree_find(const struct tree *, const char *entity);
/* Lent; NULL for 0. */
const struct tree_node *tree_node(const struct tree *, uint32_t);
const struct tree_peer *tree_peer(const struct tree *, uint32_t);
const struct tree_entry *tree_entry(const struct tree *, uint32_t);
/* "" for 0. len may be NULL. */
const char *tree_text(const struct tree *, uint32_t, size_t *len);

#endif
