/*
 * conf: the configuration file. Each module declares its keys in a table;
 * from the tables come parsing, errors, the manual page and the commented
 * default file.
 *
 * The file is one YAML mapping of sections to keys ("capture: snaplen: 256").
 * Every key is optional. Errors carry file:line:column and what was expected;
 * all of them are reported, not only the first. TALLYMAN_<SECTION>_<KEY> in
 * the environment overrides the file.
 *
 * Threads: loop thread. Source of the grammar: YAML 1.1 as libyaml reads it;
 * aliases, tags and several documents are refused.
 */
#ifndef AGENT_CORE_CONF_H
#define AGENT_CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum conf_type {
	CONF_BOOL,	/* bool: true/false, on/off, yes/no */
	CONF_INT,	/* int64_t */
	CONF_SIZE,	/* int64_t bytes: 64MiB, 10MB, 4096 */
	CONF_SPAN,	/* int64_t nanoseconds: 500ms, 10s, 5m, 72h, 365d */
	CONF_STR,	/* char *, owned by the conf */
	CONF_ENUM,	/* int: index into choices */
	CONF_LIST	/* struct conf_list, owned by the conf */
};

struct conf_list {
	size_t	  n;
	char	**items;
};

struct conf_key {
	const char	*section;	/* "capture" */
	const char	*name;		/* "snaplen" */
	enum conf_type	 type;
	size_t		 offset;	/* of the member in the module's struct */
	const char	*preset;	/* default, written as in the file */
	int64_t		 min, max;	/* INT, SIZE, SPAN; both 0: any >= 0 */
	const char *const *choices;	/* ENUM: NULL terminated */
	const char	*help;		/* one or two sentences */
};

/* A module's part: its table and the struct that the values go into. */
struct conf_part {
	const struct conf_key	*keys;
	size_t			 n_keys;
	void			*values;	/* filled with the presets first */
};

/* One entry of a list of mappings ("outputs"). Values are texts; a list of
 * texts comes as one, with blanks between. */
struct conf_pair { char *key, *value; unsigned line, column; };
struct conf_entry {
	struct conf_pair *pairs;
	size_t		  n;
	unsigned	  line, column;
};
/* The value of a key in an entry, or NULL. */
const char *conf_entry_get(const struct conf_entry *, const char *key);

struct conf {
	struct conf_part	*parts;		/* given by the caller */
	size_t			 n_parts;
	struct conf_entry	*outputs;	/* the list under "outputs" */
	size_t			 n_outputs;
	void			*memory;	/* what values point into */
};

/*
 * Fills every part with its presets, then the file, then the environment.
 * path NULL: presets and environment only. Appends one line per error to
 * errors ("FILE:LINE:COLUMN: text"). Returns 0, -EINVAL (errors in the text),
 * -ENOENT or another errno of reading the file (said in errors too).
 * conf_fini frees in every case.
 */
int conf_load(struct conf *, const char *path, struct buf *errors);
void conf_fini(struct conf *);

/*
 * Appends the names of the keys whose values differ, "store.max_age, outputs";
 * those of the section `except` ("" none) are left out. Both have the same
 * parts.
 */
void conf_diff(const struct conf *, const struct conf *, const char *except,
    struct buf *names);

/* A commented default file, and the mdoc list for tallyman.yaml(5). */
void conf_write_default(const struct conf *, struct buf *out);
void conf_write_mdoc(const struct conf *, struct buf *out);
/* Text for mdoc: a new sentence begins a new line, nothing is a macro. */
void conf_write_mdoc_text(struct buf *, const char *text);

#endif
