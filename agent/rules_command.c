/*
 * `tallyman rules`: what is loaded, from where; whether files are good.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "rules/rules.h"

static int
load(const struct conf_list *paths, bool list, bool json)
{
	struct ledger *ledger = ledger_new();
	struct rules *rules;
	struct buf errors, out;
	int status = EXIT_FAILED;

	if (ledger == NULL)
		return EXIT_FAILED;
	buf_init(&errors, 0);
	buf_init(&out, 16u << 20);
	rules = rules_load(paths, ledger, &errors);
	fputs(buf_text(&errors), stderr);
	if (rules != NULL) {
		if (list)
			rules_write_list(rules, json, &out);
		else
			buf_printf(&out, "%zu rules, all good\n",
			    rules_count(rules));
		fputs(buf_text(&out), stdout);
		status = EXIT_OK;
	}
	rules_free(rules);
	buf_fini(&errors);
	buf_fini(&out);
	ledger_free(ledger);
	return status;
}

int
command_rules(struct command_env *env, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		COMMAND_LONGS
	};
	struct conf_list paths;
	struct settings *s;
	char **room;
	const char *verb;
	bool json = false;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:h", longs)) != -1) {
		if (c == 'j') {
			json = true;
			continue;
		}
		if (c != 'h')
			return EXIT_USAGE;
		command_usage(stdout, command_find("rules"),
		    "  list [--json]      every rule with its level and file\n"
		    "  check [PATH ...]   errors with their place, exit 1\n");
		return EXIT_OK;
	}
	verb = optind < argc ? argv[optind++] : "list";
	if (strcmp(verb, "list") != 0 && strcmp(verb, "check") != 0) {
		fprintf(stderr, "tallyman rules: unknown \"%s\": list or "
		    "check\n", verb);
		return EXIT_USAGE;
	}
	if (verb[0] == 'l' && !command_ends(argc, argv))
		return EXIT_USAGE;
	s = command_settings(env);
	if (s == NULL)
		return EXIT_FAILED;
	room = settings_rule_paths(s, &paths);
	if (optind < argc) {
		paths.n = (size_t)(argc - optind);
		paths.items = argv + optind;
	}
	c = room == NULL ? EXIT_FAILED : load(&paths, verb[0] == 'l', json);
	free(room);
	settings_free(s);
	return c;
}
