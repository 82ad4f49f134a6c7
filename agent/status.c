/*
 * `tallyman status`: what the running daemon says of itself, as a table or as
 * the JSON that came over the control socket.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/control.h"
#include "lib/json.h"
#include "outputs/termtext.h"

/* Names of processes, containers and interfaces are in there. */
static void
print_safe(const struct json *text)
{
	struct buf safe;
	size_t len;
	const char *s = json_str(text, &len);

	buf_init(&safe, 0);
	(void)termtext_add(&safe, s, len);
	printf("%s\n", buf_text(&safe));
	buf_fini(&safe);
}

static void
print_json(const char *text, size_t len)
{
	struct buf safe;

	if (isatty(STDOUT_FILENO) != 1) {
		fwrite(text, 1, len, stdout);
		return;
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	buf_init(&safe, 0);
	termtext_add_json(&safe, text, len);
	printf("%s\n", buf_text(&safe));
	buf_fini(&safe);
}

static void
print_parts(const struct json *parts)
{
	for (size_t i = 0; i < json_count(parts); i++) {
		const struct json *p = json_at(parts, i);

		printf("  %-10s %-8s ", json_str(json_get(p, "name"), NULL),
		    json_str(json_get(p, "state"), NULL));
		print_safe(json_get(p, "why"));
		if (*json_str(json_get(p, "cost"), NULL) == '\0')
			continue;
		printf("  %-10s %-8s so ", "", "");
		print_safe(json_get(p, "cost"));
	}
}

/* Interfaces, by the packets' part: it is there, but not as wished. */
static void
print_withheld(const struct json *all)
{
	struct buf safe;
	size_t len;

	for (size_t i = 0; i < json_count(all); i++) {
		const char *s = json_str(json_get(json_at(all, i),
		    "interface"), &len);

		buf_init(&safe, 0);
		(void)termtext_add(&safe, s, len);
		printf("  %s is not promiscuous: ", buf_text(&safe));
		buf_fini(&safe);
		print_safe(json_get(json_at(all, i), "why"));
	}
}

static void
print_counts(const char *what, const struct json *counts)
{
	for (size_t i = 0; i < json_count(counts); i++)
		if (json_int(json_at(counts, i)) != 0)
			printf("  %-24s   %s: %s %" PRId64 "\n", "", what,
			    json_key_at(counts, i),
			    json_int(json_at(counts, i)));
}

static void
print_stage(const struct json *stage)
{
	const struct json *dropped = json_get(stage, "dropped");
	int64_t lost = 0;

	for (size_t i = 0; i < json_count(dropped); i++)
		lost += json_int(json_at(dropped, i));
	printf("  %-24s %12" PRId64 " %12" PRId64 " %10" PRId64 " %8" PRId64
	    "%s\n", json_str(json_get(stage, "name"), NULL),
	    json_int(json_get(stage, "received")),
	    json_int(json_get(stage, "delivered")), lost,
	    json_int(json_get(stage, "pending")),
	    json_bool(json_get(stage, "balances")) ? "" : "  DOES NOT ADD UP");
	print_counts("dropped", dropped);
	print_counts("lost outside", json_get(stage, "outside"));
	print_counts("noted", json_get(stage, "noted"));
}

static void
print_status(const struct json *root)
{
	const struct json *stages = json_get(root, "ledger.stages");

	printf("tallyman %s, pid %" PRId64 ", since %.19sZ\n"
	    "%" PRId64 " rules, %" PRId64 " containers known\n\n",
	    json_str(json_get(root, "version"), NULL),
	    json_int(json_get(root, "pid")),
	    json_str(json_get(root, "since"), NULL),
	    json_int(json_get(root, "rules")),
	    json_int(json_get(root, "containers")));
	print_parts(json_get(root, "parts"));
	print_withheld(json_get(root, "promiscuous_withheld"));
	printf("\n  %-24s %12s %12s %10s %8s\n", "stage", "received",
	    "delivered", "dropped", "pending");
	for (size_t i = 0; i < json_count(stages); i++)
		print_stage(json_at(stages, i));
	printf("\nThe ledger %s.\n", json_bool(json_get(root,
	    "ledger.balances")) ? "adds up" : "DOES NOT ADD UP");
}

static int
show(const char *path, bool json)
{
	struct json_doc *doc;
	struct buf answer;
	int rc;

	buf_init(&answer, 4u << 20);
	rc = control_ask(path, "status\n", NULL, 0, CONTROL_WAIT, &answer, NULL);
	if (rc != 0) {
		buf_fini(&answer);
		if (rc == -ENOENT || rc == -ECONNREFUSED) {
			fprintf(stderr, "tallyman: not running: nobody answers "
			    "on %s; start it with \"systemctl start tallyman\" "
			    "or \"tallyman run\"\n", path);
			return EXIT_NOT_RUNNING;
		}
		fprintf(stderr, "tallyman: %s: %s%s\n", path, strerror(-rc),
		    rc == -EACCES ? ": try as root" : rc == -ETIMEDOUT ?
		    ": the daemon runs, but hangs or has too much to do; see "
		    "its log" : "");
		return EXIT_FAILED;
	}
	doc = json_parse(buf_text(&answer), answer.len, 0, NULL, 0);
	if (doc == NULL)
		fprintf(stderr, "tallyman: %s: the answer is not whole: ask "
		    "again\n", path);
	else if (json)
		print_json(buf_text(&answer), answer.len);
	else
		print_status(json_root(doc));
	rc = doc != NULL ? EXIT_OK : EXIT_FAILED;
	json_doc_free(doc);
	buf_fini(&answer);
	return rc;
}

int
command_status(struct command_env *env, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		COMMAND_LONGS
	};
	struct settings *settings;
	bool json = false;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:hj", longs)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'h':
			command_usage(stdout, command_find("status"),
			    "  --json             as the daemon says it\n");
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (!command_ends(argc, argv))
		return EXIT_USAGE;
	settings = command_settings(env);
	if (settings == NULL)
		return EXIT_FAILED;
	c = show(settings->agent.control, json);
	settings_free(settings);
	return c;
}
