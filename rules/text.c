#include "rules/text.h"

#include <string.h>

static void
add_list(struct buf *out, const struct event_value *v)
{
	uint32_t i;

	for (i = 0; i < v->count; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add(out, v->strs[i].text, v->strs[i].len);
	}
}

static bool
add_member(struct buf *out, const struct event_value *v, const char *key)
{
	uint32_t i;

	for (i = 0; i + 1 < v->count; i += 2) {
		if (strcmp(v->strs[i].text, key) != 0)
			continue;
		buf_add(out, v->strs[i + 1].text, v->strs[i + 1].len);
		return true;
	}
	return false;
}

bool
text_add_field(struct buf *out, const struct event *e,
    const struct sigma_field *f)
{
	const struct event_value *v = event_get(e, f->id);
	char text[IPADDR_TEXT], when[WALL_TEXT];
	uint32_t i;

	if (v == NULL)
		return false;
	switch (field_table[f->id].type) {
	case FIELD_TYPE_STR:
	case FIELD_TYPE_JSON:
		buf_add(out, v->str.text, v->str.len);
		return true;
	case FIELD_TYPE_STRS:
		add_list(out, v);
		return true;
	case FIELD_TYPE_MAP:
		if (f->key != NULL)
			return add_member(out, v, f->key);
		add_list(out, v);
		return true;
	case FIELD_TYPE_INT:
		buf_add_i64(out, v->num);
		return true;
	case FIELD_TYPE_DBL:
		buf_printf(out, "%.15g", v->dbl);
		return true;
	case FIELD_TYPE_BOOL:
		buf_add_str(out, v->flag ? "true" : "false");
		return true;
	case FIELD_TYPE_TIME:
		wall_format(v->time, when);
		buf_add_str(out, when);
		return true;
	case FIELD_TYPE_IP:
		buf_add_str(out, ipaddr_format(&v->ip, text));
		return true;
	case FIELD_TYPE_IPS:
		for (i = 0; i < v->count; i++) {
			buf_add_str(out, i == 0 ? "" : ",");
			buf_add_str(out, ipaddr_format(&v->ips[i], text));
		}
		return true;
	}
	return false;
}

bool
text_add(struct buf *out, const struct event *e, enum field_id id)
{
	struct sigma_field f = { .id = id };

	return text_add_field(out, e, &f);
}

void
text_add_cut(struct buf *out, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len <= max) {
		buf_add(out, text, len);
		return;
	}
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	buf_add(out, text, max);
	buf_add_str(out, "...");
}

void
text_add_bytes(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		buf_printf(out, "%lld byte%s", (long long)bytes,
		    bytes == 1 ? "" : "s");
		return;
	}
	for (; n >= 1023.95 && i < 3; i++)
		n /= 1024;
	buf_printf(out, "%.1f %s", n, units[i]);
}
