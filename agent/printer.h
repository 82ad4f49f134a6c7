/*
 * printer: alerts as lines for a person who watches. A pipeline_sink_fn.
 */
#ifndef AGENT_PRINTER_H
#define AGENT_PRINTER_H

#include "agent/core/event.h"

/* One line per alert on standard output; bytes that a terminal would act on
 * are written as \xNN. Always true. self is not used. Loop thread. */
bool printer_sink(void *self, const struct event *);

#endif
