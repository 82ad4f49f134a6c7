/*
 * engine: the unprivileged process. Parses everything that others can shape,
 * runs stream, enrichment and rules, and owns the writer thread.
 *
 * Start, in this order: control socket, capture, bundle files (privileged);
 * then privileges go; then store, outputs, rules, and the broker is asked for
 * the other descriptors. What is not there is said once, with what it costs,
 * and asked for again every 10 s.
 */
#ifndef AGENT_ENGINE_H
#define AGENT_ENGINE_H

#include "agent/settings.h"

struct engine_options {
	int		 wire;		/* descriptor of the wire */
	bool		 print_alerts;	/* one line per alert to stdout */
	const char	*record_to;	/* directory of a bundle, or NULL */
	bool		 no_store;	/* record without a daemon's store */
	int64_t		 stop_after_ns;	/* 0: never by itself */
};

/* Returns the exit status: 0 after SIGTERM, 1 when it could not start. */
int engine_run(struct settings *, const struct engine_options *);

#endif
