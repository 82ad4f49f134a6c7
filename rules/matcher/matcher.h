/*
 * matcher: all detection rules of a set as one shared form, and one pass of
 * an event over them.
 *
 * Each distinct predicate (field, operation, value) exists once and is
 * evaluated at most once an event, when first asked for; lists of plain
 * values are one hash set. Rules are kept by dataset and found by the texts
 * that they cannot do without (trigger.h): a rule whose program's name is not
 * the event's costs nothing.
 *
 * Regular expressions run on PCRE2 with limits; one that hits a limit does
 * not match and is counted (noted "regex_limit"), as is a field that does
 * not fit in the scratch memory ("no_memory").
 *
 * Threads: one owner. matcher_run does not log or block.
 */
#ifndef RULES_MATCHER_MATCHER_H
#define RULES_MATCHER_MATCHER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "rules/sigma/sigma.h"

struct matcher;

/*
 * Compiles the detection rules of a linked set, which must outlive the
 * matcher. The counters may be NULL. Regular expressions that PCRE2 refuses
 * are reported with their place; then NULL with errno EINVAL, else ENOMEM.
 */
struct matcher *matcher_new(const struct sigma_set *, struct buf *errors,
    size_t *n_errors);
void matcher_free(struct matcher *);
void matcher_count_in(struct matcher *, ledger_count *regex_limit,
    ledger_count *no_memory);

/*
 * The rules that the event fits, as indexes into the set in rising order;
 * valid until the next call.
 */
const uint32_t *matcher_run(struct matcher *, const struct event *, size_t *n);

size_t matcher_predicates(const struct matcher *);

#endif
