/*
 * elasticsearch: Elasticsearch 7.17 and later, and OpenSearch, by the _bulk
 * interface and data streams. See outputs/bulk.h for what is sent and what
 * answers mean.
 *
 * An API key for it needs the index privileges auto_configure and create_doc
 * on logs-tallyman.*-*, and with manage_template also the cluster privileges
 * monitor and manage_index_templates.
 */
#ifndef OUTPUTS_ELASTICSEARCH_H
#define OUTPUTS_ELASTICSEARCH_H

#include "outputs/output.h"

extern const struct output_ops elasticsearch_output;

#endif
