#include "outputs/db.h"

#include <errno.h>
#include <string.h>

int
db_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return -EINVAL;
	case SQLITE_IOERR:
		/* A full disk may show as a failed write. */
		if (db != NULL && (sqlite3_system_errno(db) == ENOSPC ||
		    sqlite3_system_errno(db) == EDQUOT))
			return -ENOSPC;
		return -EIO;
	default:
		return -EIO;
	}
}

int
db_exec(sqlite3 *db, const char *sql)
{
	return db_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int
db_number(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = db_prepare(db, sql);
	int rc;

	if (st == NULL)
		return -errno;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? -ENOENT : db_errno(db, rc);
}

sqlite3_stmt *
db_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st,
	    NULL);
	if (rc != SQLITE_OK) {
		errno = -db_errno(db, rc);
		return NULL;
	}
	return st;
}

int
db_run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st), err;

	/* Before the reset, which forgets what failed. */
	err = db_errno(sqlite3_db_handle(st), rc);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return err;
}

void
db_bind_text(sqlite3_stmt *st, int at, const char *text)
{
	if (text == NULL || text[0] == '\0')
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

void
db_bind_bytes(sqlite3_stmt *st, int at, const char *text, size_t len)
{
	sqlite3_bind_text64(st, at, text, len, SQLITE_STATIC, SQLITE_UTF8);
}
