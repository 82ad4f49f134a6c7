/* Any text as a rule file: read, linked, compiled, and judged once. */
#include <stddef.h>
#include <stdint.h>

#include "rules/correlate/correlate.h"
#include "rules/matcher/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event *
make_event(enum event_dataset dataset)
{
	struct wall when = { 1000 * MONO_S };
	struct event *e = event_new(dataset, when);
	struct ipaddr ip = { .family = 4, .bytes = { 10, 0, 0, 1 } };

	if (e == NULL)
		return NULL;
	event_set_cstr(e, FIELD_EVENT_ACTION, "exec");
	event_set_cstr(e, FIELD_PROCESS_NAME, "scp");
	event_set_cstr(e, FIELD_PROCESS_EXECUTABLE, "/usr/bin/scp");
	event_set_cstr(e, FIELD_PROCESS_COMMAND_LINE,
	    "scp -P 22 secret.txt m@h:");
	event_add_str(e, FIELD_PROCESS_ARGS, "scp", 3, false);
	event_add_str(e, FIELD_PROCESS_ARGS, "m@h:", 4, false);
	event_set_num(e, FIELD_PROCESS_PID, 4711);
	event_set_ip(e, FIELD_DESTINATION_IP, &ip);
	event_add_pair(e, FIELD_CONTAINER_LABELS, "a", "b");
	event_set_cstr(e, FIELD_CONTAINER_ID, "3f4b");
	event_set_missing(e, FIELD_CONTAINER_NAME);
	event_seal(e);
	return e;
}

static void
take_hit(void *ctx, const struct correlate_hit *hit)
{
	(void)ctx;
	(void)hit;
}

static void
judge(const struct sigma_set *set, struct matcher *m)
{
	struct correlate *c = correlate_new(set, NULL);
	struct event *e;
	const uint32_t *hits;
	size_t n;
	int d;

	if (c == NULL)
		return;
	for (d = 0; d < EVENT_DATASETS; d++) {
		if ((e = make_event((enum event_dataset)d)) == NULL)
			continue;
		hits = matcher_run(m, e, &n);
		correlate_feed(c, e, hits, n, take_hit, NULL);
		event_unref(e);
	}
	correlate_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sigma_set *set = sigma_new();
	struct matcher *m;
	struct buf errors;
	size_t n = 0;
	int rc;

	if (set == NULL)
		return 0;
	buf_init(&errors, 0);
	rc = sigma_read(set, "f.yml", (const char *)data, len, &errors, &n);
	if (rc == 0)
		rc = sigma_link(set, &errors, &n);
	m = rc == 0 ? matcher_new(set, &errors, &n) : NULL;
	if (m != NULL)
		judge(set, m);
	matcher_free(m);
	sigma_free(set);
	buf_fini(&errors);
	return 0;
}
