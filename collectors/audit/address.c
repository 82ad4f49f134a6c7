#include "collectors/audit/address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cursor.h"

static void
take_unix(struct cursor *c, struct audit_address *a)
{
	const uint8_t *nul;

	a->family = AUDIT_FAMILY_UNIX;
	a->path_len = cursor_left(c);
	a->path = cursor_take(c, a->path_len);
	if (a->path_len == 0)
		return;
	if (a->path[0] == '\0') {
		/* Abstract: every byte of the length counts, but callers that
		 * pass the whole structure pad it with NULs. */
		a->path++;
		a->path_len--;
		while (a->path_len > 0 && a->path[a->path_len - 1] == '\0')
			a->path_len--;
		a->abstract = a->path_len > 0;
		return;
	}
	nul = memchr(a->path, '\0', a->path_len);
	if (nul != NULL)
		a->path_len = (size_t)(nul - a->path);
}

int
audit_address_read(const uint8_t *saddr, size_t len,
    struct audit_address *out)
{
	struct cursor c = cursor_make(saddr, len);
	struct audit_address a = { .number = cursor_u16host(&c) };
	const uint8_t *ip;

	switch (a.number) {
	case AF_UNSPEC:
		a.family = AUDIT_FAMILY_NONE;
		break;
	case AF_UNIX:
		take_unix(&c, &a);
		break;
	case AF_INET:
		a.family = AUDIT_FAMILY_INET;
		a.port = cursor_u16be(&c);
		ip = cursor_take(&c, 4);
		if (ip != NULL)
			memcpy(a.ip, ip, 4);
		break;
	case AF_INET6:
		a.family = AUDIT_FAMILY_INET6;
		a.port = cursor_u16be(&c);
		cursor_skip(&c, 4);
		ip = cursor_take(&c, 16);
		if (ip != NULL)
			memcpy(a.ip, ip, 16);
		/* RFC 2133 addresses have no scope. */
		if (cursor_left(&c) >= 4)
			a.scope = cursor_u32host(&c);
		break;
	case AF_NETLINK:
		a.family = AUDIT_FAMILY_NETLINK;
		cursor_skip(&c, 2);
		a.portid = cursor_u32host(&c);
		break;
	case AF_PACKET:
		a.family = AUDIT_FAMILY_PACKET;
		a.protocol = cursor_u16be(&c);
		a.ifindex = cursor_u32host(&c);
		break;
	default:
		a.family = AUDIT_FAMILY_OTHER;
		break;
	}
	if (!cursor_ok(&c))
		return -EBADMSG;
	*out = a;
	return 0;
}
