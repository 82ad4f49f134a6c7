#include "agent/core/method.h"

#include <string.h>

#define METHOD(kind, name, means, doubt)				\
	{ METHOD_##kind, name, means, doubt },
const struct method method_table[] = {
#include "agent/core/methods.def"
};
#undef METHOD
const size_t method_count = sizeof(method_table) / sizeof(method_table[0]);

const struct method *
method_find(enum method_kind kind, const char *name)
{
	size_t i;

	for (i = 0; i < method_count; i++)
		if (method_table[i].kind == kind &&
		    strcmp(method_table[i].name, name) == 0)
			return &method_table[i];
	return NULL;
}

const char *
method_field(enum method_kind kind)
{
	static const char *const fields[METHOD_KINDS] = {
		[METHOD_CONTAINER] = "tallyman.container.attribution.method",
		[METHOD_PROCESS] = "tallyman.flow.process.method",
		[METHOD_NAT] = "tallyman.flow.nat.method",
		[METHOD_SCOPE] = "tallyman.destination.scope",
		[METHOD_ENTRY] = "tallyman.entry.kind",
	};

	return fields[kind];
}

/* A sentence a line. */
static void
put_sentences(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (text[0] == ' ' && text[-1] == '.')
			buf_add_char(out, '\n');
		else
			buf_add_char(out, *text);
	buf_add_char(out, '\n');
}

void
method_write_mdoc(struct buf *out)
{
	size_t i;

	for (i = 0; i < method_count; i++) {
		const struct method *m = &method_table[i];

		if (i == 0 || m->kind != m[-1].kind)
			buf_printf(out, "%s.Pp\n.Cm %s :\n"
			    ".Bl -tag -width Ds\n", i == 0 ? "" : ".El\n",
			    method_field(m->kind));
		buf_printf(out, ".It Cm %s\n", m->name);
		put_sentences(out, m->means);
		put_sentences(out, m->doubt);
	}
	buf_add_str(out, ".El\n");
}
