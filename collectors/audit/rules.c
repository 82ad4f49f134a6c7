/*
 * libaudit turns "field=value" into a condition; names of system calls and
 * keys are put in here, because libaudit takes the architecture of the last
 * rule for the next one and wants keys after system calls.
 */
#include "collectors/audit/rules.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libaudit.h>

#include "collectors/audit/rules_table.h"

#define LINE_MAX_BYTES	4096
#define WATCHES_MAX	256	/* rules made from audit.watch */
#define KEY_SEPARATOR	"\x01"

/* A rule on its way. */
struct draft {
	struct audit_rule_data	*rule;
	unsigned		 list;
	int			 machine;	/* of the system calls */
	bool			 has_calls, any_name, left_out;
	bool			 has_list, is_watch;
	const char		*perms;		/* of -w */
	char			 key[AUDIT_MAX_KEY_LEN + 1];
	char			*why;
	size_t			 why_size;
};

static int
fail(struct draft *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(struct draft *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(d->why, d->why_size, fmt, args);
	va_end(args);
	return -EINVAL;
}

void
audit_rules_free_one(struct audit_rule_data *r)
{
	free(r);
}

/* Calls. */

static int
set_call(struct draft *d, const char *name)
{
	int number;

	if (strcmp(name, "all") == 0) {
		memset(d->rule->mask, 0xff, sizeof(d->rule->mask));
		d->has_calls = true;
		return 0;
	}
	if (d->list == AUDIT_FILTER_URING_EXIT)
		number = audit_rules_uring_op(name);
	else
		number = audit_name_to_syscall(name, d->machine);
	if (number < 0 && name[strspn(name, "0123456789")] == '\0')
		number = (int)(strtoul(name, NULL, 10) & INT_MAX);
	if (number < 0 && d->any_name) {
		d->left_out = true;
		return 0;
	}
	if (number < 0)
		return fail(d, "no system call is named %s", name);
	if (number / 32 >= AUDIT_BITMASK_SIZE)
		return fail(d, "system call %s is out of range", name);
	d->rule->mask[number / 32] |= UINT32_C(1) << (number % 32);
	d->has_calls = true;
	return 0;
}

static int
set_calls(struct draft *d, const char *names)
{
	char copy[LINE_MAX_BYTES], *save, *name;
	int error = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (name = strtok_r(copy, ",", &save); name != NULL && error == 0;
	    name = strtok_r(NULL, ",", &save))
		error = set_call(d, name);
	return error;
}

/* Conditions. */

static int
add_field(struct draft *d, uint32_t field, uint32_t op, uint32_t value)
{
	struct audit_rule_data *r = d->rule;

	if (r->field_count >= AUDIT_MAX_FIELDS)
		return fail(d, "more than %d conditions", AUDIT_MAX_FIELDS);
	r->fields[r->field_count] = field;
	r->fieldflags[r->field_count] = op;
	r->values[r->field_count] = value;
	r->field_count++;
	return 0;
}

static int
set_arch(struct draft *d, const char *name)
{
	int machine = audit_determine_machine(name);
	unsigned elf;

	if (machine < 0)
		return fail(d, "this machine has no architecture %s", name);
	elf = audit_machine_to_elf(machine);
	if (elf == 0)
		return fail(d, "the kernel has no number for %s", name);
	d->machine = machine;
	return add_field(d, AUDIT_ARCH, AUDIT_EQUAL, elf);
}

/* Older libaudits know the equals sign only. */
static int
set_family(struct draft *d, const char *text)
{
	static const struct { const char *sign; uint32_t op; } ops[] = {
		{ ">=", AUDIT_GREATER_THAN_OR_EQUAL },
		{ "!=", AUDIT_NOT_EQUAL }, { "=", AUDIT_EQUAL },
	};
	char *end;
	unsigned long v;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t n = strlen(ops[i].sign);

		if (strncmp(text, ops[i].sign, n) != 0)
			continue;
		v = strtoul(text + n, &end, 10);
		if (end == text + n || *end != '\0' || v > 255)
			break;
		return add_field(d, AUDIT_SADDR_FAM, ops[i].op, (uint32_t)v);
	}
	return fail(d, "saddr_fam%s: not a condition", text);
}

static int
set_condition(struct draft *d, const char *text)
{
	char copy[LINE_MAX_BYTES];
	int error;

	if (strncmp(text, "arch=", 5) == 0)
		return set_arch(d, text + 5);
	if (strncmp(text, "key=", 4) == 0) {
		snprintf(d->key, sizeof(d->key), "%s", text + 4);
		return 0;
	}
	if (strncmp(text, "saddr_fam", 9) == 0)
		return set_family(d, text + 9);
	snprintf(copy, sizeof(copy), "%s", text);
	error = audit_rule_fieldpair_data(&d->rule, copy, (int)d->list);
	if (error != 0)
		return fail(d, "%s: not a condition that this list takes",
		    text);
	return 0;
}

/* list,action or action,list. */
static int
set_list(struct draft *d, const char *text, bool first)
{
	static const char *const lists[] = {
		[AUDIT_FILTER_USER] = "user", [AUDIT_FILTER_TASK] = "task",
		[AUDIT_FILTER_EXIT] = "exit",
		[AUDIT_FILTER_EXCLUDE] = "exclude",
		[AUDIT_FILTER_FS] = "filesystem",
		[AUDIT_FILTER_URING_EXIT] = "io_uring"
	};
	char copy[64], *save, *word;
	bool has_action = false;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, ",", &save); word != NULL;
	    word = strtok_r(NULL, ",", &save)) {
		bool known = false;

		for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			if (lists[i] != NULL && strcmp(lists[i], word) == 0) {
				d->list = i;
				d->has_list = known = true;
			}
		if (strcmp(word, "always") == 0 || strcmp(word, "never") == 0) {
			d->rule->action = word[0] == 'a' ? AUDIT_ALWAYS :
			    AUDIT_NEVER;
			has_action = known = true;
		}
		if (!known)
			return fail(d, "%s: neither a list nor an action",
			    word);
	}
	if (!d->has_list || !has_action)
		return fail(d, "%s: expected LIST,ACTION", text);
	d->rule->flags = d->list | (first ? AUDIT_FILTER_PREPEND : 0);
	return 0;
}

static int
set_watch(struct draft *d, const char *path)
{
	char pair[LINE_MAX_BYTES];
	struct stat st;
	bool dir;

	if (path[0] != '/')
		return fail(d, "%s: a watch needs an absolute path", path);
	dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	d->is_watch = d->has_list = true;
	d->list = AUDIT_FILTER_EXIT;
	d->rule->flags = d->list;
	d->rule->action = AUDIT_ALWAYS;
	snprintf(pair, sizeof(pair), "%s=%s", dir ? "dir" : "path", path);
	return set_condition(d, pair);
}

static int
set_option(struct draft *d, char option, const char *value)
{
	switch (option) {
	case 'a':
	case 'A':
		return set_list(d, value, option == 'A');
	case 'w':
		return set_watch(d, value);
	case 'p':
		d->perms = value;
		return 0;
	case 'S':
		return set_calls(d, value);
	case 'F':
		return set_condition(d, value);
	case 'C':
		break;
	case 'k':
		snprintf(d->key, sizeof(d->key), "%s", value);
		return 0;
	default:
		return fail(d, "-%c: not an option of a rule", option);
	}
	if (!d->has_list)
		return fail(d, "-a or -w must come first");
	if (audit_rule_interfield_comp_data(&d->rule, value,
	    (int)d->list) != 0)
		return fail(d, "%s: not a comparison of fields", value);
	return 0;
}

/* The option's words, with quotes taken away. NULL at the end. */
static char *
next_word(char **pos)
{
	char *p = *pos, *start;

	p += strspn(p, " \t");
	if (*p == '\0')
		return NULL;
	if (*p == '"' || *p == '\'') {
		start = p + 1;
		p = strchr(start, *p);
		if (p == NULL)
			p = start + strlen(start);
	} else {
		start = p;
		p += strcspn(p, " \t");
	}
	if (*p != '\0')
		*p++ = '\0';
	*pos = p;
	return start;
}

/* The calls that a watch without -S stands for: asking at every system call
 * costs, asking at these does not. */
static int
finish_watch(struct draft *d)
{
	char pair[32];
	const char *perms = d->perms == NULL ? "rwxa" : d->perms;
	int error = 0;

	if (perms[0] == '\0' || perms[strspn(perms, "rwxa")] != '\0')
		return fail(d, "-p %s: expected letters of rwxa", perms);
	snprintf(pair, sizeof(pair), "perm=%s", perms);
	error = set_condition(d, pair);
	if (error == 0 && !d->has_calls) {
		d->any_name = true;
		for (const char *p = perms; *p != '\0' && error == 0; p++)
			error = set_calls(d, audit_rules_perm_calls(*p));
	}
	return error;
}

static int
add_key(struct draft *d)
{
	char key[AUDIT_MAX_KEY_LEN + 1];
	struct audit_rule_data *r;
	size_t len;
	int n;

	/* Keys of the table begin with our prefix already. */
	if (strncmp(d->key, AUDIT_RULES_PREFIX,
	    sizeof(AUDIT_RULES_PREFIX) - 1) == 0)
		n = snprintf(key, sizeof(key), "%s", d->key);
	else
		n = snprintf(key, sizeof(key), "%s%s%s", AUDIT_RULES_PREFIX,
		    d->key[0] != '\0' ? KEY_SEPARATOR : "", d->key);
	if (n < 0 || (size_t)n >= sizeof(key))
		return fail(d, "the key is too long");
	len = (size_t)n;
	r = realloc(d->rule, sizeof(*r) + d->rule->buflen + len);
	if (r == NULL)
		return -ENOMEM;
	d->rule = r;
	memcpy(r->buf + r->buflen, key, len);
	r->buflen += (uint32_t)len;
	return add_field(d, AUDIT_FILTERKEY, AUDIT_EQUAL, (uint32_t)len);
}

static int
finish(struct draft *d)
{
	int error = 0;

	if (!d->has_list)
		return fail(d, "expected -a, -A or -w");
	if (d->is_watch)
		error = finish_watch(d);
	else if (d->perms != NULL)
		return fail(d, "-p belongs to -w; write -F perm=%s", d->perms);
	if (error != 0)
		return error;
	if (!d->has_calls && d->left_out) {
		fail(d, "this architecture has none of the system calls");
		return -ENOSYS;
	}
	if (!d->has_calls && (d->list == AUDIT_FILTER_EXIT ||
	    d->list == AUDIT_FILTER_URING_EXIT)) {
		error = set_calls(d, "all");
		if (error != 0)
			return error;
	}
	return d->list == AUDIT_FILTER_EXCLUDE ? 0 : add_key(d);
}

static int
parse_words(struct draft *d, char *line)
{
	char *pos = line, *word, *value;
	int error;

	while ((word = next_word(&pos)) != NULL) {
		if (word[0] != '-' || word[1] == '\0')
			return fail(d, "%s: expected an option", word);
		value = word[2] != '\0' ? word + 2 : next_word(&pos);
		if (value == NULL)
			return fail(d, "%s needs a value", word);
		if (strchr("FSCp", word[1]) != NULL && !d->has_list)
			return fail(d, "-a or -w must come first");
		error = set_option(d, word[1], value);
		if (error != 0)
			return error;
	}
	return finish(d);
}

int
audit_rules_parse(const char *line, bool any_name,
    struct audit_rule_data **out, char *why, size_t why_size)
{
	struct draft d = { .any_name = any_name, .why = why,
	    .why_size = why_size, .machine = audit_detect_machine() };
	char copy[LINE_MAX_BYTES];
	int error;

	if (strlen(line) >= sizeof(copy)) {
		fail(&d, "longer than %zu bytes", sizeof(copy) - 1);
		return -EINVAL;
	}
	d.rule = calloc(1, sizeof(*d.rule));
	if (d.rule == NULL)
		return -ENOMEM;
	memcpy(copy, line, strlen(line) + 1);
	error = parse_words(&d, copy);
	if (error != 0)
		free(d.rule);
	else
		*out = d.rule;
	return error;
}

/* Rules as the kernel lists them. */

static bool
is_string_field(uint32_t field)
{
	switch (field) {
	case AUDIT_SUBJ_USER: case AUDIT_SUBJ_ROLE: case AUDIT_SUBJ_TYPE:
	case AUDIT_SUBJ_SEN: case AUDIT_SUBJ_CLR:
	case AUDIT_OBJ_USER: case AUDIT_OBJ_ROLE: case AUDIT_OBJ_TYPE:
	case AUDIT_OBJ_LEV_LOW: case AUDIT_OBJ_LEV_HIGH:
	case AUDIT_WATCH: case AUDIT_DIR: case AUDIT_FILTERKEY: case AUDIT_EXE:
		return true;
	}
	return false;
}

const char *
audit_rules_key(const struct audit_rule_data *r, char *key, size_t size)
{
	size_t at = 0, len;

	key[0] = '\0';
	for (uint32_t i = 0; i < r->field_count && i < AUDIT_MAX_FIELDS; i++) {
		if (!is_string_field(r->fields[i]))
			continue;
		len = r->values[i];
		if (len > r->buflen - at)
			break;
		if (r->fields[i] == AUDIT_FILTERKEY) {
			if (len >= size)
				len = size - 1;
			memcpy(key, r->buf + at, len);
			key[len] = '\0';
			break;
		}
		at += len;
	}
	return key;
}

bool
audit_rules_is_ours(const struct audit_rule_data *r)
{
	char key[sizeof(AUDIT_RULES_PREFIX)];

	return strcmp(audit_rules_key(r, key, sizeof(key)),
	    AUDIT_RULES_PREFIX) == 0;
}

bool
audit_rules_is_never_task(const struct audit_rule_data *r)
{
	return (r->flags & ~AUDIT_FILTER_PREPEND) == AUDIT_FILTER_TASK &&
	    r->action == AUDIT_NEVER && r->field_count == 0;
}

unsigned
audit_rules_own_pid(const struct audit_rule_data *r)
{
	if (!audit_rules_is_ours(r) || r->action != AUDIT_NEVER)
		return 0;
	for (uint32_t i = 0; i < r->field_count && i < AUDIT_MAX_FIELDS; i++)
		if (r->fields[i] == AUDIT_PID)
			return r->values[i];
	return 0;
}

/* The list for this machine. */

static int
add_line(struct audit_rules *rules, const char *text, const char *fallback,
    bool any_name, bool optional)
{
	struct audit_rules_line *lines, *l;

	lines = realloc(rules->lines, (rules->n + 1) * sizeof(*lines));
	if (lines == NULL)
		return -ENOMEM;
	rules->lines = lines;
	l = &lines[rules->n];
	*l = (struct audit_rules_line){ .any_name = any_name,
	    .optional = optional };
	l->text = strdup(text);
	l->fallback = fallback == NULL ? NULL : strdup(fallback);
	if (l->text == NULL || (fallback != NULL && l->fallback == NULL)) {
		free(l->text);
		free(l->fallback);
		return -ENOMEM;
	}
	rules->n++;
	return 0;
}

void
audit_rules_fini(struct audit_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		free(rules->lines[i].text);
		free(rules->lines[i].fallback);
	}
	free(rules->lines);
	*rules = (struct audit_rules){ NULL, 0 };
}

static bool
has_b32(void)
{
	return audit_determine_machine("b32") >= 0;
}

/* One row of the table, for one word size. */
static int
add_row(struct audit_rules *rules, const struct audit_rules_row *row,
    const char *arch)
{
	char text[LINE_MAX_BYTES], fallback[LINE_MAX_BYTES];

	snprintf(text, sizeof(text), "-a always,exit -F arch=%s %s", arch,
	    row->text);
	if (row->fallback != NULL)
		snprintf(fallback, sizeof(fallback),
		    "-a always,exit -F arch=%s %s", arch, row->fallback);
	return add_line(rules, text, row->fallback == NULL ? NULL : fallback,
	    true, false);
}

static int
add_table(struct audit_rules *rules)
{
	int error = 0;

	for (size_t i = 0; i < audit_rules_n_rows && error == 0; i++) {
		const struct audit_rules_row *row = &audit_rules_rows[i];

		if (row->words & AUDIT_RULES_B64)
			error = add_row(rules, row, "b64");
		if (error == 0 && (row->words & AUDIT_RULES_B32) && has_b32())
			error = add_row(rules, row, "b32");
	}
	for (size_t i = 0; i < audit_rules_n_plain && error == 0; i++)
		error = add_line(rules, audit_rules_plain[i], NULL, true, true);
	return error;
}

static int
add_socket(struct audit_rules *rules, const char *path, const char *arch)
{
	char text[LINE_MAX_BYTES];

	snprintf(text, sizeof(text), "-a always,exit -F arch=%s "
	    "-S connect,socketcall -F path=%s -F key=" AUDIT_RULES_PREFIX
	    "_docker", arch, path);
	return add_line(rules, text, NULL, true, false);
}

/* "PATH" or "PATH:rwa". */
static bool
split_watch(const char *item, char *path, size_t size, const char **perms)
{
	const char *colon = strrchr(item, ':');
	size_t len = strlen(item);

	*perms = "wa";
	if (colon != NULL && colon[1] != '\0' && strlen(colon + 1) <= 4 &&
	    colon[1 + strspn(colon + 1, "rwxa")] == '\0') {
		*perms = colon + 1;
		len = (size_t)(colon - item);
	}
	if (len == 0 || len >= size || item[0] != '/')
		return false;
	memcpy(path, item, len);
	path[len] = '\0';
	/* The kernel refuses a slash at the end. */
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return true;
}

/* With -a and the fields in the order in which auditctl(8) writes them: it
 * takes a rule away only when they are in the same order. */
static int
add_watch(struct audit_rules *rules, const char *path, const char *perms,
    const char *arch)
{
	char text[LINE_MAX_BYTES];
	struct stat st;
	bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
	    "-a always,exit -F arch=%s -S ", arch);
	for (const char *p = perms; *p != '\0'; p++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    p == perms ? "" : ",", audit_rules_perm_calls(*p));
	snprintf(text + n, sizeof(text) - n,
	    " -F \"%s=%s\" -F perm=%s -F key=" AUDIT_RULES_PREFIX "_watch",
	    dir ? "dir" : "path", path, perms);
	return add_line(rules, text, NULL, true, true);
}

static int
add_watches(struct audit_rules *rules, const struct conf_list *watch)
{
	char pattern[1024];
	const char *perms;
	size_t made = 0;
	int error = 0;

	for (size_t i = 0; i < watch->n && error == 0; i++) {
		glob_t found = { 0 };

		if (!split_watch(watch->items[i], pattern, sizeof(pattern),
		    &perms))
			continue;
		/* A path without wildcards is given back as it is; the kernel
		 * waits for it to appear when its directory exists. */
		if (glob(pattern, GLOB_NOMAGIC, NULL, &found) == 0)
			for (size_t p = 0; p < found.gl_pathc && error == 0 &&
			    made < WATCHES_MAX; p++, made++) {
				error = add_watch(rules, found.gl_pathv[p],
				    perms, "b64");
				if (error == 0 && has_b32())
					error = add_watch(rules,
					    found.gl_pathv[p], perms, "b32");
			}
		globfree(&found);
	}
	return error;
}

int
audit_rules_make(const struct audit_conf *conf, struct audit_rules *out)
{
	struct audit_rules rules = { NULL, 0 };
	int error;

	error = add_table(&rules);
	if (error == 0 && conf->docker_socket != NULL)
		error = add_socket(&rules, conf->docker_socket, "b64");
	if (error == 0 && conf->docker_socket != NULL && has_b32())
		error = add_socket(&rules, conf->docker_socket, "b32");
	if (error == 0)
		error = add_watches(&rules, &conf->watch);
	for (size_t i = 0; i < conf->rules.n && error == 0; i++)
		error = add_line(&rules, conf->rules.items[i], NULL, false,
		    false);
	if (error != 0)
		audit_rules_fini(&rules);
	else
		*out = rules;
	return error;
}

int
audit_rules_check(const struct audit_conf *conf, struct buf *errors)
{
	struct audit_rule_data *rule;
	char why[160], path[1024];
	const char *perms;
	int error = 0;

	for (size_t i = 0; i < conf->rules.n; i++) {
		if (audit_rules_parse(conf->rules.items[i], false, &rule, why,
		    sizeof(why)) == 0) {
			audit_rules_free_one(rule);
			continue;
		}
		buf_printf(errors, "audit.rules: %s: %s\n",
		    conf->rules.items[i], why);
		error = -EINVAL;
	}
	for (size_t i = 0; i < conf->watch.n; i++) {
		if (split_watch(conf->watch.items[i], path, sizeof(path),
		    &perms))
			continue;
		buf_printf(errors, "audit.watch: %s: expected an absolute "
		    "path, with :rwxa behind it or not\n",
		    conf->watch.items[i]);
		error = -EINVAL;
	}
	return error;
}
