/*
 * method: what the names of attribution methods in documents mean
 * (methods.def). Documents may carry names that this version does not know.
 *
 * Threads: any; no state.
 */
#ifndef AGENT_CORE_METHOD_H
#define AGENT_CORE_METHOD_H

#include <stddef.h>

#include "lib/buf.h"

enum method_kind {
	METHOD_CONTAINER, METHOD_PROCESS, METHOD_NAT, METHOD_SCOPE,
	METHOD_ENTRY, METHOD_KINDS
};

/* One row of methods.def. */
struct method {
	enum method_kind	 kind;
	const char		*name, *means, *doubt;
};
extern const struct method method_table[];
extern const size_t method_count;

/* NULL when this version knows none of that name. */
const struct method *method_find(enum method_kind, const char *name);
/* The field that names methods of this kind. */
const char *method_field(enum method_kind);
/* The list as tallyman(8) has it. */
void method_write_mdoc(struct buf *);

#endif
