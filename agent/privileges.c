#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cap-ng.h>

#include "agent/privileges.h"

/* What the broker's verbs need:
 * AUDIT_CONTROL, AUDIT_READ	rules, owner, the multicast group
 * NET_ADMIN			ctnetlink, the proc connector, receive buffers
 * SYS_ADMIN			the first network namespace, for multicast
 *				audit, and those of containers
 * SYS_PTRACE, DAC_READ_SEARCH	/proc/PID/exe, ns/net and fd of others
 * NET_RAW (not always)		packets inside containers
 * KILL				ending the engine, which has another uid */
static const unsigned broker_caps[] = {
	CAP_AUDIT_CONTROL, CAP_AUDIT_READ, CAP_NET_ADMIN, CAP_SYS_ADMIN,
	CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_KILL
};

#define NICE	(-10)

int
privileges_find_user(const char *name, struct privileges_user *user)
{
	struct passwd pw, *got = NULL;
	char room[4096];

	if (geteuid() != 0) {
		user->uid = geteuid();
		user->gid = getegid();
	} else if (getpwnam_r(name, &pw, room, sizeof(room), &got) == 0 &&
	    got != NULL) {
		user->uid = pw.pw_uid;
		user->gid = pw.pw_gid;
	} else
		return -ENOENT;
	snprintf(user->name, sizeof(user->name), "%s", name);
	return 0;
}

int
privileges_drop(const struct privileges_user *user)
{
	if (geteuid() == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(user->gid, user->gid, user->gid) == -1 ||
		    setresuid(user->uid, user->uid, user->uid) == -1)
			return -errno;
		if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
			return -EPERM;	/* it must not be possible */
	}
	capng_clear(CAPNG_SELECT_BOTH);
	/* The bounding set can only be cleared with CAP_SETPCAP, which went
	 * with the uid; no_new_privs makes it of no use. */
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -errno;
	return 0;
}

int
privileges_prefer(void)
{
	int now;

	errno = 0;
	now = getpriority(PRIO_PROCESS, 0);
	if (now == -1 && errno != 0)
		return -errno;
	/* The service manager or the administrator may have done it. */
	if (now <= NICE)
		return 0;
	return setpriority(PRIO_PROCESS, 0, NICE) == -1 ? -errno : 0;
}

int
privileges_reduce(bool packets)
{
	if (geteuid() != 0)
		return 0;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(broker_caps) / sizeof(broker_caps[0]); i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
		    broker_caps[i]) != 0)
			return -EINVAL;
	if (packets && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE |
	    CAPNG_PERMITTED, CAP_NET_RAW) != 0)
		return -EINVAL;
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -errno : 0;
}
