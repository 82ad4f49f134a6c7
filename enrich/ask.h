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
};

#endif
