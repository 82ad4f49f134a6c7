#include <stdlib.h>
#include <string.h>

#include "enrich/program.h"

/* After the struct: exe, name, arguments, each with its NUL. */
struct program {
	uint32_t	refs;
	uint16_t	n_args;
	size_t		bytes;
	const char	*exe, *name;
	uint16_t	args[PROGRAM_ARGS];	/* offsets in text */
	char		text[];
};

static size_t
count_args(const struct event_str *args, size_t n_args, size_t *n)
{
	size_t bytes = 0, i;

	for (i = 0; i < n_args && i < PROGRAM_ARGS; i++) {
		if (bytes + args[i].len + 1 > PROGRAM_BYTES)
			break;
		bytes += args[i].len + 1;
	}
	*n = i;
	return bytes;
}

static char *
add(char *to, const char *text, size_t len)
{
	if (len > 0)
		memcpy(to, text, len);
	to[len] = '\0';
	return to + len + 1;
}

struct program *
program_new(struct program_budget *b, const char *exe, const char *name,
    const struct event_str *args, size_t n_args)
{
	const char *slash = strrchr(exe, '/');
	size_t exe_len = strnlen(exe, PROGRAM_BYTES), name_len, bytes, n, i;
	struct program *p;
	char *at;

	if (*name == '\0')
		name = slash == NULL ? exe : slash + 1;
	name_len = strnlen(name, 255);
	bytes = count_args(args, n_args, &n);
	if (b->used + bytes > b->limit)
		bytes = n = 0;
	bytes += sizeof(*p) + exe_len + name_len + 2;
	p = calloc(1, bytes);
	if (p == NULL)
		return NULL;
	b->used += bytes;
	p->refs = 1;
	p->bytes = bytes;
	p->n_args = (uint16_t)n;
	p->exe = p->text;
	at = add(p->text, exe, exe_len);
	p->name = at;
	at = add(at, name, name_len);
	for (i = 0; i < n; i++) {
		p->args[i] = (uint16_t)(at - p->text);
		at = add(at, args[i].text, args[i].len);
	}
	return p;
}

struct program *
program_ref(struct program *p)
{
	if (p != NULL)
		p->refs++;
	return p;
}

void
program_unref(struct program_budget *b, struct program *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	b->used -= p->bytes;
	free(p);
}

const char *
program_exe(const struct program *p)
{
	return p->exe;
}

const char *
program_name(const struct program *p)
{
	return p->name;
}

size_t
program_n_args(const struct program *p)
{
	return p->n_args;
}

const char *
program_arg(const struct program *p, size_t i)
{
	return i < p->n_args ? p->text + p->args[i] : "";
}

void
program_command_line(const struct program *p, struct buf *out)
{
	size_t i;

	for (i = 0; i < p->n_args; i++) {
		if (i > 0)
			buf_add_char(out, ' ');
		buf_add_str(out, program_arg(p, i));
	}
}
