/*
 * part: what the engine hears with, each part on its own: there, on its way,
 * or missing, with the reason and what that costs. Said once in the log,
 * shown by `tallyman status`, asked for again by the engine's timer.
 *
 * Loop thread.
 */
#ifndef AGENT_PART_H
#define AGENT_PART_H

#include <stdbool.h>

#include "lib/json.h"

enum part_id {
	PART_PACKET, PART_LINK, PART_CONNTRACK, PART_PROC, PART_AUDIT,
	PART_DOCKER, PARTS
};
enum part_state { PART_ASKED, PART_THERE, PART_MISSING, PART_OFF };

#define PART_WHY	512

struct part {
	enum part_state	state;
	bool		said;		/* the reason is in the log */
	char		why[PART_WHY];	/* or how it is there ("unicast") */
};

const char *part_name(enum part_id);
/* Logs a change of state, once for each reason. how may be "". */
void part_there(struct part *, enum part_id, const char *how);
void part_missing(struct part *, enum part_id, const char *why);
/* The configuration does not want it. */
void part_off(struct part *, const char *why);
/* [{"name":..,"state":..,"why":..,"cost":..},..] */
void part_write_json(const struct part parts[static PARTS],
    struct json_writer *);

#endif
