/* SPDX-License-Identifier: MIT */
/* The record is a JSON object; what the formats print they read from it. */
#ifndef NCM_NODE_NODE_H
#define NCM_NODE_NODE_H

#include "base/buffer.h"
#include "base/json.h"

#include <ncmodel/node.h>
#include <ncmodel/registry.h>
#include <ncmodel/runtime.h>

enum { NODE_PRIORITY = 100 }; /* of a node that says none */

struct ncm_node {
	json_t *record;
};

/* models.c: an array of what is registered, by id, a row for each application that has it. New reference; NULL with
 * *err. */
json_t *node_models(const struct ncm_config *config, const struct ncm_registry *registry,
		    const struct ncm_runtime_view *view, struct ncm_error *err);

/* Writes a record in a format. */
typedef void node_format(const json_t *record, struct ncm_buffer *out);
node_format node_sql, node_sql_schema, node_prometheus, node_nfd;

#endif
