/*
 * `tallyman events`, `alerts`, `flows`, `containers` and `explain`: the
 * store, read while the daemon writes it. `tallyman output`: its spool.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "outputs/outputs.h"
#include "outputs/query.h"

/*
 * Takes -c, --config and --state-dir out of the arguments, since the query
 * has its own option parser. Returns how many are left, -1 when one lacks
 * its value.
 */
static int
take_globals(struct command_env *env, int argc, char **argv)
{
	static const struct {
		const char	*word;
		bool		 config;
	} globals[] = {
		{ "-c", true }, { "--config", true }, { "--state-dir", false },
	};
	int left = 0;

	for (int i = 0; i < argc; i++) {
		const char *value = NULL;
		bool config = false;

		for (size_t g = 0; g < 3; g++) {
			size_t len = strlen(globals[g].word);

			if (strncmp(argv[i], globals[g].word, len) != 0)
				continue;
			config = globals[g].config;
			if (argv[i][len] == '=' && len > 2)
				value = argv[i] + len + 1;
			else if (argv[i][len] == '\0') {
				if (i + 1 == argc)
					return -1;
				value = argv[++i];
			}
		}
		if (value == NULL)
			argv[left++] = argv[i];
		else if (config)
			env->config = value;
		else
			env->state_dir = value;
	}
	argv[left] = NULL;
	return left;
}

/* Field 22 of /proc/PID/stat: ticks from boot to the start. The name in
 * field 2 may hold anything, also a bracket. */
static int
read_start(uint32_t pid, unsigned long long *ticks)
{
	char path[32], text[1024], *p;
	size_t n;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if ((f = fopen(path, "re")) == NULL)
		return -errno;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	if ((p = strrchr(text, ')')) == NULL)
		return -EINVAL;
	for (i = 2; i < 22 && p != NULL; i++)
		p = strchr(p + 1, ' ');
	return p != NULL && sscanf(p, " %llu", ticks) == 1 ? 0 : -EINVAL;
}

/* Whether the process of the store is the one that has its pid now. The
 * clock may have been set by a little since. */
static enum query_life
process_life(uint32_t pid, struct wall start)
{
	static const struct mono_clock real;
	unsigned long long ticks;
	int64_t at;
	int err = read_start(pid, &ticks);

	if (err == -ENOENT || err == -ESRCH)
		return QUERY_LIFE_ENDED;
	if (err != 0 || start.ns == 0)
		return QUERY_LIFE_UNKNOWN;
	at = mono_wall(&real).ns - mono_now(&real).ns +
	    (int64_t)(ticks * (uint64_t)(MONO_S / sysconf(_SC_CLK_TCK)));
	return llabs(at - start.ns) < 2 * MONO_S ? QUERY_LIFE_RUNS :
	    QUERY_LIFE_ENDED;
}

int
command_query(struct command_env *env, int argc, char **argv)
{
	struct settings *settings;
	struct query_env query;
	int status;

	argc = take_globals(env, argc, argv);
	if (argc < 0) {
		fprintf(stderr, "tallyman %s: an option lacks its value\n",
		    argv[0]);
		return EXIT_USAGE;
	}
	settings = command_settings(env);
	if (settings == NULL)
		return EXIT_FAILED;
	query_env_init(&query, settings->store.path);
	if (strcmp(argv[0], "tree") == 0) {
		query.life = process_life;
		status = query_tree_main(argc, argv, &query);
	} else if (strcmp(argv[0], "explain") == 0)
		status = query_explain_main(argc, argv, &query);
	else
		status = query_main(argv[0], argc, argv, &query);
	settings_free(settings);
	return status;
}

static int
test_outputs(const struct settings *s, const char *name)
{
	struct outputs *outputs;
	struct buf errors;
	int refused;

	buf_init(&errors, 0);
	outputs = outputs_new(&s->conf, s->path, &errors);
	fputs(buf_text(&errors), stderr);
	buf_fini(&errors);
	if (outputs == NULL)
		return EXIT_FAILED;
	refused = outputs_test(outputs, name, stdout);
	if (refused == -ENOENT)
		fprintf(stderr, "tallyman output test: no output is called "
		    "\"%s\"\n", name);
	else if (outputs_count(outputs) == 0)
		fprintf(stderr, "tallyman output test: no outputs are "
		    "configured; what is found stays in the store\n");
	outputs_free(outputs);
	return refused == 0 ? EXIT_OK : EXIT_FAILED;
}

static const char output_help[] =
    "  test [NAME]        send a marked test alert, print the answer\n"
    "  dead [NAME]        what a backend refused for good; --json\n";

int
command_output(struct command_env *env, int argc, char **argv)
{
	struct settings *settings;
	struct query_env query;
	int status;

	argc = take_globals(env, argc, argv);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		command_usage(stdout, command_find("output"), output_help);
		return EXIT_OK;
	}
	if (argc < 2 || (strcmp(argv[1], "test") != 0 &&
	    strcmp(argv[1], "dead") != 0)) {
		fprintf(stderr, "tallyman output: expected test or dead\n"
		    "see tallyman output --help\n");
		return EXIT_USAGE;
	}
	if (argv[1][0] == 't' && (argc > 3 ||
	    (argc == 3 && argv[2][0] == '-'))) {
		fprintf(stderr, "tallyman output test: unexpected argument "
		    "\"%s\"\n", argv[argc - 1]);
		return EXIT_USAGE;
	}
	settings = command_settings(env);
	if (settings == NULL)
		return EXIT_FAILED;
	if (argv[1][0] == 't')
		status = test_outputs(settings, argc > 2 ? argv[2] : NULL);
	else {
		query_env_init(&query, settings->store.path);
		status = query_dead_main(argc - 1, argv + 1, &query);
	}
	settings_free(settings);
	return status;
}
