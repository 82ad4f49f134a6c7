/*
 * run: starts the daemon, for `tallyman run` and for `tallyman record` where
 * no daemon runs.
 */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include "agent/command.h"

struct run_options {
	bool		 print_alerts;
	const char	*record_to;	/* a bundle instead of a store */
	const char	*seconds;	/* with record_to: how long, "0" no end */
};

/* Becomes the broker. Returns the exit status. */
int run_daemon(const struct command_env *, const struct run_options *);

#endif
