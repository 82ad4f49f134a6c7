/*
 * db: the few things that the store and its readers need of sqlite3, with
 * errors turned into errno values. Not for: anything outside outputs/.
 *
 * Threads: a connection and its statements belong to one thread.
 */
#ifndef OUTPUTS_DB_H
#define OUTPUTS_DB_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

/*
 * The meaning of a result code of sqlite3: 0 for OK, ROW and DONE, -ENOSPC
 * (disk or page limit full), -EUCLEAN (the file is damaged or no database),
 * -EBUSY, -ENOMEM, -EMSGSIZE, -EACCES (cannot be opened or written), -EINVAL
 * (a constraint of the table), -EIO.
 */
int db_errno(sqlite3 *, int rc);

/* Runs statements that give no rows. */
int db_exec(sqlite3 *, const char *sql);
/* The one integer that sql selects. */
int db_number(sqlite3 *, const char *sql, int64_t *out);
/* NULL with errno set; the text must be static or outlive the statement. */
sqlite3_stmt *db_prepare(sqlite3 *, const char *sql);
/* Runs a bound statement that gives no rows, and resets it. */
int db_run(sqlite3_stmt *);
/* Binds lent text; NULL and "" bind NULL. The text lives until db_run. */
void db_bind_text(sqlite3_stmt *, int at, const char *text);
void db_bind_bytes(sqlite3_stmt *, int at, const char *text, size_t len);

#endif
