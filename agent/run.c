/*
 * `tallyman run`: the broker, which starts this program again as the engine
 * with the same arguments and --engine.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/broker.h"
#include "agent/command.h"
#include "agent/engine.h"
#include "agent/privileges.h"
#include "agent/run.h"

#define LOG_TAG "run"
#include "lib/log.h"

#define ARGS_MAX	16

static const int log_levels[] = {
	LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG
};

int
run_daemon(const struct command_env *env, const struct run_options *options)
{
	struct settings *settings = command_settings(env);
	char *argv[ARGS_MAX] = { "tallyman", "run", "--engine" };
	int n = 3, rc;

	if (settings == NULL)
		return EXIT_FAILED;
	log_set_level(log_levels[settings->agent.log_level]);
	log_set_role("broker");
	if ((rc = privileges_prefer()) != 0)
		log_notice("priority stays as it is: %s", strerror(-rc));
	if (geteuid() != 0)
		log_warnx("not root: most of what the agent hears needs it");
	if (env->config != NULL) {
		argv[n++] = "--config";
		argv[n++] = (char *)env->config;
	}
	if (env->state_dir != NULL) {
		argv[n++] = "--state-dir";
		argv[n++] = (char *)env->state_dir;
	}
	if (options->print_alerts)
		argv[n++] = "--print-alerts";
	if (options->record_to != NULL) {
		argv[n++] = "--record-to";
		argv[n++] = (char *)options->record_to;
		argv[n++] = "--seconds";
		argv[n++] = (char *)options->seconds;
	}
	rc = broker_run(settings, argv);
	settings_free(settings);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int
run_engine(const struct command_env *env, const struct run_options *options)
{
	struct settings *settings = command_settings(env);
	struct engine_options engine = {
		.wire = BROKER_ENGINE_FD,
		.print_alerts = options->print_alerts,
		.record_to = options->record_to,
		.no_store = options->record_to != NULL,
	};
	int rc;

	if (settings == NULL)
		return EXIT_FAILED;
	if (options->seconds != NULL)
		engine.stop_after_ns = strtoll(options->seconds, NULL, 10) * MONO_S;
	log_set_level(log_levels[settings->agent.log_level]);
	log_set_role("engine");
	rc = engine_run(settings, &engine);
	settings_free(settings);
	return rc;
}

int
command_run(struct command_env *env, int argc, char **argv)
{
	enum { PRINT_ALERTS = 0x200, ENGINE, RECORD_TO, SECONDS };
	static const struct option longs[] = {
		{ "print-alerts", no_argument, NULL, PRINT_ALERTS },
		/* Between broker and engine only. */
		{ "engine", no_argument, NULL, ENGINE },
		{ "record-to", required_argument, NULL, RECORD_TO },
		{ "seconds", required_argument, NULL, SECONDS },
		COMMAND_LONGS
	};
	struct run_options options = { 0 };
	bool engine = false;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:h", longs)) != -1) {
		switch (c) {
		case PRINT_ALERTS:
			options.print_alerts = true;
			break;
		case ENGINE:
			engine = true;
			break;
		case RECORD_TO:
			options.record_to = optarg;
			break;
		case SECONDS:
			options.seconds = optarg;
			break;
		case 'h':
			command_usage(stdout, command_find("run"),
			    "  --print-alerts     one line per alert to standard "
			    "output\n");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (!command_ends(argc, argv))
		return EXIT_USAGE;
	return engine ? run_engine(env, &options) : run_daemon(env, &options);
}
