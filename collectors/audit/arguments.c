#include "collectors/audit/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/audit/value.h"

static int
peek(const struct cursor *c)
{
	return c->pos < c->end ? *c->pos : -1;
}

struct arg_name {
	uint32_t	index;
	bool		is_len;		/* aN_len= */
	bool		in_parts;	/* aN[M]= */
	uint32_t	part;
};

static bool
take_arg_name(struct cursor *c, struct arg_name *a)
{
	uint64_t v;

	memset(a, 0, sizeof(*a));
	if (peek(c) != 'a')
		return false;
	c->pos++;
	if (!audit_value_dec(c, &v) || v > UINT32_MAX)
		return false;
	a->index = (uint32_t)v;
	if (peek(c) == '_') {
		if (c->end - c->pos < 4 || memcmp(c->pos, "_len", 4) != 0)
			return false;
		c->pos += 4;
		a->is_len = true;
	} else if (peek(c) == '[') {
		c->pos++;
		if (!audit_value_dec(c, &v) || v > UINT32_MAX || peek(c) != ']')
			return false;
		c->pos++;
		a->part = (uint32_t)v;
		a->in_parts = true;
	}
	if (peek(c) != '=')
		return false;
	c->pos++;
	return true;
}

static int
make_room(struct audit_parts *ev)
{
	struct audit_text *args;
	size_t room;

	if (ev->n_args < ev->args_room)
		return 0;
	room = ev->args_room == 0 ? 16 : ev->args_room * 2;
	args = realloc(ev->args, room * sizeof(*args));
	if (args == NULL)
		return -ENOMEM;
	ev->args = args;
	ev->args_room = room;
	return 0;
}

/* Puts a piece behind the last argument. */
static int
extend_arg(struct audit_parts *ev, struct audit_text piece)
{
	struct audit_text *last = &ev->args[ev->n_args - 1];
	char *data = ev->text.data;

	if (last->at + last->len + 1 == piece.at) {
		/* The usual case: they lie side by side, take out the NUL. */
		memmove(data + piece.at - 1, data + piece.at, piece.len + 1);
		ev->text.len--;
		last->len += piece.len;
		return 0;
	}
	/* Something lies between; the first piece is copied to the end. */
	struct audit_text both;
	char *copy = malloc((size_t)last->len + piece.len + 1);
	int error;

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data + last->at, last->len);
	memcpy(copy + last->len, data + piece.at, piece.len);
	error = audit_value_keep(ev, copy, (size_t)last->len + piece.len, &both);
	free(copy);
	if (error == 0)
		*last = both;
	return error;
}

static int
take_arg(struct audit_parts *ev, struct cursor *c, const struct arg_name *a)
{
	struct audit_text piece = { 0, 0 };
	const uint8_t *p;
	bool more = a->in_parts && a->part > 0, quoted;
	size_t len, bytes;
	int error;

	if (!audit_value_raw(c, &p, &len, &quoted))
		return -EBADMSG;
	/* Arguments come in order; a gap means that a record was lost. */
	if (more ? a->index + 1 != ev->n_args : a->index != ev->n_args) {
		ev->args_cut = true;
		return 0;
	}
	bytes = quoted ? len : len / 2;
	if (ev->args_cut || (!more && ev->n_args >= AUDIT_PARTS_ARGS) ||
	    ev->arg_bytes + bytes > AUDIT_PARTS_ARG_BYTES) {
		ev->args_cut = true;
		return 0;
	}
	if (quoted)
		error = audit_value_keep(ev, p, len, &piece);
	else if (audit_value_is_hex(p, len))
		error = audit_value_keep_hex(ev, p, len, &piece);
	else
		error = len == 0 ? audit_value_keep(ev, "", 0, &piece) : -EBADMSG;
	if (error != 0)
		return error;
	ev->arg_bytes += bytes;
	if (more)
		return extend_arg(ev, piece);
	error = make_room(ev);
	if (error == 0)
		ev->args[ev->n_args++] = piece;
	return error;
}

int
audit_arguments_take(struct audit_parts *ev, struct cursor *c)
{
	struct arg_name a;
	uint64_t v;
	int error;

	while (audit_value_next(c)) {
		if (c->end - c->pos > 5 && memcmp(c->pos, "argc=", 5) == 0) {
			c->pos += 5;
			error = audit_value_u32(c, &ev->argc);
			if (error != 0)
				return error;
			ev->have |= AUDIT_HAVE_EXECVE;
			continue;
		}
		if (!take_arg_name(c, &a))
			return -EBADMSG;
		if (a.is_len) {
			if (audit_value_dec(c, &v))
				continue;
			error = -EBADMSG;
		} else
			error = take_arg(ev, c, &a);
		if (error != 0)
			return error;
	}
	return 0;
}
