#include <errno.h>
#include <string.h>

#include "enrich/procfile.h"
#include "lib/cursor.h"

#define PF_EXITING	0x00000004
#define PF_KTHREAD	0x00200000

static bool
is_digit(const struct cursor *c)
{
	return cursor_left(c) > 0 && *c->pos >= '0' && *c->pos <= '9';
}

/* A decimal number, which may have a sign, after white space. */
static int64_t
number(struct cursor *c)
{
	uint64_t v = 0;
	bool minus = false;

	while (cursor_left(c) > 0 && (*c->pos == ' ' || *c->pos == '\t'))
		cursor_skip(c, 1);
	if (cursor_left(c) > 0 && *c->pos == '-') {
		minus = true;
		cursor_skip(c, 1);
	}
	if (!is_digit(c))
		c->failed = true;
	while (is_digit(c)) {
		if (v > INT64_MAX / 10 - 1)
			c->failed = true;
		v = v * 10 + (uint64_t)(cursor_u8(c) - '0');
	}
	return minus ? -(int64_t)v : (int64_t)v;
}

/*
 * "PID (COMM) S PPID PGRP SESSION TTY TPGID FLAGS ... STARTTIME(22nd) ...".
 * COMM may hold anything, parentheses and spaces too: it ends at the last
 * closing one.
 */
int
procfile_stat(const char *text, size_t len, struct procfile_stat *out)
{
	struct procfile_stat s = { 0 };
	struct cursor c = cursor_make(text, len);
	const char *open = memchr(text, '(', len);
	const char *close = memrchr(text, ')', len);
	size_t n;
	uint64_t flags;
	int i;

	s.pid = (uint32_t)number(&c);
	if (!cursor_ok(&c) || open == NULL || close == NULL || close < open ||
	    close + 3 > text + len)
		return -EINVAL;
	n = (size_t)(close - open - 1);
	if (n >= sizeof(s.comm))
		n = sizeof(s.comm) - 1;
	memcpy(s.comm, open + 1, n);
	c = cursor_make(close + 2, (size_t)(text + len - close - 2));
	s.state = (char)cursor_u8(&c);
	s.ppid = (uint32_t)number(&c);
	(void)number(&c);
	(void)number(&c);
	s.tty = number(&c);
	(void)number(&c);
	flags = (uint64_t)number(&c);
	s.exiting = (flags & PF_EXITING) != 0 || s.state == 'Z' ||
	    s.state == 'X' || s.state == 'x';
	s.kernel = (flags & PF_KTHREAD) != 0;
	for (i = 10; i < 22; i++)
		(void)number(&c);
	s.start_ticks = (uint64_t)number(&c);
	if (!cursor_ok(&c))
		return -EINVAL;
	*out = s;
	return 0;
}

/* A cursor behind "\nKEY:", failed when the key is not there. */
static struct cursor
find_key(const char *text, size_t len, const char *key)
{
	const char *at = memmem(text, len, key, strlen(key));
	struct cursor c = cursor_make(text, 0);

	if (at == NULL) {
		c.failed = true;
		return c;
	}
	at += strlen(key);
	return cursor_make(at, (size_t)(text + len - at));
}

int
procfile_status(const char *text, size_t len, uint32_t *ruid, uint32_t *euid,
    uint32_t *vpid)
{
	struct cursor c = find_key(text, len, "\nUid:");
	int64_t real = number(&c), effective = number(&c), inner = 0;

	if (!cursor_ok(&c))
		return -EINVAL;
	/* One pid per namespace, the host's first. */
	c = find_key(text, len, "\nNSpid:");
	while (cursor_ok(&c)) {
		int64_t n = number(&c);

		if (cursor_ok(&c))
			inner = n;
	}
	*ruid = (uint32_t)real;
	*euid = (uint32_t)effective;
	*vpid = (uint32_t)inner;
	return 0;
}

size_t
procfile_cmdline(const char *text, size_t len, struct event_str *out,
    size_t n_max)
{
	size_t n = 0;

	while (len > 0 && n < n_max) {
		const char *nul = memchr(text, '\0', len);
		size_t part = nul == NULL ? len : (size_t)(nul - text);

		out[n++] = (struct event_str){ text, part };
		part = nul == NULL ? part : part + 1;
		text += part;
		len -= part;
	}
	return n;
}
