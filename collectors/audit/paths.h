/*
 * paths: makes one absolute path of what a process named and where it stood.
 *
 * The result is as the process sees it (a container's paths are relative to
 * its root). Repeated slashes, "." and ".." are taken out by the text alone:
 * a rule for /etc/shadow must not be fooled by /etc/../etc/shadow. Symbolic
 * links cannot be seen here; device and inode in the event tell the truth.
 *
 * Threads: any; no state.
 */
#ifndef COLLECTORS_AUDIT_PATHS_H
#define COLLECTORS_AUDIT_PATHS_H

#include <stddef.h>

/* As long as the kernel's, with room for the directory. */
#define AUDIT_PATHS_MAX	8192

/*
 * Writes the joined path and a NUL to out; cut when it is too long. A name
 * that is relative and a cwd that is "" give a relative path. Returns the
 * length.
 */
size_t audit_paths_join(const char *cwd, size_t cwd_len, const char *name,
    size_t name_len, char out[static AUDIT_PATHS_MAX]);

/* The part after the last slash, or all of it. */
const char *audit_paths_base(const char *path);

#endif
