/*
 * conf_value: one value of the configuration, from text to the member of a
 * module's struct, and what a key expects in words.
 *
 * Only for agent/core/conf*.c. Threads: any; no state.
 */
#ifndef AGENT_CORE_CONF_VALUE_H
#define AGENT_CORE_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/conf.h"
#include "lib/arena.h"
#include "lib/buf.h"

/*
 * Stores text into the member (all types but CONF_LIST). 0, -EINVAL when it
 * is not what the key expects, -ENOMEM.
 */
int conf_value_set(const struct conf_key *, const char *text,
    struct arena *, void *member);
/* "a size from 1KiB to 1GiB such as 64MiB": what the key expects. */
void conf_value_expect(const struct conf_key *, struct buf *);

#endif
