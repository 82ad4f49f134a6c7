/*
 * `tallyman check`: configuration, outputs and rules, every error with its
 * place. --default and --mdoc print what the tables know.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "collectors/audit/rules.h"
#include "outputs/outputs.h"
#include "rules/rules.h"

static int
check_rules(const struct settings *s, struct buf *errors, size_t *n)
{
	struct ledger *ledger = ledger_new();
	struct rules *rules = NULL;
	struct conf_list paths;
	char **room = settings_rule_paths(s, &paths);

	if (ledger != NULL && room != NULL)
		rules = rules_load(&paths, ledger, errors);
	*n = rules != NULL ? rules_count(rules) : 0;
	rules_free(rules);
	ledger_free(ledger);
	free(room);
	return rules != NULL ? 0 : -1;
}

static int
check_outputs(const struct settings *s, struct buf *errors, size_t *n)
{
	struct outputs *o = outputs_new(&s->conf, s->path, errors);

	*n = o != NULL ? outputs_count(o) : 0;
	outputs_free(o);
	return o != NULL ? 0 : -1;
}

static int
check_all(const struct command_env *env)
{
	struct settings *s = command_settings(env);
	struct buf errors;
	size_t n_rules, n_outputs;
	int rc;

	if (s == NULL)
		return EXIT_FAILED;
	buf_init(&errors, 0);
	rc = check_outputs(s, &errors, &n_outputs);
	rc |= check_rules(s, &errors, &n_rules);
	rc |= audit_rules_check(&s->audit, &errors);
	rc |= packet_check(&s->packet, &errors);
	fputs(buf_text(&errors), stderr);
	buf_fini(&errors);
	if (rc == 0)
		printf("%s: good, %zu rules, %zu outputs\n",
		    s->path != NULL ? s->path : "built-in configuration",
		    n_rules, n_outputs);
	settings_free(s);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static void
write_mdoc(const struct conf *c, struct buf *out)
{
	conf_write_mdoc(c, out);
	buf_add_str(out, ".Ss outputs\n");
	outputs_write_mdoc(out);
}

static int
print_tables(void (*write)(const struct conf *, struct buf *))
{
	struct buf out, errors;
	struct settings *s;
	int rc;

	buf_init(&errors, 0);
	buf_init(&out, 0);
	/* An empty file: the presets and nothing of this host. */
	s = settings_new("/dev/null", NULL, &errors, &rc);
	if (s != NULL && rc == 0) {
		write(&s->conf, &out);
		fputs(buf_text(&out), stdout);
	}
	settings_free(s);
	buf_fini(&out);
	buf_fini(&errors);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

int
command_check(struct command_env *env, int argc, char **argv)
{
	enum { DEFAULT = 0x200, MDOC };
	static const struct option longs[] = {
		{ "default", no_argument, NULL, DEFAULT },
		{ "mdoc", no_argument, NULL, MDOC },
		COMMAND_LONGS
	};
	void (*tables)(const struct conf *, struct buf *) = NULL;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:h", longs)) != -1) {
		switch (c) {
		case DEFAULT:
			tables = conf_write_default;
			break;
		case MDOC:
			tables = write_mdoc;
			break;
		case 'h':
			command_usage(stdout, command_find("check"),
			    "  --default          print a commented default "
			    "configuration\n"
			    "  --mdoc             print the keys as "
			    "tallyman.yaml(5) has them\n");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (!command_ends(argc, argv))
		return EXIT_USAGE;
	return tables != NULL ? print_tables(tables) : check_all(env);
}
