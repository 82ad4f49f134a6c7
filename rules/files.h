/*
 * files: reads the rule files under some paths into a set. Internal to
 * rules.
 */
#ifndef RULES_FILES_H
#define RULES_FILES_H

#include "agent/core/conf.h"
#include "rules/sigma/sigma.h"

/* 0, -EINVAL (reported) or -ENOMEM. */
int files_read(struct sigma_set *, const struct conf_list *paths,
    struct buf *errors, size_t *n_errors);

#endif
