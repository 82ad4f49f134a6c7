#include "collectors/audit/paths.h"

#include <stdbool.h>
#include <string.h>

/* Takes the last part away again; a leading ".." of a relative path stays. */
static size_t
go_up(char *out, size_t n, bool absolute)
{
	size_t start = n;

	while (start > 0 && out[start - 1] != '/')
		start--;
	if (n == 0 || (n - start == 2 && memcmp(out + start, "..", 2) == 0)) {
		if (absolute)
			return n;
		if (n > 0)
			out[n++] = '/';
		memcpy(out + n, "..", 2);
		return n + 2;
	}
	/* Not the slash of the root. */
	return start > 1 || (start == 1 && !absolute) ? start - 1 : start;
}

/* Appends the parts of a path, one by one. */
static size_t
add_parts(char *out, size_t n, bool absolute, const char *p, size_t len)
{
	const char *end = p + len, *part;
	size_t size;

	while (p < end) {
		while (p < end && *p == '/')
			p++;
		part = p;
		while (p < end && *p != '/')
			p++;
		size = (size_t)(p - part);
		if (size == 0 || (size == 1 && part[0] == '.'))
			continue;
		/* The piece, a slash, and what go_up may add. */
		if (n + size + 4 >= AUDIT_PATHS_MAX)
			return n;
		if (size == 2 && part[0] == '.' && part[1] == '.') {
			n = go_up(out, n, absolute);
			continue;
		}
		if (n > 0 && out[n - 1] != '/')
			out[n++] = '/';
		memcpy(out + n, part, size);
		n += size;
	}
	return n;
}

size_t
audit_paths_join(const char *cwd, size_t cwd_len, const char *name,
    size_t name_len, char out[static AUDIT_PATHS_MAX])
{
	bool named = name_len > 0 && name[0] == '/';
	bool absolute = named || (cwd_len > 0 && cwd[0] == '/');
	size_t n = 0;

	if (absolute)
		out[n++] = '/';
	if (!named)
		n = add_parts(out, n, absolute, cwd, cwd_len);
	n = add_parts(out, n, absolute, name, name_len);
	out[n] = '\0';
	return n;
}

const char *
audit_paths_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}
