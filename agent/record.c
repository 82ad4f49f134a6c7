/*
 * `tallyman record`: asks the running daemon to write a bundle into files
 * that are opened here, or runs an engine of its own when there is none.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/bundle.h"
#include "agent/command.h"
#include "agent/control.h"
#include "agent/run.h"

#define FLUSH_MS	10000

static void
on_signal(int signo)
{
	(void)signo;
}

/* ^C ends the wait and nothing else; who ignored it goes on ignoring it. */
static void
catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old, sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &sa, NULL);
}

/* Until the time is over or a signal comes; then until the daemon has written
 * all and hung up. False when it hung up before. */
static bool
wait_for_end(int fd, long seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	catch_signals();
	if (poll(&p, 1, seconds > 0 ? (int)(seconds * 1000) : -1) > 0)
		return false;
	(void)shutdown(fd, SHUT_WR);
	return poll(&p, 1, FLUSH_MS) > 0;
}

static int
record_by_daemon(const char *control, const char *directory, long seconds)
{
	struct buf answer;
	int fds[BUNDLE_FILES], keep = -1, rc;

	rc = bundle_create(directory, fds);
	if (rc != 0) {
		fprintf(stderr, "tallyman: %s: %s%s\n", directory,
		    strerror(-rc), rc == -EEXIST ?
		    ": it has to be a new or an empty directory" : "");
		return EXIT_FAILED;
	}
	buf_init(&answer, 0);
	rc = control_ask(control, "record\n", fds, BUNDLE_FILES,
	    CONTROL_WAIT, &answer, &keep);
	for (int i = 0; i < BUNDLE_FILES; i++)
		close(fds[i]);
	if (rc != 0 || keep == -1 || strcmp(buf_text(&answer), "ok\n") != 0) {
		fprintf(stderr, "tallyman: the daemon does not record: %s%s",
		    rc != 0 ? strerror(-rc) : buf_text(&answer),
		    rc != 0 || answer.len == 0 ? "\n" : "");
		rc = EXIT_FAILED;
	} else if (!wait_for_end(keep, seconds)) {
		fprintf(stderr, "tallyman: %s: the daemon ended the recording "
		    "before its time\n", directory);
		rc = EXIT_FAILED;
	} else
		rc = EXIT_OK;
	if (keep != -1)
		close(keep);
	buf_fini(&answer);
	return rc;
}

static bool
daemon_runs(const char *control)
{
	struct buf answer;
	int rc;

	buf_init(&answer, 4u << 20);
	rc = control_ask(control, "status\n", NULL, 0, CONTROL_WAIT, &answer,
	    NULL);
	buf_fini(&answer);
	return rc == 0 || rc == -ETIMEDOUT;
}

static int
record(const struct command_env *env, const char *directory,
    const char *seconds)
{
	struct run_options options = {
		.record_to = directory, .seconds = seconds,
	};
	struct settings *settings = command_settings(env);
	int rc;

	if (settings == NULL)
		return EXIT_FAILED;
	if (daemon_runs(settings->agent.control))
		rc = record_by_daemon(settings->agent.control, directory,
		    strtol(seconds, NULL, 10));
	else
		rc = run_daemon(env, &options);
	settings_free(settings);
	return rc;
}

int
command_record(struct command_env *env, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 's' },
		COMMAND_LONGS
	};
	const char *directory = NULL, *seconds = "0";
	char *end;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:ho:", longs)) != -1) {
		switch (c) {
		case 'o':
			directory = optarg;
			break;
		case 's':
			seconds = optarg;
			if (strtol(seconds, &end, 10) < 1 || *end != '\0' ||
			    strtol(seconds, NULL, 10) > 86400) {
				fprintf(stderr, "tallyman record: --seconds "
				    "%s: expected 1 to 86400\n", seconds);
				return EXIT_USAGE;
			}
			break;
		case 'h':
			command_usage(stdout, command_find("record"),
			    "  -o, --output DIR   new directory for the bundle\n"
			    "  --seconds N        stop after N seconds, else at "
			    "^C\n");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (!command_ends(argc, argv))
		return EXIT_USAGE;
	if (directory == NULL) {
		fprintf(stderr, "tallyman record: expected -o DIR\n"
		    "see tallyman record --help\n");
		return EXIT_USAGE;
	}
	return record(env, directory, seconds);
}
