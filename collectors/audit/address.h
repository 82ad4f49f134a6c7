/*
 * address: the socket address of a SOCKADDR record. The kernel copies what
 * the process gave, so every length can be short.
 *
 * Source: socket(7) and the pages of each family. Threads: any; no state.
 */
#ifndef COLLECTORS_AUDIT_ADDRESS_H
#define COLLECTORS_AUDIT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum audit_family {
	AUDIT_FAMILY_NONE, AUDIT_FAMILY_UNIX, AUDIT_FAMILY_INET,
	AUDIT_FAMILY_INET6, AUDIT_FAMILY_NETLINK, AUDIT_FAMILY_PACKET,
	AUDIT_FAMILY_OTHER
};
struct audit_address {
	enum audit_family	family;
	uint16_t		number;		/* AF_ */
	uint8_t			ip[16];		/* INET 4 bytes, INET6 16 */
	uint16_t		port;		/* host order */
	uint32_t		scope;		/* INET6 */
	uint32_t		ifindex;	/* PACKET */
	uint16_t		protocol;	/* PACKET: ethertype */
	uint32_t		portid;		/* NETLINK */
	const uint8_t		*path;		/* UNIX, lent, no NUL counted */
	size_t			path_len;	/* 0: unnamed */
	bool			abstract;	/* path without its first NUL */
};
/* 0, or -EBADMSG when it is too short for its family. */
int audit_address_read(const uint8_t *saddr, size_t len,
    struct audit_address *);

#endif
