#include "rules/sigma/report.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX	80

static bool
take_line(struct report *r)
{
	r->count++;
	if (r->out == NULL || r->count > REPORT_MAX + 1)
		return false;
	if (r->count == REPORT_MAX + 1) {
		buf_add_str(r->out, "more errors follow and are not shown\n");
		return false;
	}
	return true;
}

void
report_error(struct report *r, unsigned line, unsigned column,
    const char *fmt, ...)
{
	va_list ap;

	if (!take_line(r))
		return;
	buf_printf(r->out, "%s:%u:%u: ", r->file, line, column);
	va_start(ap, fmt);
	buf_vprintf(r->out, fmt, ap);
	va_end(ap);
	buf_add_char(r->out, '\n');
}

void
report_file(struct report *r, const char *fmt, ...)
{
	va_list ap;

	if (!take_line(r))
		return;
	buf_printf(r->out, "%s: ", r->file);
	va_start(ap, fmt);
	buf_vprintf(r->out, fmt, ap);
	va_end(ap);
	buf_add_char(r->out, '\n');
}

/* Levenshtein distance in one row; case is ignored. */
static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[WORD_MAX + 1], i, j, left, diagonal, best;

	for (j = 0; j <= nb; j++)
		row[j] = j;
	for (i = 1; i <= na; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= nb; j++) {
			best = diagonal + (tolower((unsigned char)a[i - 1]) !=
			    tolower((unsigned char)b[j - 1]));
			left = row[j - 1] + 1;
			diagonal = row[j];
			if (left < best)
				best = left;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

void
report_nearest_start(struct report_nearest *n, const char *word)
{
	size_t len = strlen(word);

	n->word = word;
	n->best = NULL;
	n->best_len = 0;
	n->distance = len / 3 + 1;
}

void
report_nearest_try(struct report_nearest *n, const char *candidate, size_t len)
{
	size_t word_len = strlen(n->word), d;

	if (word_len > WORD_MAX || len > WORD_MAX || len == 0)
		return;
	d = distance(n->word, word_len, candidate, len);
	if (d >= n->distance && !(d == 1 && n->best == NULL))
		return;
	n->best = candidate;
	n->best_len = len;
	n->distance = d;
}

const char *
report_nearest_hint(const struct report_nearest *n,
    char text[static REPORT_HINT])
{
	text[0] = '\0';
	if (n->best != NULL)
		snprintf(text, REPORT_HINT, "; did you mean %.*s?",
		    (int)n->best_len, n->best);
	return text;
}
