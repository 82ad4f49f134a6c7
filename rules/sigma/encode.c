#include "rules/sigma/encode.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static const char *const dashes[] = {
	"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"
};
#define N_DASHES	(sizeof(dashes) / sizeof(dashes[0]))
#define MAX_MARKS	3

static bool
add(struct encode_list *list, struct arena *arena, const char *text,
    size_t len)
{
	char *copy = arena_memdup(arena, text, len);

	if (copy == NULL || list->n == ENCODE_FORMS_MAX) {
		list->no_memory = true;
		return false;
	}
	list->items[list->n].text = copy;
	list->items[list->n].len = len;
	list->n++;
	return true;
}

static bool
renew(struct encode_list *list, struct arena *arena)
{
	list->n = 0;
	list->items = arena_alloc(arena,
	    ENCODE_FORMS_MAX * sizeof(*list->items));
	list->no_memory = list->items == NULL;
	return !list->no_memory;
}

bool
encode_start(struct encode_list *list, struct arena *arena, const char *text,
    size_t len)
{
	return renew(list, arena) && add(list, arena, text, len);
}

/* Length of the dash at text[i] when it begins an option, else 0. */
static size_t
dash_at(const char *text, size_t len, size_t i)
{
	size_t k, n;

	for (k = 0; k < N_DASHES; k++) {
		n = strlen(dashes[k]);
		if (i + n < len && memcmp(text + i, dashes[k], n) == 0 &&
		    (i == 0 || !isalnum((unsigned char)text[i - 1])) &&
		    isalnum((unsigned char)text[i + n]))
			return n;
	}
	return 0;
}

/* Writes the text with the given choice of dash for each mark. */
static bool
add_dashed(struct encode_list *list, struct arena *arena, const char *text,
    size_t len, const size_t choice[MAX_MARKS])
{
	char *out = arena_alloc(arena, len + 3 * MAX_MARKS + 1);
	size_t i = 0, n = 0, mark = 0, dash, k;

	if (out == NULL) {
		list->no_memory = true;
		return false;
	}
	while (i < len) {
		dash = mark < MAX_MARKS ? dash_at(text, len, i) : 0;
		if (dash == 0) {
			out[n++] = text[i++];
			continue;
		}
		k = strlen(dashes[choice[mark]]);
		memcpy(out + n, dashes[choice[mark++]], k);
		n += k;
		i += dash;
	}
	return add(list, arena, out, n);
}

static const char *
apply_windash(struct encode_list *list, struct arena *arena)
{
	struct encode_form old = list->items[0];
	size_t i, marks = 0, total = 1, choice[MAX_MARKS], k, rest;

	if (list->n != 1)
		return "windash can be given once";
	for (i = 0; i < old.len; i++)
		marks += dash_at(old.text, old.len, i) != 0;
	if (marks > MAX_MARKS)
		return "windash: more than 3 dashes";
	if (!renew(list, arena))
		return NULL;
	for (i = 0; i < marks; i++)
		total *= N_DASHES;
	for (i = 0; i < total; i++) {
		for (k = 0, rest = i; k < MAX_MARKS; k++, rest /= N_DASHES)
			choice[k] = rest % N_DASHES;
		if (!add_dashed(list, arena, old.text, old.len, choice))
			return NULL;
	}
	return NULL;
}

/* UTF-8 to UTF-16 in little endian, without a byte order mark. */
static const char *
widen(struct encode_form *form, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, form->len * 2 + 1);
	size_t i;

	if (out == NULL)
		return NULL;
	for (i = 0; i < form->len; i++) {
		if ((unsigned char)form->text[i] >= 0x80)
			return "utf16le: only ASCII texts can be changed";
		out[2 * i] = (unsigned char)form->text[i];
	}
	form->text = (const char *)out;
	form->len *= 2;
	return NULL;
}

/* Standard alphabet, padded. */
static size_t
to_base64(const unsigned char *in, size_t len, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, n = 0;
	uint32_t v;

	for (i = 0; i < len; i += 3) {
		v = (uint32_t)in[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			v |= in[i + 2];
		out[n++] = digits[v >> 18];
		out[n++] = digits[v >> 12 & 63];
		out[n++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? digits[v & 63] : '=';
	}
	return n;
}

/*
 * The digits that do not depend on what stands before and after, when the
 * value begins `shift` bytes into a group of three.
 */
static bool
add_shifted(struct encode_list *list, struct arena *arena,
    const struct encode_form *form, size_t shift)
{
	size_t total = form->len + shift, n, skip;
	unsigned char *in = arena_alloc(arena, total + 1);
	char *out = arena_alloc(arena, total / 3 * 4 + 5);
	static const size_t skips[3] = { 0, 2, 3 };
	static const size_t cuts[3] = { 0, 3, 2 };

	if (in == NULL || out == NULL) {
		list->no_memory = true;
		return false;
	}
	memcpy(in + shift, form->text, form->len);
	n = to_base64(in, total, out);
	n -= cuts[total % 3];
	skip = skips[shift];
	return n <= skip || add(list, arena, out + skip, n - skip);
}

static const char *
apply_base64(struct encode_list *list, struct arena *arena, bool offsets)
{
	struct encode_form *old = list->items;
	size_t i, shift, n = list->n;
	char *out;

	if (offsets && n > ENCODE_FORMS_MAX / 3)
		return "base64offset: too many forms";
	if (!renew(list, arena))
		return NULL;
	for (i = 0; i < n; i++) {
		if (old[i].len == 0)
			return "base64: the text is empty";
		for (shift = 0; offsets && shift < 3; shift++)
			if (!add_shifted(list, arena, &old[i], shift))
				return NULL;
		if (offsets)
			continue;
		out = arena_alloc(arena, old[i].len / 3 * 4 + 5);
		if (out == NULL) {
			list->no_memory = true;
			return NULL;
		}
		if (!add(list, arena, out, to_base64(
		    (const unsigned char *)old[i].text, old[i].len, out)))
			return NULL;
	}
	return list->n == 0 ? "base64offset: the text is too short" : NULL;
}

const char *
encode_apply(struct encode_list *list, struct arena *arena,
    enum modifier_change change)
{
	const char *wrong;
	size_t i;

	if (list->no_memory)
		return NULL;
	switch (change) {
	case MODIFIER_WINDASH:
		return apply_windash(list, arena);
	case MODIFIER_BASE64:
		return apply_base64(list, arena, false);
	case MODIFIER_BASE64OFFSET:
		return apply_base64(list, arena, true);
	case MODIFIER_WIDE:
		break;
	}
	for (i = 0; i < list->n; i++) {
		wrong = widen(&list->items[i], arena);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}
