#include <string.h>

#include "agent/core/conf.h"
#include "agent/core/conf_value.h"

#define WIDTH	78

typedef void (*key_fn)(const struct conf_key *, struct buf *);
typedef void (*section_fn)(const char *section, struct buf *);

/* Whether an earlier key, in this part or one before, has this section. */
static bool
is_first_of_section(const struct conf *c, const struct conf_key *key)
{
	for (size_t p = 0; p < c->n_parts; p++)
		for (size_t i = 0; i < c->parts[p].n_keys; i++) {
			const struct conf_key *k = &c->parts[p].keys[i];

			if (strcmp(k->section, key->section) == 0)
				return k == key;
		}
	return false;
}

static void
each_of_section(const struct conf *c, const char *section, key_fn fn,
    struct buf *out)
{
	for (size_t p = 0; p < c->n_parts; p++)
		for (size_t i = 0; i < c->parts[p].n_keys; i++) {
			const struct conf_key *k = &c->parts[p].keys[i];

			if (strcmp(k->section, section) == 0)
				fn(k, out);
		}
}

/* Sections in the order of their first key, each with all its keys. */
static void
each(const struct conf *c, section_fn begin, key_fn fn, section_fn end,
    struct buf *out)
{
	for (size_t p = 0; p < c->n_parts; p++)
		for (size_t i = 0; i < c->parts[p].n_keys; i++) {
			const struct conf_key *k = &c->parts[p].keys[i];

			if (!is_first_of_section(c, k))
				continue;
			begin(k->section, out);
			each_of_section(c, k->section, fn, out);
			end(k->section, out);
		}
}

/* Text as a comment, broken at blanks. */
static void
put_comment(struct buf *out, const char *indent, const char *text)
{
	size_t column = 0;

	while (*(text += strspn(text, " ")) != '\0') {
		size_t n = strcspn(text, " ");

		if (column == 0 || column + 1 + n > WIDTH) {
			buf_printf(out, "%s%s#", column == 0 ? "" : "\n",
			    indent);
			column = strlen(indent) + 1;
		}
		buf_add_char(out, ' ');
		buf_add(out, text, n);
		column += 1 + n;
		text += n;
	}
	buf_add_char(out, '\n');
}

static bool
is_plain(const char *text)
{
	return text[0] != '\0' && text[0] != '-' &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+") == strlen(text);
}

/* The preset, as it would stand in the file. */
static void
put_preset(const struct conf_key *k, struct buf *out)
{
	const char *text = k->preset == NULL ? "" : k->preset;

	if (k->type == CONF_LIST)
		buf_add_str(out, text[0] == '\0' ? "[]" : text);
	else if (k->type != CONF_STR || is_plain(text))
		buf_add_str(out, text);
	else {
		buf_add_char(out, '"');
		for (; *text != '\0'; text++) {
			if (*text == '"' || *text == '\\')
				buf_add_char(out, '\\');
			buf_add_char(out, *text);
		}
		buf_add_char(out, '"');
	}
}

static void
begin_default(const char *section, struct buf *out)
{
	buf_printf(out, "\n%s:\n", section);
}

static void
put_default(const struct conf_key *k, struct buf *out)
{
	struct buf expected;

	put_comment(out, "  ", k->help);
	buf_init(&expected, 0);
	buf_add_str(&expected, "Value: ");
	conf_value_expect(k, &expected);
	buf_add_char(&expected, '.');
	put_comment(out, "  ", buf_text(&expected));
	buf_fini(&expected);
	buf_printf(out, "  #%s: ", k->name);
	put_preset(k, out);
	buf_add_char(out, '\n');
}

static void
end_default(const char *section, struct buf *out)
{
	(void)section;
	(void)out;
}

void
conf_write_default(const struct conf *c, struct buf *out)
{
	put_comment(out, "", "Configuration of tallyman, see tallyman.yaml(5). "
	    "Every key is optional; a key behind a # shows its default. "
	    "Sizes take B, KiB, MiB, GiB, TiB, kB, MB, GB, TB; time spans take "
	    "us, ms, s, m, h, d.");
	each(c, begin_default, put_default, end_default, out);
	buf_add_char(out, '\n');
	put_comment(out, "", "Where alerts and events go besides the store: "
	    "a list, each entry with a type and a name of its own.");
	buf_add_str(out, "outputs:\n");
}

void
conf_write_mdoc_text(struct buf *out, const char *text)
{
	bool line_start = true, after_stop = false;

	for (; *text != '\0'; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			buf_add_str(out, "\\&");
		line_start = false;
		if (*text == '\\')
			buf_add_str(out, "\\e");
		else if (*text == ' ' && after_stop) {
			buf_add_char(out, '\n');
			line_start = true;
		} else
			buf_add_char(out, *text);
		after_stop = *text == '.';
	}
	buf_add_char(out, '\n');
}

/* One argument of a macro. */
static void
put_mdoc_arg(struct buf *out, const char *text)
{
	buf_add_str(out, "\"\\&");
	for (; *text != '\0'; text++)
		if (*text == '"')
			buf_add_str(out, "\\(dq");
		else if (*text == '\\')
			buf_add_str(out, "\\e");
		else
			buf_add_char(out, *text);
	buf_add_char(out, '"');
}

static void
begin_mdoc(const char *section, struct buf *out)
{
	buf_printf(out, ".Ss %s\n.Bl -tag -width 4n\n", section);
}

static void
put_mdoc(const struct conf_key *k, struct buf *out)
{
	struct buf text;

	buf_printf(out, ".It Cm %s\n", k->name);
	conf_write_mdoc_text(out, k->help);
	buf_init(&text, 0);
	buf_add_str(&text, "Value: ");
	conf_value_expect(k, &text);
	buf_add_char(&text, ';');
	conf_write_mdoc_text(out, buf_text(&text));
	buf_reset(&text);
	put_preset(k, &text);
	buf_add_str(out, "default\n.Cm ");
	put_mdoc_arg(out, buf_text(&text));
	buf_add_str(out, " .\n");
	buf_fini(&text);
}

static void
end_mdoc(const char *section, struct buf *out)
{
	(void)section;
	buf_add_str(out, ".El\n");
}

void
conf_write_mdoc(const struct conf *c, struct buf *out)
{
	each(c, begin_mdoc, put_mdoc, end_mdoc, out);
}
