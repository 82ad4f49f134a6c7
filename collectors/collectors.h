/*
 * collectors: the table of everything that hears.
 */
#ifndef COLLECTORS_COLLECTORS_H
#define COLLECTORS_COLLECTORS_H

#include "collectors/collector.h"

/* In the order in which they are made and ticked. */
enum collectors_id {
	COLLECTORS_LINK, COLLECTORS_CONNTRACK, COLLECTORS_PACKET,
	COLLECTORS_PROC, COLLECTORS_AUDIT, COLLECTORS_COUNT
};
extern const struct collector_ops *const collectors_table[COLLECTORS_COUNT];

/* The member of that name, or COLLECTORS_COUNT. */
enum collectors_id collectors_find(const char *name);

#endif
