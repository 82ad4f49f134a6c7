/*
 * files: calls on watched files as events of the dataset file.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_FILES_H
#define COLLECTORS_AUDIT_FILES_H

#include "collectors/audit/job.h"

enum audit_verdict audit_files_describe(struct audit_job *);

#endif
