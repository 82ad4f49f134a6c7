/*
 * works: the whole path from inputs to judged events: collectors, stream,
 * enrichment, pipeline and rules, put together once for the daemon and for
 * `tallyman replay`. What differs (where inputs come from, where events go,
 * which clock) is the caller's.
 *
 * Threads: the thread that made it.
 */
#ifndef AGENT_WORKS_H
#define AGENT_WORKS_H

#include "agent/settings.h"
#include "agent/wire.h"
#include "collectors/collectors.h"
#include "enrich/ask.h"
#include "enrich/enrich.h"
#include "rules/rules.h"

/* What the caller brings. The pointers outlive the works. */
struct works_env {
	const struct settings	*settings;
	const struct mono_clock	*clock;
	const struct enrich_ask	*ask;		/* NULL: replay */
	bool			 live;
	collector_tap_fn	 tap;		/* recorder, or NULL */
	void			*tap_ctx;
	void			(*before_packets)(void *ctx);
	void			(*before_audit)(void *ctx);
	void			*before_ctx;
	/* A container's document for the store; NULL: nobody wants it. */
	void			(*on_container)(void *ctx, const char *id,
				    const char *name, const char *json,
				    size_t len);
	void			*on_container_ctx;
	/* A container as the table has it, at every change; or NULL. */
	void			(*on_change)(void *ctx,
				    const struct container *);
};

struct works {
	struct works_env	 env;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	struct enrich		*enrich;
	struct rules		*rules;
	void			*collectors[COLLECTORS_COUNT];
};

/* Makes everything but the rules. 0 or -ENOMEM; works_fini in every case. */
int works_init(struct works *, const struct works_env *);
void works_fini(struct works *);

/* Loads the rules, or loads them again; on failure the old ones stay and the
 * errors say why. 0 or -errno. */
int works_load_rules(struct works *, const struct settings *,
    struct buf *errors);
/* An answer of the broker, whole (chunk by chunk for WIRE_DOCKER_EVENTS). */
void works_answer(struct works *, const struct wire_answer *,
    const char *bytes, size_t len);
/* Timers of every part; call it every 20 to 100 ms. */
void works_tick(struct works *, struct mono now);
/* Nothing more comes: flows end, held events go on. */
void works_finish(struct works *);

const char *works_version(void);

#endif
