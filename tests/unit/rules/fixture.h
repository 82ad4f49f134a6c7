/*
 * fixture: events from JSON, for tests of rules. Nested objects or dotted
 * names; every name must be a field of the table and every value of its
 * type. "@timestamp" and "event.dataset" make the event.
 */
#ifndef TESTS_UNIT_RULES_FIXTURE_H
#define TESTS_UNIT_RULES_FIXTURE_H

#include "agent/core/event.h"
#include "lib/json.h"

/* Sealed. NULL after a message on stderr. */
struct event *fixture_event(const struct json *);
struct event *fixture_event_text(const char *json);

#endif
