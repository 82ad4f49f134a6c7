#include "outputs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOG_TAG "file"
#include "lib/log.h"

struct file {
	char		*path;
	int64_t		 max_bytes, keep;
	bool		 sync;
	int		 fd;
	int64_t		 size;
	bool		 regular;	/* pipes and terminals do not rotate */
	atomic_bool	 reopen;
	struct log_limit limit;
};

#define KEY(n, t, member, preset, lo, hi, help)				\
	{ n, t, offsetof(struct file, member), preset, lo, hi, NULL, help }

static const struct option_key options[] = {
	KEY("path", OPTION_STR, path, NULL, 0, 0,
	    "The file; \"-\" is standard output."),
	KEY("max_bytes", OPTION_SIZE, max_bytes, "256MiB", 0,
	    INT64_C(1) << 44,
	    "A larger file is renamed to PATH.1, PATH.1 to PATH.2 and so on. "
	    "0: never."),
	KEY("keep", OPTION_INT, keep, "4", 1, 100,
	    "How many renamed files are kept."),
	KEY("sync", OPTION_BOOL, sync, "false", 0, 0,
	    "Call fsync after each delivery."),
};

static int
open_file(struct file *f)
{
	struct stat st;
	int fd;

	if (strcmp(f->path, "-") == 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		/* A pipe that nobody reads must not stop the writer. */
		fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
		    O_NOCTTY | O_NONBLOCK, 0640);
	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1) {
		close(fd);
		return -errno;
	}
	f->fd = fd;
	f->size = st.st_size;
	f->regular = S_ISREG(st.st_mode) && strcmp(f->path, "-") != 0;
	return 0;
}

static void
close_file(struct file *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

static void
rotate(struct file *f)
{
	char from[4200], to[4200];
	int64_t i;

	close_file(f);
	for (i = f->keep; i >= 1; i--) {
		snprintf(to, sizeof(to), "%s.%lld", f->path, (long long)i);
		if (i == 1)
			snprintf(from, sizeof(from), "%s", f->path);
		else
			snprintf(from, sizeof(from), "%s.%lld", f->path,
			    (long long)i - 1);
		if (rename(from, to) == -1 && errno != ENOENT)
			log_limited(&f->limit, LOG_WARNING,
			    "%s: cannot be renamed: %s", from,
			    strerror(errno));
	}
}

static int
init(void *self, struct buf *why)
{
	struct file *f = self;

	f->fd = -1;
	if (f->path == NULL || strlen(f->path) > 4000) {
		buf_add_str(why, "path: expected a path");
		return -EINVAL;
	}
	return 0;
}

static void
fini(void *self)
{
	struct file *f = self;

	if (f->fd > 0)
		close_file(f);
}

static int
prepare(struct file *f)
{
	if (atomic_exchange(&f->reopen, false))
		close_file(f);
	if (f->fd != -1 && f->regular && f->max_bytes > 0 &&
	    f->size >= f->max_bytes)
		rotate(f);
	return f->fd != -1 ? 0 : open_file(f);
}

static int
write_line(struct file *f, const struct output_doc *d)
{
	struct iovec part[2] = {
		{ .iov_base = (void *)d->text, .iov_len = d->len },
		{ .iov_base = (void *)"\n", .iov_len = 1 }
	};
	struct stat st;
	ssize_t n;

	do
		n = writev(f->fd, part, 2);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	if ((size_t)n == d->len + 1) {
		f->size += n;
		return 0;
	}
	/* The disk filled up within the line. */
	if (f->regular && (fstat(f->fd, &st) == -1 ||
	    ftruncate(f->fd, st.st_size - n) == -1))
		log_limited(&f->limit, LOG_WARNING, "%s: holds half a line: %s",
		    f->path, strerror(errno));
	return -ENOSPC;
}

static void
fail(struct file *f, struct output_doc *d, struct output_answer *answer,
    int err)
{
	d->verdict = OUTPUT_RETRY_ITEM;
	snprintf(d->reason, sizeof(d->reason), "%s", strerror(-err));
	snprintf(answer->text, sizeof(answer->text), "%.120s: %s", f->path,
	    strerror(-err));
	log_limited(&f->limit, LOG_WARNING, "%s: cannot be written: %s",
	    f->path, strerror(-err));
}

static enum output_verdict
deliver(void *self, struct output_doc *docs, size_t n,
    struct output_answer *answer)
{
	struct file *f = self;
	size_t i, written = 0;
	int err;

	for (i = 0; i < n; i++) {
		if ((err = prepare(f)) == 0)
			err = write_line(f, &docs[i]);
		if (err == 0) {
			docs[i].verdict = OUTPUT_OK;
			written++;
		} else
			fail(f, &docs[i], answer, err);
	}
	if (f->sync && written > 0 && f->regular && fsync(f->fd) == -1) {
		err = -errno;
		for (i = 0; i < n; i++)
			fail(f, &docs[i], answer, err);
	}
	if (answer->text[0] == '\0')
		snprintf(answer->text, sizeof(answer->text), "%.180s",
		    f->path);
	return OUTPUT_OK;
}

static void
reopen(void *self)
{
	struct file *f = self;

	atomic_store(&f->reopen, true);
}

const struct output_ops file_output = {
	.type = "file",
	.local = true,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.size = sizeof(struct file),
	.init = init,
	.fini = fini,
	.deliver = deliver,
	.reopen = reopen,
};
