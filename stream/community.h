/*
 * community: Community ID version 1 (corelight, "Community ID flow hashing",
 * specification 1.0), seed 0.
 *
 * Threads: any; no state.
 */
#ifndef STREAM_COMMUNITY_H
#define STREAM_COMMUNITY_H

#include <stdint.h>

#include "lib/ipaddr.h"

#define COMMUNITY_TEXT	31	/* "1:", 28 digits, NUL */

/*
 * Either direction gives the same text. ICMP and ICMPv6: type and code as
 * ports. Protocols without ports: both 0.
 */
void community_id(char text[static COMMUNITY_TEXT], const struct ipaddr *source,
    uint16_t source_port, const struct ipaddr *destination,
    uint16_t destination_port, uint8_t proto);

#endif
