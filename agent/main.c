#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "lib/log.h"

static const struct command commands[] = {
	{ "run", "[-c FILE] [--state-dir DIR] [--print-alerts]",
	    "the daemon, in the foreground", command_run },
	{ "check", "[-c FILE]",
	    "check configuration and rules, every error with its place",
	    command_check },
	{ "doctor", "[-c FILE]",
	    "what this host offers and what stands in the way",
	    command_doctor },
	{ "status", "[--json]", "counters and ledger of the running daemon",
	    command_status },
	{ "events", "[OPTIONS]", "what was heard, newest last",
	    command_query },
	{ "alerts", "[OPTIONS]", "what the rules found", command_query },
	{ "flows", "[OPTIONS]", "connections, each once", command_query },
	{ "containers", "[OPTIONS]", "containers, living and dead",
	    command_query },
	{ "tree", "CONTAINER|PID [OPTIONS]",
	    "processes with times, users, commands, connections",
	    command_query },
	{ "explain", "ID [--json]",
	    "how the owners of an event were found", command_query },
	{ "record", "-o DIR [--seconds N]",
	    "write all inputs as they come to a bundle", command_record },
	{ "replay", "BUNDLE | --pcap FILE ... [OPTIONS]",
	    "the whole pipeline offline, documents to standard output",
	    command_replay },
	{ "rules", "list | check [PATH ...]", "what is loaded, from where",
	    command_rules },
	{ "output", "test [NAME] | dead [NAME]",
	    "send a test alert; list what could not be delivered",
	    command_output },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
usage(FILE *f)
{
	fprintf(f, "usage: tallyman [-c FILE] [--state-dir DIR] COMMAND "
	    "[ARGUMENTS]\n\n"
	    "Tells who took what, out of which container, by which process, "
	    "to where.\n\ncommands:\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %-12s%s\n", commands[i].name,
		    commands[i].summary);
	fprintf(f, "\noptions:\n"
	    "  -c, --config FILE  configuration, default %s/tallyman.yaml\n"
	    "  --state-dir DIR    where the store is, default %s\n"
	    "  --help, --version\n\n"
	    "Each command has --help. Manual: tallyman(8).\n"
	    "Report bugs to <%s>.\n", TALLYMAN_SYSCONFDIR, TALLYMAN_STATEDIR,
	    PACKAGE_BUGREPORT);
}

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void
command_usage(FILE *f, const struct command *c, const char *help)
{
	fprintf(f, "usage: tallyman %s %s\n\n%s.\n\n%s"
	    "  -c, --config FILE  configuration\n"
	    "  --state-dir DIR    where the store is\n"
	    "  --help\n", c->name, c->arguments, c->summary, help);
}

int
command_getopt(struct command_env *env, int argc, char **argv,
    const char *shorts, const struct option *longs)
{
	bool sub = command_find(argv[0]) != NULL;
	char *word = argv[0], name[32];
	int c;

	/* getopt begins what it says with argv[0]. */
	snprintf(name, sizeof(name), "tallyman%s%s", sub ? " " : "",
	    sub ? word : "");
	do {
		argv[0] = name;
		c = getopt_long(argc, argv, shorts, longs, NULL);
		argv[0] = word;
		if (c == COMMAND_CONFIG)
			env->config = optarg;
		else if (c == COMMAND_STATE_DIR)
			env->state_dir = optarg;
	} while (c == COMMAND_CONFIG || c == COMMAND_STATE_DIR);
	if (c == '?')
		fprintf(stderr, "see %s --help\n", name);
	return c;
}

bool
command_ends(int argc, char **argv)
{
	if (optind >= argc)
		return true;
	fprintf(stderr, "tallyman %s: unexpected argument \"%s\"\n"
	    "see tallyman %s --help\n", argv[0], argv[optind], argv[0]);
	return false;
}

struct settings *
command_settings(const struct command_env *env)
{
	struct settings *s;
	struct buf errors;
	int rc;

	buf_init(&errors, 0);
	s = settings_new(env->config, env->state_dir, &errors, &rc);
	if (errors.len > 0)
		fputs(buf_text(&errors), stderr);
	buf_fini(&errors);
	if (rc != 0) {
		settings_free(s);
		return NULL;
	}
	return s;
}

/* What was printed has to have arrived: a report that was cut short by a full
 * disk must not look whole. */
static int
end_output(const char *name, int status)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return status;
	fprintf(stderr, "tallyman %s: standard output: %s\n", name,
	    errno != 0 ? strerror(errno) : "not all could be written");
	return status == EXIT_OK ? EXIT_FAILED : status;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "version", no_argument, NULL, 'V' },
		COMMAND_LONGS
	};
	struct command_env env = { 0 };
	const struct command *command;
	int c;

	while ((c = command_getopt(&env, argc, argv, "+c:h", longs)) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			return EXIT_OK;
		case 'V':
			printf("%s\n", PACKAGE_STRING);
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind >= argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	command = command_find(argv[optind]);
	if (command == NULL) {
		fprintf(stderr, "tallyman: unknown command \"%s\": see "
		    "tallyman --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	argc -= optind;
	argv += optind;
	optind = 0;
	c = command->run(&env, argc, argv);
	/* The daemon goes on without whoever read its alerts, replay has
	 * looked already. */
	return command->run == command_run || command->run == command_replay ?
	    c : end_output(command->name, c);
}
