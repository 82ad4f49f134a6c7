#define LOG_TAG "log"
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES	2000	/* with the newline */
#define TEXT_MAX	2048	/* before escapes */

static atomic_int max_level = LOG_INFO;
static _Atomic(const char *) role_name;

void
log_set_level(int level)
{
	atomic_store(&max_level, level);
}

int
log_level(void)
{
	return atomic_load(&max_level);
}

int
log_level_parse(const char *name)
{
	static const struct {
		const char	*name;
		int		 level;
	} names[] = {
		{ "error", LOG_ERR }, { "warning", LOG_WARNING },
		{ "notice", LOG_NOTICE }, { "info", LOG_INFO },
		{ "debug", LOG_DEBUG }
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].level;
	return -1;
}

void
log_set_role(const char *role)
{
	atomic_store(&role_name, role);
}

struct line {
	char	text[LINE_MAX_BYTES];
	size_t	len;
};

/* Leaves room for the newline. */
static void
add_byte(struct line *l, unsigned char c)
{
	char esc[5];
	size_t n = 1;

	if (c < 0x20 || c >= 0x7f)
		n = (size_t)snprintf(esc, sizeof(esc), "\\x%02x", c);
	else
		esc[0] = (char)c;
	if (l->len + n >= sizeof(l->text))
		return;
	memcpy(l->text + l->len, esc, n);
	l->len += n;
}

static void
add_text(struct line *l, const char *s)
{
	while (*s != '\0')
		add_byte(l, (unsigned char)*s++);
}

static void
add_prefix(struct line *l, int level, const char *tag)
{
	const char *role = atomic_load(&role_name);
	char priority[16];

	if (getenv("JOURNAL_STREAM") != NULL) {
		snprintf(priority, sizeof(priority), "<%d>", level);
		add_text(l, priority);
	} else
		add_text(l, "tallyman: ");
	if (role != NULL && role[0] != '\0') {
		add_text(l, role);
		add_text(l, ": ");
	}
	add_text(l, tag);
	add_text(l, ": ");
}

void
log_emit(int level, const char *tag, bool with_errno, const char *fmt, ...)
{
	int saved = errno;
	struct line l = { .len = 0 };
	char text[TEXT_MAX], why[128];
	va_list ap;

	if (level > log_level())
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	add_prefix(&l, level, tag);
	add_text(&l, text);
	if (with_errno) {
		add_text(&l, ": ");
		add_text(&l, strerror_r(saved, why, sizeof(why)));
	}
	l.text[l.len++] = '\n';
	/* One write, so that lines of several processes do not mix. What
	 * cannot be written has nowhere to go. */
	while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

bool
log_limit_pass(struct log_limit *lim, uint64_t *swallowed)
{
	uint32_t burst = lim->burst == 0 ? 5 : lim->burst;
	int64_t period = INT64_C(1000000000) *
	    (lim->period_s == 0 ? 60 : lim->period_s);
	struct timespec ts;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (lim->since_ns == 0 || now - lim->since_ns >= period) {
		lim->since_ns = now;
		lim->seen = 0;
	}
	if (lim->seen >= burst) {
		lim->swallowed++;
		return false;
	}
	lim->seen++;
	*swallowed = lim->swallowed;
	lim->swallowed = 0;
	return true;
}
