/*
 * template: the index template of our data streams, made from fields.def.
 *
 * Source: Elasticsearch reference, "Index templates" and "Field data types";
 * OpenSearch documentation, "Supported field types".
 * Threads: any; no state.
 */
#ifndef OUTPUTS_TEMPLATE_H
#define OUTPUTS_TEMPLATE_H

#include "lib/buf.h"

enum template_flavour { TEMPLATE_ELASTICSEARCH, TEMPLATE_OPENSEARCH };

struct template_target {
	enum template_flavour	flavour;
	unsigned		major, minor;	/* version; 0.0 unknown */
};

#define TEMPLATE_NAME	"logs-tallyman"

/*
 * Appends the body of PUT _index_template/logs-tallyman. Types that the
 * target does not have (wildcard, flattened, constant_keyword,
 * match_only_text in OpenSearch) are replaced by the nearest that it has.
 */
void template_write(struct buf *out, const struct template_target *);

#endif
