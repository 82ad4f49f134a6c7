/*
 * command: the subcommands of `tallyman` and what they share. One table in
 * main.c lists them.
 */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include <stdio.h>

#include "agent/settings.h"

/* tallyman(8), EXIT STATUS. */
#define EXIT_OK		0
#define EXIT_FAILED	1
#define EXIT_NOT_RUNNING 3
#define EXIT_NOT_FOUND	4
#define EXIT_USAGE	64	/* sysexits.h */

/* What stood before the subcommand, or was given with it. */
struct command_env {
	const char	*config;	/* -c, NULL: the default file */
	const char	*state_dir;	/* --state-dir, NULL: the default */
};

struct command {
	const char	*name;
	const char	*arguments;	/* for the usage line */
	const char	*summary;	/* one line of tallyman --help */
	/* argv[0] is the subcommand's name. Returns the exit status. */
	int		(*run)(struct command_env *, int argc, char **argv);
};

int command_run(struct command_env *, int argc, char **argv);
int command_check(struct command_env *, int argc, char **argv);
int command_doctor(struct command_env *, int argc, char **argv);
int command_status(struct command_env *, int argc, char **argv);
int command_query(struct command_env *, int argc, char **argv);
int command_record(struct command_env *, int argc, char **argv);
int command_replay(struct command_env *, int argc, char **argv);
int command_rules(struct command_env *, int argc, char **argv);
int command_output(struct command_env *, int argc, char **argv);

/* Prints the usage line and the help text to stdout or stderr. */
void command_usage(FILE *, const struct command *, const char *help);
const struct command *command_find(const char *name);

/*
 * Handles -c/--config and --state-dir wherever they stand, and --help.
 * getopt_long's next option, -1 at the end, '?' after a wrong one (said
 * already: return EXIT_USAGE), 'h' for help. Reset with optind = 0 first.
 */
struct option;
int command_getopt(struct command_env *, int argc, char **argv,
    const char *shorts, const struct option *longs);
/* True when no argument is left; else says which and returns false: return
 * EXIT_USAGE. */
bool command_ends(int argc, char **argv);
/* The two rows that every table of long options ends with. */
#define COMMAND_CONFIG		'c'
#define COMMAND_STATE_DIR	0x100
#define COMMAND_LONGS						\
	{ "config", required_argument, NULL, COMMAND_CONFIG },	\
	{ "state-dir", required_argument, NULL, COMMAND_STATE_DIR }, \
	{ "help", no_argument, NULL, 'h' },			\
	{ NULL, 0, NULL, 0 }

/* Settings, or NULL after the errors were printed. */
struct settings *command_settings(const struct command_env *);

#endif
