/*
 * user: names of the host's users, from /etc/passwd as it was when read.
 * For processes of the host and for login uids. A container has names of its
 * own: there only uid 0 without a user namespace is called root.
 *
 * Threads: the loop thread. Reads the file only in user_table_load.
 * Source: passwd(5).
 */
#ifndef ENRICH_USER_H
#define ENRICH_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"

#define USER_LIMIT	16384

struct user_table;

struct user_table *user_table_new(void);	/* NULL with errno */
void user_table_free(struct user_table *);
/* Replaces all by the file's users. 0, or -errno and nothing changed. */
int user_table_load(struct user_table *, const char *path);
/* The text of such a file; for tests and for a file that somebody else
 * opened. Number of users. */
int user_table_parse(struct user_table *, const char *text, size_t len);
/* NULL when unknown. Lent until the next load. */
const char *user_name(struct user_table *, uint32_t uid);

/* Enricher: user.name, process.user.name, related.user. */
void user_enrich(void *table, struct event *, bool *hold);

#endif
