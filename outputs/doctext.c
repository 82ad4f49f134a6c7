#include "outputs/doctext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "outputs/termtext.h"

const char *
doctext_str(const struct json *doc, const char *path, size_t *len)
{
	const struct json *node = json_get(doc, path);

	if (json_typeof(node) == JSON_ARRAY)
		node = json_at(node, 0);
	return json_str(node, len);
}

bool
doctext_add(struct buf *out, const struct json *doc, const char *path)
{
	size_t len = 0;
	const char *s = doctext_str(doc, path, &len);

	if (len == 0)
		return false;
	(void)termtext_add(out, s, len);
	return true;
}

bool
doctext_wall(const struct json *doc, const char *path, struct wall *out)
{
	static const struct wall none;
	const char *s = json_str(json_get(doc, path), NULL);

	return s != NULL && s[0] != '\0' && wall_parse(s, none, out) == 0;
}

void
doctext_add_time(struct buf *out, struct wall when)
{
	time_t t = when.ns / MONO_S;
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		buf_add_str(out, text);
}

/* What the text does not say. */
enum missing { NOTHING, YEAR, DAY };

static bool
read_fraction(const char *p, int64_t *ns)
{
	int64_t unit = MONO_S / 10;

	*ns = 0;
	if (*p == '\0')
		return true;
	if (*p++ != '.' || *p == '\0')
		return false;
	for (; *p >= '0' && *p <= '9' && unit > 0; p++, unit /= 10)
		*ns += (*p - '0') * unit;
	return *p == '\0';
}

/* The moment, moved back by a year or a day when it has not come yet. */
static int
to_wall(struct tm *tm, enum missing missing, int64_t ns, struct wall now,
    struct wall *out)
{
	struct tm copy = *tm;
	time_t t = mktime(&copy);

	if (t != -1 && t > now.ns / MONO_S && missing != NOTHING) {
		copy = *tm;
		copy.tm_year -= missing == YEAR;
		copy.tm_mday -= missing == DAY;
		t = mktime(&copy);
	}
	if (t <= 0 || t > INT64_MAX / MONO_S - 1)
		return -EINVAL;
	out->ns = t * MONO_S + ns;
	return 0;
}

int
doctext_parse_time(const char *text, struct wall now, struct wall *out)
{
	static const struct {
		const char	*form;
		enum missing	 missing;
		bool		 seconds;
	} forms[] = {
		{ "%Y-%m-%d %H:%M:%S", NOTHING, true },
		{ "%Y-%m-%dT%H:%M:%S", NOTHING, true },
		{ "%Y-%m-%d %H:%M", NOTHING, false },
		{ "%Y-%m-%dT%H:%M", NOTHING, false },
		{ "%Y-%m-%d", NOTHING, false },
		{ "%m-%d %H:%M:%S", YEAR, true },
		{ "%m-%d %H:%M", YEAR, false },
		{ "%H:%M:%S", DAY, true },
		{ "%H:%M", DAY, false },
	};
	time_t t = now.ns / MONO_S;
	const char *rest;
	struct tm tm;
	int64_t ns;
	size_t i;

	if (wall_parse(text, now, out) == 0)
		return 0;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (localtime_r(&t, &tm) == NULL)
			return -EINVAL;
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		rest = strptime(text, forms[i].form, &tm);
		ns = 0;
		if (rest == NULL || (*rest != '\0' &&
		    (!forms[i].seconds || !read_fraction(rest, &ns))))
			continue;
		tm.tm_isdst = -1;
		return to_wall(&tm, forms[i].missing, ns, now, out);
	}
	return -EINVAL;
}

void
doctext_add_clock(struct buf *out, struct wall when)
{
	time_t t = when.ns / MONO_S;
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		buf_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min,
		    tm.tm_sec, (int)(when.ns % MONO_S / MONO_MS));
}

bool
doctext_add_id(struct buf *out, const struct json *doc, const char *path)
{
	size_t len = 0;
	const char *s = doctext_str(doc, path, &len);

	if (len == 0)
		return false;
	(void)termtext_add(out, s, len < 12 ? len : 12);
	return true;
}

bool
doctext_add_end(struct buf *out, const struct json *doc, const char *end)
{
	const char *ip;
	char path[64];
	int64_t port;
	size_t len;
	bool v6;

	snprintf(path, sizeof(path), "%s.port", end);
	port = json_int(json_get(doc, path));
	snprintf(path, sizeof(path), "%s.ip", end);
	ip = json_str(json_get(doc, path), &len);
	if (len == 0) {
		snprintf(path, sizeof(path), "%s.address", end);
		ip = json_str(json_get(doc, path), &len);
	}
	if (len == 0)
		return false;
	v6 = port > 0 && memchr(ip, ':', len) != NULL;
	if (v6)
		buf_add_char(out, '[');
	(void)termtext_add(out, ip, len);
	if (v6)
		buf_add_char(out, ']');
	if (port > 0)
		buf_printf(out, ":%lld", (long long)port);
	return true;
}

bool
doctext_owner_answers(const struct json *doc)
{
	const char *owner, *from, *to;

	owner = json_str(json_get(doc, "container.id"), NULL);
	from = json_str(json_get(doc, "tallyman.source.container.id"), NULL);
	to = json_str(json_get(doc, "tallyman.destination.container.id"),
	    NULL);
	return owner[0] != '\0' && strcmp(owner, from) != 0 &&
	    strcmp(owner, to) == 0;
}

static void
add_word(struct buf *out, const char *before, const char *text, size_t len)
{
	if (len == 0)
		return;
	if (out->len > 0)
		buf_add_char(out, ' ');
	buf_add_str(out, before);
	(void)termtext_add(out, text, len);
}

static void
add_words(struct buf *out, const char *before, const struct json *all)
{
	const char *text;
	size_t i, len;

	for (i = 0; i < json_count(all); i++) {
		text = json_str(json_at(all, i), &len);
		add_word(out, before, text, len);
	}
}

void
doctext_add_privileges(struct buf *out, const struct json *doc)
{
	static const char *const modes[][2] = {
		{ "network:", "network_mode" }, { "pid:", "pid_mode" },
		{ "userns:", "userns_mode" },
	};
	const struct json *docker = json_get(doc, "tallyman.docker");
	const struct json *all = json_get(doc,
	    "container.security_context.privileged");
	const char *mode;
	size_t i, len;

	if (all == NULL)
		add_word(out, "", "?", 1);
	else if (json_bool(all))
		add_word(out, "", "privileged", 10);
	add_words(out, "+", json_member(docker, "cap_add"));
	add_words(out, "-", json_member(docker, "cap_drop"));
	for (i = 0; i < 3; i++) {
		mode = json_str(json_member(docker, modes[i][1]), &len);
		if (strcmp(mode, "host") == 0 ||
		    strncmp(mode, "container:", 10) == 0)
			add_word(out, modes[i][0], mode, len < 22 ? len : 22);
	}
}

void
doctext_add_bytes(struct buf *out, int64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	buf_printf(out, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
}

void
doctext_add_span(struct buf *out, int64_t ns)
{
	int64_t s = ns / MONO_S;

	if (s < 1)
		buf_printf(out, "%lldms", (long long)(ns / MONO_MS));
	else if (s < 60)
		buf_printf(out, "%.1fs", (double)ns / (double)MONO_S);
	else if (s < 3600)
		buf_printf(out, "%lldm%02llds", (long long)s / 60,
		    (long long)s % 60);
	else if (s < 48 * 3600)
		buf_printf(out, "%lldh%02lldm", (long long)s / 3600,
		    (long long)s / 60 % 60);
	else
		buf_printf(out, "%lldd%02lldh", (long long)s / 86400,
		    (long long)s / 3600 % 24);
}
