/*
 * Any bytes as the configuration file: it is read without a word, or each
 * error is one line that begins with the place.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct values {
	int64_t		 number, size, span;
	int		 mode;
	bool		 flag;
	char		*text;
	struct conf_list list;
};

static const char *const modes[] = { "auto", "on", "off", NULL };

static const struct conf_key keys[] = {
	{ "capture", "snaplen", CONF_INT, offsetof(struct values, number),
	    "256", 64, 262144, NULL, "A number." },
	{ "capture", "ring_bytes", CONF_SIZE, offsetof(struct values, size),
	    "64MiB", 1 << 20, INT64_MAX, NULL, "A size." },
	{ "flows", "period", CONF_SPAN, offsetof(struct values, span), "10s",
	    0, 0, NULL, "A span." },
	{ "capture", "promiscuous", CONF_ENUM, offsetof(struct values, mode),
	    "auto", 0, 0, modes, "A choice." },
	{ "audit", "lock", CONF_BOOL, offsetof(struct values, flag), "no", 0,
	    0, NULL, "A flag." },
	{ "docker", "socket", CONF_STR, offsetof(struct values, text), "/x",
	    0, 0, NULL, "A text." },
	{ "rules", "paths", CONF_LIST, offsetof(struct values, list),
	    "[a, b]", 0, 0, NULL, "A list." }
};

static void
check_values(const struct values *v)
{
	if (v->number < 64 || v->number > 262144 || v->size < 1 << 20 ||
	    v->span < 0 || v->mode < 0 || v->mode > 2 || v->text == NULL)
		abort();
	for (size_t i = 0; i < v->list.n; i++)
		if (v->list.items[i] == NULL)
			abort();
}

static void
check_lines(const char *text, const char *path)
{
	for (; *text != '\0'; text = strchr(text, '\n') + 1)
		if (strncmp(text, path, strlen(path)) != 0 ||
		    text[strlen(path)] != ':' || strchr(text, '\n') == NULL)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);
	struct values v;
	struct conf_part part = { keys, sizeof(keys) / sizeof(keys[0]), &v };
	struct conf c = { .parts = &part, .n_parts = 1 };
	struct buf errors;
	char path[32];
	int err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	buf_init(&errors, 16 * 1024 * 1024);
	err = conf_load(&c, path, &errors);
	if ((err == 0) != (errors.len == 0))
		abort();
	check_values(&v);
	check_lines(buf_text(&errors), path);
	for (size_t i = 0; i < c.n_outputs; i++)
		for (size_t j = 0; j < c.outputs[i].n; j++)
			if (conf_entry_get(&c.outputs[i],
			    c.outputs[i].pairs[j].key) == NULL)
				abort();
	conf_fini(&c);
	buf_fini(&errors);
	close(fd);
	return 0;
}
