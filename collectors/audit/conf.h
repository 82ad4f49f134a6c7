/*
 * conf: the keys of the section "audit" of the configuration file, used by
 * the broker (control.h) and the engine (audit.h) alike.
 *
 * Threads: any; constant once loaded.
 */
#ifndef COLLECTORS_AUDIT_CONF_H
#define COLLECTORS_AUDIT_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/conf.h"

enum audit_mode {
	AUDIT_MODE_AUTO,	/* unicast when nobody is registered */
	AUDIT_MODE_UNICAST,	/* be the audit daemon, or nothing */
	AUDIT_MODE_MULTICAST,	/* listen beside the audit daemon */
	AUDIT_MODE_OFF
};

struct audit_conf {
	int			 mode;		/* audit.mode */
	bool			 lock;		/* audit.lock */
	struct conf_list	 rules;		/* audit.rules: auditctl(8)
						   lines, -a or -w */
	struct conf_list	 watch;		/* audit.watch: PATH or
						   PATH:rwa; may have wildcards
						   of glob(7) */

	/* Set by the caller, not by the file. Both outlive the collector. */
	const char		*docker_socket;	/* NULL: only the usual names */
	const uint32_t		*own_pids;	/* broker, engine, writer */
	size_t			 n_own_pids;
	/* Called when someone else removed a rule of ours or added one (loop
	 * thread); NULL: only the event is made. */
	void			(*rules_gone)(void *ctx);
	void			*rules_gone_ctx;
	/* Called with the same context when another program asked to become
	 * the audit daemon (unicast only); NULL: only the event is made. */
	void			(*wanted)(void *ctx);
};

extern const struct conf_key audit_conf_keys[];
extern const size_t audit_conf_n_keys;

#endif
