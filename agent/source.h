/*
 * source: recorded inputs for `tallyman replay`, one reader per file, and the
 * order in which they are taken: that of a bundle's order.txt, else by time.
 * Source of the formats: agent/bundle.h; pcap-savefile(5).
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include "agent/bundle.h"
#include "collectors/collector.h"
#include "lib/buf.h"

/* One input, lent until the next call. */
struct source_input {
	enum bundle_file	 file;
	struct collector_input	 input;		/* not DOCKER, PROCFS */
	struct wire_answer	 answer;	/* DOCKER, PROCFS */
};

struct sources;

/* NULL with errno ENOMEM. */
struct sources *sources_new(void);
void sources_free(struct sources *);
/* Adds a file. 0, or -errno with a sentence in why. */
int sources_add(struct sources *, enum bundle_file, const char *path,
    struct buf *why);
/* All files of a bundle. */
int sources_add_bundle(struct sources *, const char *directory,
    struct buf *why);
/* 1, 0 at the end, -EBADMSG for a broken line (why says where). *now: the
 * time that the clock shall show. */
int sources_next(struct sources *, const struct source_input **,
    struct wall *now, struct buf *why);

#endif
