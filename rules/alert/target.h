/*
 * target: to where a program was told to send, as its arguments say. For
 * alerts about an exec, which comes before any connection: what is asked
 * for, not what was reached.
 *
 * Knows scp, sftp, sshfs, ssh, rsync, curl, wget, nc and its kin, socat, ftp
 * and tftp, also as applets of busybox. Anything odd gives no target.
 */
#ifndef RULES_ALERT_TARGET_H
#define RULES_ALERT_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"

#define TARGET_HOST_MAX	253	/* RFC 1035 */

struct target {
	char		host[TARGET_HOST_MAX + 1];	/* name or address */
	uint16_t	port;				/* 0: not known */
};

/* False when the arguments name none. */
bool target_find(const struct event *, struct target *out);

#endif
