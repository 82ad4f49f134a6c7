/*
 * `tallyman replay`: the whole pipeline on recorded inputs, with a clock that
 * the inputs drive. Same input, same bytes out.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/scribe.h"
#include "agent/source.h"
#include "agent/works.h"
#include "collectors/audit/audit.h"

#define STEP		(25 * MONO_MS)
/* A hole in the input longer than this is jumped over. */
#define STEPS_MAX	400
#define WRITE_BYTES	(64u << 10)	/* to a file at a time */

struct replay {
	struct works	 works;
	struct mono_clock clock;
	struct sources	*sources;
	FILE		*out;
	struct scribe	*scribe;
};

/* Moves the clock to t in steps, with the timers that would have run. */
static void
drive(struct replay *r, struct wall t)
{
	int64_t ahead = t.ns - r->clock.wall.ns;

	if (r->clock.wall.ns == 0 || ahead > STEPS_MAX * STEP) {
		if (r->clock.wall.ns != 0)
			mono_drive(&r->clock, (struct wall){ t.ns - STEP });
		else
			mono_drive(&r->clock, t);
		works_tick(&r->works, mono_now(&r->clock));
		ahead = t.ns - r->clock.wall.ns;
	}
	for (; ahead >= STEP; ahead -= STEP) {
		mono_drive(&r->clock,
		    (struct wall){ r->clock.wall.ns + STEP });
		works_tick(&r->works, mono_now(&r->clock));
	}
}

static void
feed(struct replay *r, const struct source_input *in)
{
	static const enum collectors_id ids[BUNDLE_FILES] = {
		[BUNDLE_PACKET] = COLLECTORS_PACKET,
		[BUNDLE_AUDIT] = COLLECTORS_AUDIT,
		[BUNDLE_CONNTRACK] = COLLECTORS_CONNTRACK,
		[BUNDLE_LINK] = COLLECTORS_LINK,
		[BUNDLE_PROC] = COLLECTORS_PROC,
	};
	void *collector;

	if (in->file == BUNDLE_DOCKER || in->file == BUNDLE_PROCFS) {
		works_answer(&r->works, &in->answer,
		    (const char *)in->input.bytes, in->input.len);
		return;
	}
	collector = r->works.collectors[ids[in->file]];
	if (in->file == BUNDLE_AUDIT)
		audit_line_feed(collector, (const char *)in->input.bytes,
		    in->input.len);
	else
		collectors_table[ids[in->file]]->feed(collector, &in->input);
}

static int
replay_all(struct replay *r)
{
	const struct source_input *in;
	struct wall now;
	struct buf why;
	int rc;

	buf_init(&why, 0);
	while ((rc = sources_next(r->sources, &in, &now, &why)) == 1 &&
	    !scribe_failed(r->scribe)) {
		drive(r, now);
		feed(r, in);
	}
	if (rc < 0)
		fputs(buf_text(&why), stderr);
	buf_fini(&why);
	/* Long enough for every timeout that must still happen. */
	if (r->clock.wall.ns != 0)
		drive(r, (struct wall){ r->clock.wall.ns + 3 * MONO_S });
	works_finish(&r->works);
	return rc;
}

static int
begin(struct replay *r, const struct settings *settings)
{
	struct works_env env = {
		.settings = settings, .clock = &r->clock,
	};
	struct buf errors;
	int rc;

	r->clock.driven = true;
	r->scribe = scribe_new(r->out);
	if (r->scribe == NULL)
		return -errno;
	if ((rc = works_init(&r->works, &env)) != 0)
		return rc;
	enrich_set_agent_id(r->works.enrich, "replay");
	buf_init(&errors, 0);
	rc = works_load_rules(&r->works, settings, &errors);
	fputs(buf_text(&errors), stderr);
	buf_fini(&errors);
	pipeline_add_sink(r->works.pipeline, "stdout", scribe_sink,
	    r->scribe);
	return rc;
}

static void
write_ledger(const struct replay *r)
{
	struct json_writer w;
	struct buf out;

	buf_init(&out, 0);
	json_writer_init(&w, &out);
	ledger_write_json(r->works.ledger, &w);
	fprintf(stderr, "%s\n", buf_text(&out));
	buf_fini(&out);
}

struct replay_options {
	const char	*out;
	bool		 ledger;
};

static int
replay(const struct command_env *env, const struct replay_options *options,
    struct sources *sources)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct settings *settings = command_settings(env);
	int rc = -EINVAL, error;

	if (r == NULL || settings == NULL)
		goto out;
	r->sources = sources;
	r->out = options->out == NULL ? stdout : fopen(options->out, "we");
	if (r->out == NULL) {
		rc = -errno;
		fprintf(stderr, "tallyman: %s: %s\n", options->out,
		    strerror(errno));
		goto out;
	}
	if (r->out != stdout)
		(void)setvbuf(r->out, NULL, _IOFBF, WRITE_BYTES);
	rc = begin(r, settings);
	if (rc == 0)
		rc = replay_all(r);
	if (options->ledger)
		write_ledger(r);
	works_fini(&r->works);
	error = scribe_finish(r->scribe);
	if (r->out != stdout)
		fclose(r->out);
	if (error != 0) {
		rc = error;
		fprintf(stderr, "tallyman: %s: %s\n", options->out != NULL ?
		    options->out : "standard output", strerror(-error));
	}
out:
	settings_free(settings);
	free(r);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static const char help[] =
    "  --pcap FILE        packets; may be given several times\n"
    "  --audit FILE       lines of an audit log\n"
    "  --docker FILE      docker.ndjson of a bundle\n"
    "  --conntrack FILE   conntrack.ndjson of a bundle\n"
    "  --link FILE, --proc FILE, --procfs FILE\n"
    "                     the like of a bundle\n"
    "  -o, --output FILE  instead of standard output\n"
    "  --ledger           the ledger to standard error at the end\n";

int
command_replay(struct command_env *env, int argc, char **argv)
{
	enum { FILE_0 = 0x200, LEDGER = 0x300 };
	static const struct option longs[] = {
		{ "pcap", required_argument, NULL, FILE_0 + BUNDLE_PACKET },
		{ "audit", required_argument, NULL, FILE_0 + BUNDLE_AUDIT },
		{ "docker", required_argument, NULL, FILE_0 + BUNDLE_DOCKER },
		{ "conntrack", required_argument, NULL,
		    FILE_0 + BUNDLE_CONNTRACK },
		{ "link", required_argument, NULL, FILE_0 + BUNDLE_LINK },
		{ "proc", required_argument, NULL, FILE_0 + BUNDLE_PROC },
		{ "procfs", required_argument, NULL, FILE_0 + BUNDLE_PROCFS },
		{ "output", required_argument, NULL, 'o' },
		{ "ledger", no_argument, NULL, LEDGER },
		COMMAND_LONGS
	};
	struct replay_options options = { 0 };
	struct sources *sources = sources_new();
	struct buf why;
	bool any = false;
	int c, rc = 0, status = EXIT_USAGE;

	buf_init(&why, 0);
	while (sources != NULL && rc == 0 &&
	    (c = command_getopt(env, argc, argv, "c:ho:", longs)) != -1) {
		if (c >= FILE_0 && c < FILE_0 + BUNDLE_FILES) {
			any = true;
			rc = sources_add(sources,
			    (enum bundle_file)(c - FILE_0), optarg, &why);
		} else if (c == LEDGER)
			options.ledger = true;
		else if (c == 'o')
			options.out = optarg;
		else if (c == 'h') {
			command_usage(stdout, command_find("replay"), help);
			status = EXIT_OK;
			goto out;
		} else
			goto out;
	}
	if (rc == 0 && !any && optind + 1 == argc) {
		any = true;
		rc = sources_add_bundle(sources, argv[optind++], &why);
	}
	if (rc != 0) {
		fputs(buf_text(&why), stderr);
		status = EXIT_FAILED;
	} else if (any && !command_ends(argc, argv))
		status = EXIT_USAGE;
	else if (!any)
		fprintf(stderr, "tallyman replay: expected one bundle, or "
		    "--pcap and the like\nsee tallyman replay --help\n");
	else
		status = replay(env, &options, sources);
out:
	sources_free(sources);
	buf_fini(&why);
	return status;
}
