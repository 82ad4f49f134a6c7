#include <string.h>

#include "collectors/audit/audit.h"
#include "collectors/collectors.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/link/link.h"
#include "collectors/packet/packet.h"
#include "collectors/proc/proc.h"

const struct collector_ops *const collectors_table[COLLECTORS_COUNT] = {
	[COLLECTORS_LINK] = &link_collector,
	[COLLECTORS_CONNTRACK] = &conntrack_collector,
	[COLLECTORS_PACKET] = &packet_collector,
	[COLLECTORS_PROC] = &proc_collector,
	[COLLECTORS_AUDIT] = &audit_collector,
};

enum collectors_id
collectors_find(const char *name)
{
	int i;

	for (i = 0; i < COLLECTORS_COUNT; i++)
		if (strcmp(collectors_table[i]->name, name) == 0)
			break;
	return (enum collectors_id)i;
}
