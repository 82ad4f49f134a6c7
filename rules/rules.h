/*
 * rules: the judge of the pipeline: loads Sigma files, matches events,
 * correlates, and gives alerts.
 *
 * A rule on one flow or process gives one alert (rules/alert/seen.h); an
 * alert has an identifier that stays the same over restarts and in replay.
 * Rules look at no alert or incident.
 *
 * Ledger: stage "rules" (events judged; noted: matches, duplicates,
 * regex_limit, no_memory, seen_evicted, groups_evicted, group_field_missing,
 * suppressed) and stage "rules.alerts" (alerts to give, given, dropped
 * no_memory).
 *
 * Threads: the engine's loop thread. rules_load and rules_reload read files
 * and take as long as that takes; rules_judge does not block or log.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/conf.h"
#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/buf.h"

#define RULES_FILES_MAX	10000

struct rules;

/* Takes the caller's reference of the alert. */
typedef void (*rules_alert_fn)(void *ctx, struct event *alert);

/*
 * paths: files, or directories whose *.yml and *.yaml are read, those of
 * subdirectories too, in the order of their names. All errors are appended
 * to errors, one line each. NULL with errno EINVAL (errors in the text) or
 * ENOMEM. No rule at all is not an error.
 */
struct rules *rules_load(const struct conf_list *paths, struct ledger *,
    struct buf *errors);
void rules_free(struct rules *);

/*
 * Reads everything again. On an error the old rules stay and -EINVAL or
 * -ENOMEM is returned. What was alerted stays known; correlations that did
 * not change (nor the rules they refer to) keep their state, others begin
 * anew.
 */
int rules_reload(struct rules *, const struct conf_list *paths,
    struct buf *errors);

/* Where alerts go; without it they are dropped. */
void rules_on_alert(struct rules *, rules_alert_fn, void *ctx);
/* The same, into a pipeline. */
void rules_attach(struct rules *, struct pipeline *);

/* A pipeline_judge_fn; self is the struct rules. */
void rules_judge(void *self, const struct event *);
/* Every 100 ms or so: alerts that wait for a destination go on in time, and
 * tallyman.gaps is exact in quiet times. */
void rules_tick(struct rules *, struct wall now);
/* Nothing more comes: alerts that wait are given as they are. */
void rules_flush(struct rules *);

/* Rules loaded: detections and correlations that can give alerts. */
size_t rules_count(const struct rules *);
/* A table for people, or one JSON array. */
void rules_write_list(const struct rules *, bool json, struct buf *out);

#endif
