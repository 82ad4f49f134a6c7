/*
 * scratch: a directory that a test may fill, and its end.
 */
#ifndef TESTS_UNIT_OUTPUTS_SCRATCH_H
#define TESTS_UNIT_OUTPUTS_SCRATCH_H

#include <ftw.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_DIR	64

static inline bool
scratch_make(char dir[static SCRATCH_DIR])
{
	snprintf(dir, SCRATCH_DIR, "/tmp/tallyman-test-XXXXXX");
	return mkdtemp(dir) != NULL;
}

static inline int
scratch_unlink(const char *path, const struct stat *st, int kind,
    struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline void
scratch_remove(const char *dir)
{
	(void)nftw(dir, scratch_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* How many files match the pattern. */
static inline size_t
scratch_count(const char *pattern)
{
	glob_t found;
	size_t n = 0;

	if (glob(pattern, 0, NULL, &found) == 0) {
		n = found.gl_pathc;
		globfree(&found);
	}
	return n;
}

#endif
