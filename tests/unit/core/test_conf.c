#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/core/conf.h"
#include "lib/mono.h"

struct capture {
	int64_t		 snaplen, ring_bytes;
	int		 promiscuous;
	bool		 loopback;
	struct conf_list exclude;
};
struct other {
	int64_t		 period, offset, any;
	char		*socket, *empty;
	struct conf_list paths;
};

static const char *const modes[] = { "auto", "on", "off", NULL };

static const struct conf_key capture_keys[] = {
	{ "capture", "promiscuous", CONF_ENUM,
	    offsetof(struct capture, promiscuous), "auto", 0, 0, modes,
	    "Whether interfaces listen to all. It may change traffic." },
	{ "capture", "snaplen", CONF_INT, offsetof(struct capture, snaplen),
	    "256", 64, 262144, NULL, "Bytes kept of each packet." },
	{ "capture", "ring_bytes", CONF_SIZE,
	    offsetof(struct capture, ring_bytes), "64MiB", 1 << 20,
	    INT64_C(4) << 30, NULL, "Size of the ring." },
	{ "capture", "container_loopback", CONF_BOOL,
	    offsetof(struct capture, loopback), "off", 0, 0, NULL,
	    "Loopback of containers as well." },
	{ "capture", "exclude", CONF_LIST, offsetof(struct capture, exclude),
	    "[]", 0, 0, NULL, "Addresses that are left out." }
};
static const struct conf_key other_keys[] = {
	{ "flows", "period", CONF_SPAN, offsetof(struct other, period), "10s",
	    MONO_S, 3600 * MONO_S, NULL, "Time between two reports." },
	{ "docker", "socket", CONF_STR, offsetof(struct other, socket),
	    "/run/docker.sock", 0, 0, NULL, "The \\ socket's path." },
	{ "flows", "offset", CONF_INT, offsetof(struct other, offset), "-1",
	    -5, INT64_MAX, NULL, ".Begins with a dot." },
	{ "docker", "empty", CONF_STR, offsetof(struct other, empty), "", 0,
	    0, NULL, "Empty." },
	{ "docker", "any", CONF_SIZE, offsetof(struct other, any), "0", 0, 0,
	    NULL, "Any size." },
	{ "rules", "paths", CONF_LIST, offsetof(struct other, paths),
	    "[/etc/a, \"b c\"]", 0, 0, NULL, "Where rules are." }
};

/* One load and what came of it. */
struct world {
	struct capture		 capture;
	struct other		 other;
	struct conf_part	 parts[2];
	struct conf		 conf;
	struct buf		 errors;
	char			 path[64];
};

static int
setup(void **state)
{
	static struct world w;
	int fd;

	memset(&w, 0, sizeof(w));
	w.parts[0] = (struct conf_part){ capture_keys,
	    UNIT_COUNT(capture_keys), &w.capture };
	w.parts[1] = (struct conf_part){ other_keys, UNIT_COUNT(other_keys),
	    &w.other };
	w.conf = (struct conf){ .parts = w.parts, .n_parts = 2 };
	buf_init(&w.errors, 0);
	snprintf(w.path, sizeof(w.path), "/tmp/tallyman-conf-XXXXXX");
	fd = mkstemp(w.path);
	assert_true(fd >= 0);
	close(fd);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	conf_fini(&w->conf);
	buf_fini(&w->errors);
	unlink(w->path);
	return 0;
}

static int
load(struct world *w, const char *text)
{
	FILE *f = fopen(w->path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	conf_fini(&w->conf);
	buf_reset(&w->errors);
	return conf_load(&w->conf, w->path, &w->errors);
}

static void
assert_loads(struct world *w, const char *text)
{
	int err = load(w, text);

	if (err != 0)
		fail_msg("%d: %s", err, buf_text(&w->errors));
	assert_string_equal(buf_text(&w->errors), "");
}

/* expected: the lines without the file's name, which stands before each. */
static void
assert_errors(struct world *w, const char *text, const char *expected)
{
	struct buf b;

	assert_int_equal(load(w, text), -EINVAL);
	buf_init(&b, 0);
	while (*expected != '\0') {
		size_t n = strcspn(expected, "\n") + 1;

		buf_printf(&b, "%s:%.*s", w->path, (int)n, expected);
		expected += n;
	}
	assert_string_equal(buf_text(&w->errors), buf_text(&b));
	buf_fini(&b);
}

static void
assert_presets(const struct world *w)
{
	assert_int_equal(w->capture.promiscuous, 0);
	assert_int_equal(w->capture.snaplen, 256);
	assert_int_equal(w->capture.ring_bytes, 67108864);
	assert_false(w->capture.loopback);
	assert_int_equal(w->capture.exclude.n, 0);
	assert_true(w->other.period == 10 * MONO_S);
	assert_int_equal(w->other.offset, -1);
	assert_int_equal(w->other.any, 0);
	assert_string_equal(w->other.socket, "/run/docker.sock");
	assert_string_equal(w->other.empty, "");
	assert_int_equal(w->other.paths.n, 2);
	assert_string_equal(w->other.paths.items[0], "/etc/a");
	assert_string_equal(w->other.paths.items[1], "b c");
	assert_int_equal(w->conf.n_outputs, 0);
}

static void
everything_has_a_preset(void **state)
{
	static const char *const nothing[] = { "", "# only this\n", "---\n",
	    "~\n", "capture:\nflows: ~\noutputs:\n", "capture: {}\n",
	    "outputs: []\n" };
	struct world *w = *state;

	assert_int_equal(conf_load(&w->conf, NULL, &w->errors), 0);
	assert_presets(w);
	for (size_t i = 0; i < UNIT_COUNT(nothing); i++) {
		assert_loads(w, nothing[i]);
		assert_presets(w);
	}
}

static void
the_file_is_read(void **state)
{
	struct world *w = *state;

	assert_loads(w, "capture:\n"
	    "  snaplen: 64   # the least\n"
	    "  ring_bytes: \"1 GiB\"\n"
	    "  promiscuous: off\n"
	    "  container_loopback: Yes\n"
	    "  exclude: [10.0.0.0/8, 'a, b']\n"
	    "docker: {socket: /x y, empty: \"\"}\n"
	    "flows:\n  period: 2m\n  offset: -5\n"
	    "rules:\n  paths:\n    - one\n    - \"\"\n");
	assert_int_equal(w->capture.snaplen, 64);
	assert_int_equal(w->capture.ring_bytes, 1 << 30);
	assert_int_equal(w->capture.promiscuous, 2);
	assert_true(w->capture.loopback);
	assert_int_equal(w->capture.exclude.n, 2);
	assert_string_equal(w->capture.exclude.items[1], "a, b");
	assert_string_equal(w->other.socket, "/x y");
	assert_true(w->other.period == 120 * MONO_S);
	assert_int_equal(w->other.offset, -5);
	assert_int_equal(w->other.paths.n, 2);
	assert_string_equal(w->other.paths.items[1], "");
	assert_loads(w, "rules: {paths: }\n");
	assert_int_equal(w->other.paths.n, 0);
}

static void
units_are_known(void **state)
{
	static const struct { const char *text; int64_t bytes; } sizes[] = {
		{ "0", 0 }, { "4096", 4096 }, { "7B", 7 }, { "1KiB", 1024 },
		{ "10MB", 10000000 }, { "3kB", 3000 }, { "3KB", 3000 },
		{ "2MiB", 2097152 }, { "5GB", 5000000000 },
		{ "1GiB", 1073741824 }, { "2TiB", 2199023255552 },
		{ "1TB", 1000000000000 }, { "9223372036854775807", INT64_MAX }
	};
	static const struct { const char *text; int64_t ns; } spans[] = {
		{ "1000ms", MONO_S }, { "1s", MONO_S }, { "60m", 3600 * MONO_S },
		{ "1h", 3600 * MONO_S }, { "1500000us", 1500 * MONO_MS },
		{ "2000000000ns", 2 * MONO_S }, { "30 s", 30 * MONO_S }
	};
	struct world *w = *state;
	char text[100];

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		snprintf(text, sizeof(text), "docker: {any: %s}",
		    sizes[i].text);
		assert_loads(w, text);
		assert_true(w->other.any == sizes[i].bytes);
	}
	for (size_t i = 0; i < UNIT_COUNT(spans); i++) {
		snprintf(text, sizeof(text), "flows: {period: %s}",
		    spans[i].text);
		assert_loads(w, text);
		assert_true(w->other.period == spans[i].ns);
	}
}

static void
outputs_are_a_list(void **state)
{
	struct world *w = *state;
	const struct conf_entry *e;

	assert_loads(w, "outputs:\n"
	    "  - type: file\n    name: one\n    path: /x\n"
	    "  - {type: syslog, name: \"t w o\"}\n");
	assert_int_equal(w->conf.n_outputs, 2);
	e = &w->conf.outputs[0];
	assert_int_equal(e->n, 3);
	assert_int_equal(e->line, 2);
	assert_int_equal(e->column, 5);
	assert_string_equal(e->pairs[2].key, "path");
	assert_int_equal(e->pairs[2].line, 4);
	assert_int_equal(e->pairs[2].column, 11);
	assert_string_equal(conf_entry_get(e, "type"), "file");
	assert_string_equal(conf_entry_get(&w->conf.outputs[1], "name"),
	    "t w o");
	assert_null(conf_entry_get(e, "nam"));
	assert_loads(w, "outputs:\n- type: file\n  datasets: [alert, flow]\n");
	assert_string_equal(conf_entry_get(&w->conf.outputs[0], "datasets"),
	    "alert flow");
}

static void
unknown_names_are_answered(void **state)
{
	struct world *w = *state;

	assert_errors(w, "capture:\n  snaplem: 5\n",
	    "2:3: unknown key \"snaplem\" in section capture, "
	    "did you mean capture.snaplen?\n");
	assert_errors(w, "capture:\n  sanplen: 5\n",
	    "2:3: unknown key \"sanplen\" in section capture, "
	    "did you mean capture.snaplen?\n");
	assert_errors(w, "capture:\n  period: 5s\n",
	    "2:3: unknown key \"period\" in section capture, "
	    "did you mean flows.period?\n");
	assert_errors(w, "docker: {zzz: 1}\n",
	    "1:10: unknown key \"zzz\" in section docker; "
	    "docker knows socket, empty, any\n");
	assert_errors(w, "captur:\n  snaplen: 5\n",
	    "1:1: unknown section \"captur\", did you mean capture?\n");
	assert_errors(w, "output: []\n",
	    "1:1: unknown section \"output\", did you mean outputs?\n");
	assert_errors(w, "snaplen: 5\n",
	    "1:1: unknown section \"snaplen\", "
	    "did you mean capture.snaplen?\n");
	assert_errors(w, "{ x\x01y: 5 }\n", "1:4: not YAML: "
	    "control characters are not allowed\n");
	assert_errors(w, "\"x\\ty\": 5\n",
	    "1:1: unknown section \"x\\x09y\"; "
	    "known are capture, flows, docker, rules, outputs\n");
	assert_errors(w, "? a_name_that_is_longer_than_any_name_that_is_known_"
	    "here_by_far\n: 1\n",
	    "1:3: unknown section \"a_name_that_is_longer_than_any_name_that_"
	    "is_known_here_by_fa\"; "
	    "known are capture, flows, docker, rules, outputs\n");
}

static void
wrong_values_are_answered(void **state)
{
	struct world *w = *state;

	assert_errors(w, "capture:\n  snaplen: 63\n",
	    "2:12: capture.snaplen: expected a whole number from 64 to "
	    "262144, not \"63\"\n");
	assert_errors(w, "capture: {snaplen: 262145}",
	    "1:20: capture.snaplen: expected a whole number from 64 to "
	    "262144, not \"262145\"\n");
	assert_errors(w, "capture: {snaplen: 1e3}",
	    "1:20: capture.snaplen: expected a whole number from 64 to "
	    "262144, not \"1e3\"\n");
	assert_errors(w, "capture: {snaplen: 99999999999999999999}",
	    "1:20: capture.snaplen: expected a whole number from 64 to "
	    "262144, not \"99999999999999999999\"\n");
	assert_errors(w, "capture: {ring_bytes: 1mb}",
	    "1:23: capture.ring_bytes: expected a size from 1MiB to 4GiB "
	    "such as 64MiB, not \"1mb\"\n");
	assert_errors(w, "capture: {ring_bytes: 9000000TiB}",
	    "1:23: capture.ring_bytes: expected a size from 1MiB to 4GiB "
	    "such as 64MiB, not \"9000000TiB\"\n");
	assert_errors(w, "docker: {any: -1}",
	    "1:15: docker.any: expected a size such as 0, not \"-1\"\n");
	assert_errors(w, "flows:\n  period: 10\n  offset: -6\n",
	    "2:11: flows.period: expected a time span from 1s to 1h such as "
	    "10s, not \"10\"\n"
	    "3:11: flows.offset: expected a whole number of at least -5, "
	    "not \"-6\"\n");
	assert_errors(w, "capture:\n  promiscuous: Auto\n",
	    "2:16: capture.promiscuous: expected one of auto, on, off, "
	    "not \"Auto\"\n");
	assert_errors(w, "capture: {container_loopback: 1}",
	    "1:31: capture.container_loopback: expected true or false, "
	    "not \"1\"\n");
	assert_errors(w, "capture:\n  snaplen:\n  container_loopback: ~\n",
	    "2:11: capture.snaplen: expected a whole number from 64 to "
	    "262144, not nothing\n"
	    "3:23: capture.container_loopback: expected true or false, "
	    "not nothing\n");
	assert_errors(w, "docker: {socket: [a], empty: {b: c}}\n",
	    "1:18: docker.socket: expected text, not a list\n"
	    "1:30: docker.empty: expected text, not a mapping\n");
	assert_errors(w, "docker: {socket: }\n",
	    "1:18: docker.socket: expected text, not nothing\n");
	/* What was wrong keeps its preset. */
	assert_string_equal(w->other.socket, "/run/docker.sock");
}

static void
wrong_kinds_are_answered(void **state)
{
	struct world *w = *state;

	assert_errors(w, "- a\n- b\n",
	    "1:1: expected a mapping of sections, not a list\n");
	assert_errors(w, "just text\n",
	    "1:1: expected a mapping of sections, not \"just text\"\n");
	assert_errors(w, "capture: 5\ndocker: [a]\n",
	    "1:10: capture: expected a mapping of keys to values, not \"5\"\n"
	    "2:9: docker: expected a mapping of keys to values, not a list\n");
	assert_errors(w, "capture:\n  exclude: 10.0.0.0/8\n",
	    "2:12: capture.exclude: expected a list, not \"10.0.0.0/8\"\n");
	assert_errors(w, "capture:\n  exclude: {a: b}\n",
	    "2:12: capture.exclude: expected a list, not a mapping\n");
	assert_errors(w, "capture:\n  exclude:\n  - a\n  - [b]\n  -\n",
	    "4:5: exclude: expected a list of texts, not a list\n"
	    "5:4: exclude: expected a list of texts, not nothing\n");
	assert_errors(w, "outputs: {type: file}\n",
	    "1:10: outputs: expected a list of mappings, not a mapping\n");
	assert_errors(w, "outputs:\n- file\n- type: a\n  x: [[1]]\n  y:\n",
	    "2:3: outputs: expected a mapping, not \"file\"\n"
	    "4:6: outputs: expected a value for \"x\", not a list\n"
	    "5:5: outputs: expected a value for \"y\", not nothing\n");
	assert_errors(w, "{[a]: b}\n",
	    "1:2: expected a name, not a list or mapping\n");
}

static void
repetitions_are_answered(void **state)
{
	struct world *w = *state;

	assert_errors(w, "flows: {period: 2s}\ncapture:\n  snaplen: 100\n"
	    "  snaplen: 200\nflows: {period: 3s}\noutputs:\n- type: a\n"
	    "  type: b\n",
	    "4:3: \"snaplen\" is given twice, first in line 3\n"
	    "5:1: \"flows\" is given twice, first in line 1\n"
	    "8:3: \"type\" is given twice, first in line 7\n");
	assert_int_equal(w->capture.snaplen, 100);
	assert_true(w->other.period == 2 * MONO_S);
}

static void
yaml_that_is_more_is_refused(void **state)
{
	struct world *w = *state;

	assert_errors(w, "docker:\n  socket: &x /a\n  empty: *x\n",
	    "2:11: anchors (&...) are not supported\n"
	    "3:10: aliases (*...) are not supported\n");
	assert_errors(w, "docker:\n  socket: !!str a\ncapture: !x {}\n",
	    "2:11: tags (!...) are not supported\n"
	    "3:10: tags (!...) are not supported\n");
	assert_errors(w, "docker: &a {}\nrules: {paths: &b []}\n",
	    "1:9: anchors (&...) are not supported\n"
	    "2:16: anchors (&...) are not supported\n");
	assert_errors(w, "docker: {}\n---\nflows: {}\n",
	    "2:1: expected one document, here begins another\n");
	assert_errors(w, "docker: {socket: \"a\\0b\"}\n",
	    "1:18: a text may not hold a NUL\n");
	assert_errors(w, "a: [[[[[[[[[1]]]]]]]]]\n",
	    "1:11: nested too deeply\n");
}

static void
bad_yaml_is_refused(void **state)
{
	struct world *w = *state;

	assert_errors(w, "docker: [a\nflows: b\n", "2:6: not YAML: did not "
	    "find expected ',' or ']' while parsing a flow sequence\n");
	assert_errors(w, "docker:\n\tsocket: a\n", "2:1: not YAML: found "
	    "character that cannot start any token while scanning for the "
	    "next token\n");
	assert_errors(w, "docker:\n  socket: a\n socket: b\n", "3:2: not YAML: "
	    "did not find expected key while parsing a block mapping\n");
	assert_errors(w, "docker:\n  socket: \"abc\n", "3:1: not YAML: found "
	    "unexpected end of stream while scanning a quoted scalar\n");
	assert_errors(w, "docker:\n  socket: a\xff\n",
	    "2:12: not YAML: invalid leading UTF-8 octet\n");
}

static void
all_errors_are_said(void **state)
{
	struct world *w = *state;

	assert_errors(w, "captur: {}\ncapture:\n  snaplen: x\n  foo: 1\n"
	    "flows: {period: 1}\n",
	    "1:1: unknown section \"captur\", did you mean capture?\n"
	    "3:12: capture.snaplen: expected a whole number from 64 to "
	    "262144, not \"x\"\n"
	    "4:3: unknown key \"foo\" in section capture; capture knows "
	    "promiscuous, snaplen, ring_bytes, container_loopback, exclude\n"
	    "5:17: flows.period: expected a time span from 1s to 1h such as "
	    "10s, not \"1\"\n");
}

static void
the_environment_wins(void **state)
{
	struct world *w = *state;

	setenv("TALLYMAN_CAPTURE_SNAPLEN", "500", 1);
	setenv("TALLYMAN_CAPTURE_EXCLUDE", " a , b c,,d ", 1);
	setenv("TALLYMAN_DOCKER_SOCKET", "", 1);
	setenv("TALLYMAN_SOMETHING_ELSE", "x", 1);
	assert_loads(w, "capture:\n  snaplen: 300\n  exclude: [z]\n");
	assert_int_equal(w->capture.snaplen, 500);
	assert_int_equal(w->capture.exclude.n, 3);
	assert_string_equal(w->capture.exclude.items[0], "a");
	assert_string_equal(w->capture.exclude.items[1], "b c");
	assert_string_equal(w->capture.exclude.items[2], "d");
	assert_string_equal(w->other.socket, "");
	setenv("TALLYMAN_CAPTURE_SNAPLEN", "5", 1);
	setenv("TALLYMAN_CAPTURE_EXCLUDE", "", 1);
	assert_int_equal(load(w, "capture: {snaplen: 300}"), -EINVAL);
	assert_string_equal(buf_text(&w->errors),
	    "environment: TALLYMAN_CAPTURE_SNAPLEN: expected a whole number "
	    "from 64 to 262144, not \"5\"\n");
	assert_int_equal(w->capture.exclude.n, 0);
	unsetenv("TALLYMAN_CAPTURE_SNAPLEN");
	unsetenv("TALLYMAN_CAPTURE_EXCLUDE");
	unsetenv("TALLYMAN_DOCKER_SOCKET");
	unsetenv("TALLYMAN_SOMETHING_ELSE");
}

static void
a_file_that_cannot_be_read(void **state)
{
	struct world *w = *state;
	FILE *f;

	assert_int_equal(conf_load(&w->conf, "/nonexistent/x", &w->errors),
	    -ENOENT);
	assert_string_equal(buf_text(&w->errors),
	    "/nonexistent/x: cannot be read: No such file or directory\n");
	assert_presets(w);
	conf_fini(&w->conf);
	buf_reset(&w->errors);
	assert_int_equal(conf_load(&w->conf, "/", &w->errors), -EISDIR);
	conf_fini(&w->conf);
	f = fopen(w->path, "w");
	for (int i = 0; i < 1024 * 1024 + 1; i++)
		fputc('#', f);
	fclose(f);
	assert_int_equal(conf_load(&w->conf, w->path, &w->errors), -EFBIG);
}

/* The default file is right as it is and with every key uncommented. */
static void
the_default_file_says_the_presets(void **state)
{
	struct world *w = *state;
	struct buf b;
	char *line, *end;
	size_t keys = 0;

	assert_int_equal(conf_load(&w->conf, NULL, &w->errors), 0);
	buf_init(&b, 0);
	conf_write_default(&w->conf, &b);
	for (line = b.data; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert_in_range(end - line, 0, 79);
	}
	assert_loads(w, buf_text(&b));
	assert_presets(w);
	memset(&w->capture, 0xff, sizeof(w->capture));
	for (line = b.data; (line = strstr(line, "\n  #")) != NULL; line++)
		if (line[4] != ' ') {
			line[3] = ' ';
			keys++;
		}
	assert_int_equal(keys, UNIT_COUNT(capture_keys) +
	    UNIT_COUNT(other_keys));
	/* Now one blank too far in; every key alike. */
	assert_loads(w, buf_text(&b));
	assert_presets(w);
	assert_non_null(strstr(buf_text(&b),
	    "  # Value: a size from 1MiB to 4GiB such as 64MiB.\n"));
	/* A section that two parts share or that comes back is there once. */
	line = strstr(b.data, "\nflows:\n");
	assert_non_null(line);
	assert_null(strstr(line + 1, "\nflows:\n"));
	buf_fini(&b);
}

static void
the_manual_lists_every_key(void **state)
{
	struct world *w = *state;
	const char *text;
	struct buf b;

	assert_int_equal(conf_load(&w->conf, NULL, &w->errors), 0);
	buf_init(&b, 0);
	conf_write_mdoc(&w->conf, &b);
	text = buf_text(&b);
	assert_memory_equal(text, ".Ss capture\n.Bl -tag -width 4n\n"
	    ".It Cm promiscuous\nWhether interfaces listen to all.\n"
	    "It may change traffic.\n", 95);
	assert_non_null(strstr(text, "The \\e socket's path.\n"));
	assert_non_null(strstr(text, "\\&.Begins with a dot.\n"));
	assert_non_null(strstr(text, "[/etc/a, \\(dqb c\\(dq]"));
	for (size_t i = 0; i < UNIT_COUNT(capture_keys); i++)
		assert_non_null(strstr(text, capture_keys[i].name));
	for (size_t i = 0; i < UNIT_COUNT(other_keys); i++)
		assert_non_null(strstr(text, other_keys[i].name));
	buf_fini(&b);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const char *
difference(struct world *w, const char *before, const char *after,
    const char *except)
{
	static char text[256];
	struct world old = *w;
	struct buf names;

	/* The old one keeps its memory; the parts are its own. */
	old.parts[0].values = &old.capture;
	old.parts[1].values = &old.other;
	old.conf = (struct conf){ .parts = old.parts, .n_parts = 2 };
	assert_int_equal(load(w, before), 0);
	assert_int_equal(conf_load(&old.conf, w->path, &old.errors), 0);
	assert_loads(w, after);
	buf_init(&names, 0);
	conf_diff(&old.conf, &w->conf, except, &names);
	snprintf(text, sizeof(text), "%s", buf_text(&names));
	buf_fini(&names);
	conf_fini(&old.conf);
	return text;
}

static void
differences_are_named(void **state)
{
	struct world *w = *state;

	assert_string_equal(difference(w, "", "", ""), "");
	assert_string_equal(difference(w, "capture:\n  snaplen: 256\n", "",
	    ""), "");
	assert_string_equal(difference(w, "", "capture:\n  snaplen: 128\n"
	    "  promiscuous: on\n  container_loopback: on\n"
	    "  exclude: [10.0.0.1]\nflows:\n  period: 5s\n"
	    "docker:\n  socket: /x\n  any: 1\n", ""),
	    "capture.promiscuous, capture.snaplen, "
	    "capture.container_loopback, capture.exclude, flows.period, "
	    "docker.socket, docker.any");
	assert_string_equal(difference(w, "rules:\n  paths: [/a]\n",
	    "rules:\n  paths: [/b]\ndocker:\n  empty: y\n", "rules"),
	    "docker.empty");
	assert_string_equal(difference(w, "rules:\n  paths: [/a]\n",
	    "rules:\n  paths: [/b]\n", ""), "rules.paths");
	/* Outputs: another one, another value, another key, another order. */
	assert_string_equal(difference(w, "",
	    "outputs:\n  - type: file\n    path: x\n", ""), "outputs");
	assert_string_equal(difference(w, "outputs:\n  - type: file\n"
	    "    path: x\n", "outputs:\n  - type: file\n    path: y\n", ""),
	    "outputs");
	assert_string_equal(difference(w, "outputs:\n  - type: file\n"
	    "    path: x\n", "outputs:\n  - type: file\n    name: x\n", ""),
	    "outputs");
	assert_string_equal(difference(w, "outputs:\n  - type: file\n"
	    "    path: x\n", "outputs: [{type: file, path: x}]\n", ""), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_has_a_preset),
		TEST(the_file_is_read),
		TEST(units_are_known),
		TEST(outputs_are_a_list),
		TEST(unknown_names_are_answered),
		TEST(wrong_values_are_answered),
		TEST(wrong_kinds_are_answered),
		TEST(repetitions_are_answered),
		TEST(yaml_that_is_more_is_refused),
		TEST(bad_yaml_is_refused),
		TEST(all_errors_are_said),
		TEST(the_environment_wins),
		TEST(a_file_that_cannot_be_read),
		TEST(the_default_file_says_the_presets),
		TEST(the_manual_lists_every_key),
		TEST(differences_are_named)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
