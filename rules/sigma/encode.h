/*
 * encode: the forms that a value takes by windash, base64, base64offset and
 * utf16le. Internal to rules/sigma.
 *
 * Source: Sigma modifiers appendix 2.1; RFC 4648 for base64.
 */
#ifndef RULES_SIGMA_ENCODE_H
#define RULES_SIGMA_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "rules/sigma/modifier.h"

#define ENCODE_FORMS_MAX	125	/* three dashes of five kinds */

struct encode_form { const char *text; size_t len; };
struct encode_list {
	struct encode_form	*items;
	size_t			 n;
	bool			 no_memory;
};

/* The list with the value itself. False: no memory. */
bool encode_start(struct encode_list *, struct arena *, const char *text,
    size_t len);
/* Changes every form; NULL, or what is wrong with the value. */
const char *encode_apply(struct encode_list *, struct arena *,
    enum modifier_change);

#endif
