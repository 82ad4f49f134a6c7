/*
 * loop: the one event loop of a process: descriptors, timers, signals, on
 * epoll(7) and signalfd(2). Each callback gets a budget of work and comes
 * back; level-triggered, so what is left is called again.
 *
 * Threads: the thread that runs it. loop_wake may be called from any thread.
 */
#ifndef AGENT_CORE_LOOP_H
#define AGENT_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

struct loop;
struct loop_fd;
struct loop_timer;

#define LOOP_READ	0x1
#define LOOP_WRITE	0x2
#define LOOP_GONE	0x4	/* error or hang-up */

typedef void (*loop_fd_fn)(void *ctx, int fd, unsigned what);
typedef void (*loop_timer_fn)(void *ctx, struct mono now);
typedef void (*loop_signal_fn)(void *ctx, int signo);

struct loop *loop_new(void);		/* NULL with errno */
void loop_free(struct loop *);

/* Watches fd (not owned) for `what`; priority 0 is served before 1 in the
 * same wake-up. NULL with errno. */
struct loop_fd *loop_fd_add(struct loop *, int fd, unsigned what, int priority,
    loop_fd_fn, void *ctx);
void loop_fd_change(struct loop_fd *, unsigned what);
/* Safe inside callbacks, also for itself. Accepts NULL. */
void loop_fd_remove(struct loop_fd *);

/* Calls fn every period (ns > 0), first after one period. */
struct loop_timer *loop_timer_add(struct loop *, int64_t period_ns,
    loop_timer_fn, void *ctx);
void loop_timer_remove(struct loop_timer *);

/* Blocks the signal for the process, also after loop_free, and calls fn from
 * the loop. 0, -errno. */
int loop_signal_add(struct loop *, int signo, loop_signal_fn, void *ctx);

/*
 * Under load, rests ns between two turns (0, the default: never), so that
 * what the kernel brings one by one is taken together and wakes nobody. Load
 * is LOOP_BUSY_TURNS turns in a row that each waited less than a millisecond;
 * one that waited longer ends it.
 */
#define LOOP_BUSY_TURNS	128
void loop_set_rest(struct loop *, int64_t ns);
/* From a callback whose budget did not suffice: no rest after this turn. */
void loop_hurry(struct loop *);

/* Runs until loop_stop; returns 0 or -errno of epoll. */
int loop_run(struct loop *);
void loop_stop(struct loop *);
/* Makes a waiting loop turn once. Any thread. */
void loop_wake(struct loop *);

#endif
