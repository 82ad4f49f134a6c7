/*
 * ask: what enrichment may ask of the privileged side. Each function sends a
 * request and returns at once; the answer comes later as a call into the
 * module that asked, on the loop thread, with the bytes as Docker or the
 * kernel gave them. Any request may stay without an answer.
 *
 * request		answer
 * docker_list		docker_on_list (GET /containers/json?all=1)
 * docker_inspect	docker_on_inspect (GET /containers/ID/json)
 * docker_events	docker_on_event_bytes ..., docker_on_events_end
 *			(GET /events?since=S)
 * proc			process_on_proc (files of /proc/PID)
 * proc_scan		process_on_proc for every process, then
 *			process_on_scan_end
 * netns		netns_on_answer
 * socket		flow_on_socket (sock_diag(7) for one socket, and
 *			/proc/PID/fd of the container's processes)
 *
 * A function pointer may be NULL: nobody answers (replay).
 */
#ifndef ENRICH_ASK_H
#define ENRICH_ASK_H

#include <stdint.h>

/* Which network namespace a container is in. Goes through the wire and into
 * recordings as it is. */
struct enrich_netns {
	uint64_t	inode;
	int32_t		nsid;	/* as the host's namespace calls it; negative:
				   no interface of the host has a peer there */
	uint32_t	host;	/* 1: it is the host's own */
};

/* One socket as its owner sees it. Addresses and ports in network order. */
struct enrich_socket {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		proto;		/* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t		listens;	/* 1: remote end is of no meaning */
	uint8_t		pad;
	uint16_t	local_port, remote_port;
	uint8_t		local[16], remote[16];	/* IPv4 in the first four */
};
/* Which processes have it. */
#define ENRICH_PIDS	8
struct enrich_socket_answer {
	struct enrich_socket	asked;
	uint32_t		n_pids;		/* may be more than are named */
	uint32_t		pids[ENRICH_PIDS];
};

struct enrich_ask {
	void	*ctx;
	void	(*docker_list)(void *ctx);
	/* id: 64 lower-case hex digits and a NUL. */
	void	(*docker_inspect)(void *ctx, const char id[65]);
	/* since: seconds since 1970, 0 means from now. An open stream is
	 * closed first, without docker_on_events_end. */
	void	(*docker_events)(void *ctx, int64_t since_unix_s);
	void	(*proc)(void *ctx, uint32_t pid);
	void	(*proc_scan)(void *ctx);
	/* pid: one that is probably the container's, or 0. */
	void	(*netns)(void *ctx, const char id[65], uint32_t pid);
	/* id: of a container, or "" for a socket of the host's namespace,
	 * where all processes are looked through: seldom, please. */
	void	(*socket)(void *ctx, const char id[65],
		    const struct enrich_socket *);
};

#endif
