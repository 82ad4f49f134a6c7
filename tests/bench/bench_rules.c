/*
 * How long the rules of a directory take for one event: an exec that fits
 * none of them, and one that fits one and was alerted before.
 *
 *	bench_rules DIRECTORY [EVENTS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/rules.h"

#define EVENTS	200000

static struct event *
make_exec(const char *name, const char *line, const char *const args[],
    size_t n_args, unsigned serial)
{
	struct wall when = { 1700000000 * MONO_S + serial };
	struct event *e = event_new(EVENT_PROCESS, when);
	size_t i;

	if (e == NULL)
		abort();
	event_set_cstr(e, FIELD_EVENT_ACTION, "exec");
	event_set_cstr(e, FIELD_EVENT_OUTCOME, "success");
	event_set_fmt(e, FIELD_EVENT_ID, "ev%u", serial);
	event_set_cstr(e, FIELD_PROCESS_NAME, name);
	event_set_fmt(e, FIELD_PROCESS_EXECUTABLE, "/usr/bin/%s", name);
	event_set_cstr(e, FIELD_PROCESS_COMMAND_LINE, line);
	event_set_fmt(e, FIELD_PROCESS_ENTITY_ID, "entity%u", serial);
	event_set_cstr(e, FIELD_PROCESS_PARENT_NAME, "bash");
	event_set_bool(e, FIELD_PROCESS_INTERACTIVE, false);
	event_set_num(e, FIELD_PROCESS_PID, 4711);
	event_set_cstr(e, FIELD_USER_ID, "0");
	event_set_cstr(e, FIELD_USER_NAME, "root");
	event_set_cstr(e, FIELD_CONTAINER_ID, "3f4b0c8e2a7d1b95c6e0f1a2b3c4"
	    "d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6");
	event_set_cstr(e, FIELD_CONTAINER_NAME, "web");
	event_set_cstr(e, FIELD_CONTAINER_IMAGE_NAME, "nginx");
	event_set_cstr(e, FIELD_TALLYMAN_ENTRY_KIND, "exec");
	event_set_cstr(e, FIELD_TALLYMAN_ATTRIBUTION_METHOD, "lineage");
	for (i = 0; i < n_args; i++)
		event_add_str(e, FIELD_PROCESS_ARGS, args[i], strlen(args[i]),
		    false);
	event_seal(e);
	return e;
}

static void
drop_alert(void *ctx, struct event *alert)
{
	(*(size_t *)ctx)++;
	event_unref(alert);
}

static void
measure(struct rules *r, const char *what, struct event *const events[],
    size_t n_events, size_t n)
{
	clock_t start = clock();
	double ns;
	size_t i;

	for (i = 0; i < n; i++)
		rules_judge(r, events[i % n_events]);
	ns = (double)(clock() - start) * (1e9 / CLOCKS_PER_SEC);
	printf("%-32s %6zu rules %8.0f ns of processor/event\n", what, rules_count(r),
	    ns / (double)n);
}

static struct rules *
load(const char *dir, struct ledger *ledger)
{
	char *items[1] = { (char *)(uintptr_t)dir };
	struct conf_list paths = { 1, items };
	struct buf errors;
	struct rules *r;

	buf_init(&errors, 0);
	r = rules_load(&paths, ledger, &errors);
	if (r == NULL) {
		fputs(buf_text(&errors), stderr);
		exit(1);
	}
	buf_fini(&errors);
	return r;
}

int
main(int argc, char **argv)
{
	static const char *const ls[] = { "ls", "-l", "/srv/data" };
	static const char *const scp[] = { "scp", "f", "m@203.0.113.9:" };
	struct ledger *ledger = ledger_new();
	struct event *quiet[4], *loud[1];
	struct rules *r;
	size_t alerts = 0, n = EVENTS, i;

	if (argc < 2 || ledger == NULL) {
		fprintf(stderr, "usage: bench_rules DIRECTORY [EVENTS]\n");
		return 64;
	}
	if (argc > 2)
		n = strtoul(argv[2], NULL, 10);
	r = load(argv[1], ledger);
	rules_on_alert(r, drop_alert, &alerts);
	for (i = 0; i < 4; i++)
		quiet[i] = make_exec("ls", "ls -l /srv/data", ls, 3,
		    (unsigned)i);
	loud[0] = make_exec("scp", "scp f m@203.0.113.9:", scp, 3, 9);
	measure(r, "exec, no rule fits", quiet, 4, n);
	measure(r, "exec, one rule fits, known", loud, 1, n);
	rules_flush(r);
	printf("alerts: %zu\n", alerts);
	for (i = 0; i < 4; i++)
		event_unref(quiet[i]);
	event_unref(loud[0]);
	rules_free(r);
	ledger_free(ledger);
	return 0;
}
