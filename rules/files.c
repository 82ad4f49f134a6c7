#include "rules/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/rules.h"
#include "rules/sigma/ytree.h"

#define DEPTH_MAX	8

struct walk {
	struct sigma_set	*set;
	struct buf		*errors;
	size_t			*n_errors;
	size_t			 files;
};

static int
fail(struct walk *w, const char *path, const char *text)
{
	struct report report = { .out = w->errors, .file = path };

	report.count = *w->n_errors;
	report_file(&report, "%s", text);
	*w->n_errors = report.count;
	return -EINVAL;
}

/* The whole file, up to the largest size and one byte more. */
static int
read_all(int fd, char **text, size_t *len)
{
	size_t room = YTREE_BYTES_MAX + 1;
	char *p = malloc(room);
	ssize_t n = 1;

	*len = 0;
	if (p == NULL)
		return -ENOMEM;
	while (n > 0 && *len < room) {
		n = read(fd, p + *len, room - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (n < 0) {
		free(p);
		return -errno;
	}
	*text = p;
	return 0;
}

static int
read_file(struct walk *w, int fd, const char *path)
{
	char *text = NULL;
	size_t len;
	int rc;

	if (++w->files > RULES_FILES_MAX)
		return fail(w, path, "too many rule files");
	rc = read_all(fd, &text, &len);
	if (rc == -ENOMEM)
		return rc;
	if (rc != 0)
		return fail(w, path, strerror(-rc));
	rc = sigma_read(w->set, path, text, len, w->errors, w->n_errors);
	free(text);
	return rc;
}

static bool
is_rule_file(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot != NULL &&
	    (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

static int walk_path(struct walk *, const char *path, unsigned depth);

static int
walk_entry(struct walk *w, const char *dir, const struct dirent *d,
    unsigned depth)
{
	char *path = NULL;
	struct stat st;
	int rc = 0;

	if (d->d_name[0] == '.')
		return 0;
	if (asprintf(&path, "%s/%s", dir, d->d_name) == -1)
		return -ENOMEM;
	if (is_rule_file(d))
		rc = walk_path(w, path, depth + 1);
	/* A link to a directory could lead in a circle: not followed. */
	else if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		rc = walk_path(w, path, depth + 1);
	free(path);
	return rc;
}

/* strcmp, not the locale: the same order everywhere. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
walk_directory(struct walk *w, const char *path, unsigned depth)
{
	struct dirent **names = NULL;
	int i, n, rc = 0, one;

	if (depth > DEPTH_MAX)
		return fail(w, path, "directories are nested too deep");
	n = scandir(path, &names, NULL, by_name);
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM :
		    fail(w, path, strerror(errno));
	for (i = 0; i < n; i++) {
		one = rc == -ENOMEM ? rc :
		    walk_entry(w, path, names[i], depth);
		if (one != 0)
			rc = one;
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
walk_path(struct walk *w, const char *path, unsigned depth)
{
	struct stat st;
	int fd, rc;

	/* Not blocking: a fifo in the directory must not hold us up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return fail(w, path, strerror(errno));
	if (fstat(fd, &st) == -1)
		rc = fail(w, path, strerror(errno));
	else if (S_ISREG(st.st_mode))
		rc = read_file(w, fd, path);
	else if (S_ISDIR(st.st_mode))
		rc = walk_directory(w, path, depth);
	else
		rc = fail(w, path, "neither a file nor a directory");
	close(fd);
	return rc;
}

int
files_read(struct sigma_set *set, const struct conf_list *paths,
    struct buf *errors, size_t *n_errors)
{
	struct walk w = { .set = set, .errors = errors, .n_errors = n_errors };
	size_t i;
	int rc = 0, one;

	for (i = 0; i < paths->n && rc != -ENOMEM; i++) {
		one = walk_path(&w, paths->items[i], 0);
		if (one != 0)
			rc = one;
	}
	return rc;
}
