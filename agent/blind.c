#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/blind.h"
#include "enrich/procfile.h"

#define NEVER	UINT64_MAX

/* A file that fits; its length, or -errno. */
static ssize_t
read_file(const char *proc, const char *name, char *out, size_t size)
{
	char path[512];
	ssize_t n;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", proc, name) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	n = read(fd, out, size - 1);
	if (n == -1)
		n = -errno;
	close(fd);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

/* The last audit= counts: 1 or "on" switch it on, all else off. */
static bool
is_on_at_boot(const char *proc)
{
	char line[4096], *word, *rest = NULL;
	bool on = false;

	if (read_file(proc, "cmdline", line, sizeof(line)) < 0)
		return false;
	for (word = strtok_r(line, " \n", &rest); word != NULL;
	    word = strtok_r(NULL, " \n", &rest))
		if (strncmp(word, "audit=", 6) == 0)
			on = strcmp(word + 6, "1") == 0 ||
			    strcmp(word + 6, "on") == 0;
	return on;
}

/* Processes are few enough to be looked at twice. */
static void
each(const char *proc, DIR *d, void (*fn)(void *,
    const struct procfile_stat *), void *ctx)
{
	struct procfile_stat s;
	struct dirent *e;
	char name[300], text[1024];
	ssize_t n;

	rewinddir(d);
	while ((e = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		(void)snprintf(name, sizeof(name), "%s/stat", e->d_name);
		n = read_file(proc, name, text, sizeof(text));
		if (n > 0 && procfile_stat(text, (size_t)n, &s) == 0 &&
		    !s.kernel)
			fn(ctx, &s);
	}
}

struct look {
	struct blind	*out;
	uint32_t	 owner;
	uint64_t	 since;		/* ticks since boot */
};

static void
find_beginning(void *ctx, const struct procfile_stat *s)
{
	struct look *l = ctx;

	if (l->owner != 0 ? s->pid == l->owner :
	    strncmp(s->comm, "systemd-journal", 15) == 0)
		l->since = s->start_ticks;
}

static void
count(void *ctx, const struct procfile_stat *s)
{
	struct look *l = ctx;
	size_t len = strlen(l->out->names);

	if (s->exiting || s->start_ticks >= l->since)
		return;
	l->out->n++;
	/* What somebody started by hand says less than services do. */
	if (s->ppid > 1)
		return;
	if (len + strlen(s->comm) + 20 < sizeof(l->out->names))
		(void)snprintf(l->out->names + len, sizeof(l->out->names) -
		    len, "%s%s %u", len > 0 ? ", " : "", s->comm, s->pid);
	else if (len > 0 && l->out->names[len - 1] != '.')
		(void)snprintf(l->out->names + len, sizeof(l->out->names) -
		    len, ", ...");
}

int
blind_look(const char *proc, uint32_t owner, struct blind *out)
{
	struct blind found = { 0 };
	struct look l = { &found, owner, NEVER };
	DIR *d;

	if (!is_on_at_boot(proc)) {
		d = opendir(proc);
		if (d == NULL)
			return -errno;
		each(proc, d, find_beginning, &l);
		each(proc, d, count, &l);
		closedir(d);
	}
	*out = found;
	return 0;
}
