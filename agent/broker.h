/*
 * broker: the privileged process. It opens sockets, reads /proc of others and
 * asks Docker, for the engine and by verbs only (agent/wire.h); it parses
 * nothing that others can shape. It starts the engine, watches it, passes
 * signals on, speaks to the service manager, and takes back what it put into
 * the kernel (audit rules, audit ownership) when the engine is gone.
 */
#ifndef AGENT_BROKER_H
#define AGENT_BROKER_H

#include "agent/settings.h"

/*
 * Runs until the engine ended. engine_argv is what the engine is started
 * with (this program, /proc/self/exe); its wire is descriptor 3.
 * Returns the exit status of the daemon: 0 after SIGTERM or SIGINT, 1 when
 * the engine failed.
 */
int broker_run(struct settings *, char *const engine_argv[]);

/* Descriptor of the engine's end of the wire. */
#define BROKER_ENGINE_FD	3

#endif
