/*
 * notify: tells the service manager how the daemon is, by the protocol of
 * sd_notify(3): one datagram to the socket named in NOTIFY_SOCKET. Without
 * that variable all functions do nothing. Broker only (the main process).
 */
#ifndef AGENT_NOTIFY_H
#define AGENT_NOTIFY_H

#include <stdint.h>

struct notify {
	int	fd;		/* -1: nobody wants to know */
};

/* Reads and unsets NOTIFY_SOCKET, so that children do not inherit it. */
void notify_init(struct notify *);
void notify_fini(struct notify *);
void notify_ready(const struct notify *);
/* With MONOTONIC_USEC, as Type=notify-reload wants it. */
void notify_reloading(const struct notify *);
void notify_stopping(const struct notify *);
void notify_watchdog(const struct notify *);
void notify_status(const struct notify *, const char *text);

#endif
