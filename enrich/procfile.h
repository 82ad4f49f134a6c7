/*
 * procfile: reads the raw texts of /proc/PID/{stat,status,cgroup,cmdline}.
 * comm and cmdline are chosen by the process itself.
 *
 * Threads: any; no state. Source: proc(5).
 */
#ifndef ENRICH_PROCFILE_H
#define ENRICH_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"

struct procfile_stat {
	uint32_t	pid, ppid;
	char		comm[64];
	char		state;		/* R S D Z T t X I */
	bool		exiting;	/* PF_EXITING, or a zombie */
	bool		kernel;		/* PF_KTHREAD */
	int64_t		tty;		/* device number, 0 none */
	uint64_t	start_ticks;	/* since boot, USER_HZ (100 a second) */
};

/* 0 or -EINVAL. */
int procfile_stat(const char *text, size_t len, struct procfile_stat *out);
/* Real and effective uid, and the pid in the innermost namespace (0: not
 * there). 0 or -EINVAL. */
int procfile_status(const char *text, size_t len, uint32_t *ruid,
    uint32_t *euid, uint32_t *vpid);
/* Arguments; at most n_max are given. Returns how many. Lent by text. */
size_t procfile_cmdline(const char *text, size_t len, struct event_str *out,
    size_t n_max);

#endif
