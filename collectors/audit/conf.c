#include "collectors/audit/conf.h"

#include <stddef.h>

static const char *const modes[] = {
	"auto", "unicast", "multicast", "off", NULL
};

const struct conf_key audit_conf_keys[] = {
	{ "audit", "mode", CONF_ENUM, offsetof(struct audit_conf, mode),
	  "auto", 0, 0, modes,
	  "How records are received. unicast: as the audit daemon of this "
	  "host, loses nothing. multicast: beside a running auditd, loses "
	  "records when the agent is slow. auto takes unicast when no daemon "
	  "is registered, steps aside when one comes and returns when it is "
	  "gone; a running one is never replaced." },
	{ "audit", "rules", CONF_LIST, offsetof(struct audit_conf, rules),
	  "", 0, 0, NULL,
	  "Further rules in the syntax of auditctl(8), each starting with -a, "
	  "-A or -w." },
	{ "audit", "watch", CONF_LIST, offsetof(struct audit_conf, watch),
	  "[/etc, /etc/shadow:rwa, /etc/gshadow:rwa, /root/.ssh:rwa, "
	  "\"/home/*/.ssh:rwa\"]", 0, 0, NULL,
	  "Files and directories whose changes are reported, with everything "
	  "below. PATH:rwa chooses reads, writes and attribute changes; "
	  "without it wa. Wildcards are those of glob(7)." },
	{ "audit", "lock", CONF_BOOL, offsetof(struct audit_conf, lock),
	  "off", 0, 0, NULL,
	  "Locks the kernel's audit configuration until the next boot once "
	  "the rules are in. They cannot be taken back then, also not by the "
	  "agent." },
};
const size_t audit_conf_n_keys =
    sizeof(audit_conf_keys) / sizeof(audit_conf_keys[0]);
