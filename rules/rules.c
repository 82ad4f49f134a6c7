#include "rules/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "rules/alert/alert.h"
#include "rules/alert/contact.h"
#include "rules/alert/seen.h"
#include "rules/correlate/correlate.h"
#include "rules/files.h"
#include "rules/matcher/matcher.h"

#define KEY_MAX	4096

/* All that a reload replaces. */
struct program {
	struct sigma_set	*set;
	struct matcher		*matcher;
	struct correlate	*correlate;
};

struct rules {
	struct program		 program;
	struct ledger_stage	*stage, *alerts;
	struct seen		*seen;
	struct gaps		*gaps;
	struct contact_list	*contacts;
	struct buf		 key;
	rules_alert_fn		 fn;
	void			*ctx;
	ledger_count		*matches, *duplicates, *regex_limit;
	ledger_count		*no_memory, *dropped;
};

static void
program_fini(struct program *p)
{
	correlate_free(p->correlate);
	matcher_free(p->matcher);
	sigma_free(p->set);
	memset(p, 0, sizeof(*p));
}

/* Reads and compiles; on failure p holds nothing. */
static int
program_init(struct program *p, const struct rules *r,
    const struct conf_list *paths, struct buf *errors)
{
	size_t n_errors = 0;
	int rc;

	memset(p, 0, sizeof(*p));
	if ((p->set = sigma_new()) == NULL)
		return -ENOMEM;
	rc = files_read(p->set, paths, errors, &n_errors);
	if (rc == 0)
		rc = sigma_link(p->set, errors, &n_errors);
	/* Expressions are compiled all the same, to report theirs too. */
	if (rc != -ENOMEM) {
		p->matcher = matcher_new(p->set, errors, &n_errors);
		if (p->matcher == NULL)
			rc = -errno;
	}
	if (rc == 0) {
		matcher_count_in(p->matcher, r->regex_limit, r->no_memory);
		p->correlate = correlate_new(p->set, r->stage);
		if (p->correlate == NULL)
			rc = -ENOMEM;
	}
	if (rc != 0)
		program_fini(p);
	return rc;
}

static void
count_in(struct rules *r, struct ledger *ledger)
{
	r->stage = ledger_stage(ledger, "rules");
	r->alerts = ledger_stage(ledger, "rules.alerts");
	r->matches = ledger_noted(r->stage, "matches");
	r->duplicates = ledger_noted(r->stage, "duplicates");
	r->regex_limit = ledger_noted(r->stage, "regex_limit");
	r->no_memory = ledger_noted(r->stage, "no_memory");
	r->dropped = ledger_dropped(r->alerts, "no_memory");
}

static void on_contact(void *, const struct sigma_rule *,
    const struct event *, const char *, size_t, const struct event *);

struct rules *
rules_load(const struct conf_list *paths, struct ledger *ledger,
    struct buf *errors)
{
	struct rules *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return NULL;
	count_in(r, ledger);
	buf_init(&r->key, KEY_MAX);
	r->seen = seen_new(ledger_noted(r->stage, "seen_evicted"));
	r->gaps = gaps_new(ledger);
	r->contacts = contact_new(on_contact, r);
	rc = r->seen == NULL || r->gaps == NULL || r->contacts == NULL ?
	    -ENOMEM :
	    program_init(&r->program, r, paths, errors);
	if (rc == 0)
		return r;
	rules_free(r);
	errno = -rc;
	return NULL;
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	contact_free(r->contacts);
	program_fini(&r->program);
	seen_free(r->seen);
	gaps_free(r->gaps);
	buf_fini(&r->key);
	free(r);
}

int
rules_reload(struct rules *r, const struct conf_list *paths,
    struct buf *errors)
{
	struct program fresh;
	int rc = program_init(&fresh, r, paths, errors);

	if (rc != 0)
		return rc;
	/* Who waits names a rule of the old program. */
	contact_flush(r->contacts);
	correlate_inherit(fresh.correlate, r->program.correlate);
	program_fini(&r->program);
	r->program = fresh;
	return 0;
}

void
rules_on_alert(struct rules *r, rules_alert_fn fn, void *ctx)
{
	r->fn = fn;
	r->ctx = ctx;
}

static void
submit(void *ctx, struct event *alert)
{
	pipeline_submit(ctx, alert);
}

void
rules_attach(struct rules *r, struct pipeline *pipeline)
{
	rules_on_alert(r, submit, pipeline);
}

/* Counts the alert in, makes it and hands it on. */
static bool
give(struct rules *r, const struct alert_cause *cause)
{
	struct event *alert;

	ledger_add(&r->alerts->received, 1);
	alert = alert_new(cause, r->gaps);
	if (alert == NULL) {
		ledger_add(r->dropped, 1);
		return false;
	}
	ledger_add(&r->alerts->delivered, 1);
	if (r->fn != NULL)
		r->fn(r->ctx, alert);
	else
		event_unref(alert);
	return true;
}

static bool
is_quiet(const struct sigma_rule *rule)
{
	return rule->silent || rule->level == SIGMA_INFORMATIONAL;
}

/* A detection rule fits the event. */
static void
alert_match(struct rules *r, const struct sigma_rule *rule,
    const struct event *e)
{
	struct alert_cause cause = { .rule = rule, .event = e };
	char when[WALL_TEXT];

	buf_reset(&r->key);
	if (!seen_key(rule, e, &r->key)) {
		/* Nothing to know it by: its time has to do. */
		wall_format(event_time(e), when);
		buf_add_str(&r->key, when);
	} else if (!seen_first(r->seen, rule->id, buf_text(&r->key),
	    r->key.len)) {
		ledger_add(r->duplicates, 1);
		return;
	}
	cause.key = buf_text(&r->key);
	cause.key_len = r->key.len;
	if (contact_wait(r->contacts, rule, e, cause.key, cause.key_len))
		return;
	if (!give(r, &cause))
		seen_forget(r->seen, rule->id, cause.key, cause.key_len);
}

/* A cause that waited for its destination goes on. */
static void
on_contact(void *ctx, const struct sigma_rule *rule, const struct event *e,
    const char *key, size_t key_len, const struct event *to)
{
	struct rules *r = ctx;
	struct alert_cause cause = {
		.rule = rule, .event = e, .key = key, .key_len = key_len,
		.contact = to
	};

	if (!give(r, &cause))
		seen_forget(r->seen, rule->id, key, key_len);
}

/* A correlation fired: the group and its first event make it one. */
static void
alert_hit(void *ctx, const struct correlate_hit *hit)
{
	struct rules *r = ctx;
	const struct sigma_rule *rule = r->program.set->rules[hit->rule];
	struct alert_cause cause = {
		.rule = rule, .event = hit->event, .ids = hit->ids,
		.n_ids = hit->n_ids, .first = hit->first, .value = hit->value
	};
	char when[WALL_TEXT];

	if (is_quiet(rule))
		return;
	buf_reset(&r->key);
	buf_add_str(&r->key, hit->group);
	wall_format(hit->first, when);
	buf_printf(&r->key, " %s %s", hit->n_ids > 0 ? hit->ids[0] : "", when);
	cause.key = buf_text(&r->key);
	cause.key_len = r->key.len;
	give(r, &cause);
}

void
rules_judge(void *self, const struct event *e)
{
	struct rules *r = self;
	const uint32_t *hits;
	size_t i, n;

	ledger_add(&r->stage->received, 1);
	gaps_tick(r->gaps, event_time(e));
	contact_see(r->contacts, e);
	hits = matcher_run(r->program.matcher, e, &n);
	for (i = 0; i < n; i++) {
		const struct sigma_rule *rule = r->program.set->rules[hits[i]];

		ledger_add(r->matches, 1);
		if (!is_quiet(rule))
			alert_match(r, rule, e);
	}
	if (n > 0)
		correlate_feed(r->program.correlate, e, hits, n, alert_hit, r);
	ledger_add(&r->stage->delivered, 1);
}

void
rules_tick(struct rules *r, struct wall now)
{
	gaps_tick(r->gaps, now);
	contact_tick(r->contacts, now);
}

void
rules_flush(struct rules *r)
{
	contact_flush(r->contacts);
}

static bool
is_listed(const struct sigma_rule *rule)
{
	return rule->kind != SIGMA_FILTER && !rule->foreign;
}

size_t
rules_count(const struct rules *r)
{
	const struct sigma_set *set = r->program.set;
	size_t i, n = 0;

	for (i = 0; i < set->n; i++)
		n += is_listed(set->rules[i]);
	return n;
}

static const char *
what_of(const struct sigma_rule *rule)
{
	if (rule->kind == SIGMA_CORRELATION)
		return sigma_type_name(rule->correlation->type);
	if (rule->kind == SIGMA_FILTER)
		return "filter";
	if (rule->foreign)
		return "foreign";
	if (rule->category != NULL)
		return rule->category;
	return rule->service != NULL ? rule->service : "any";
}

static const char *
alerts_of(const struct sigma_rule *rule)
{
	if (rule->kind == SIGMA_FILTER || rule->foreign)
		return "no";
	if (rule->silent)
		return "no, part of a correlation";
	return rule->level == SIGMA_INFORMATIONAL ? "no, informational" : "yes";
}

static void
list_json(const struct sigma_rule *rule, struct json_writer *w)
{
	size_t i;

	json_open(w, '{');
	json_key_str(w, "id");
	json_put_cstr(w, rule->id);
	json_key_str(w, "title");
	json_put_cstr(w, rule->title);
	json_key_str(w, "level");
	json_put_cstr(w, rule->kind == SIGMA_FILTER ? NULL :
	    sigma_level_name(rule->level));
	json_key_str(w, "source");
	json_put_cstr(w, what_of(rule));
	json_key_str(w, "alerts");
	json_put_cstr(w, alerts_of(rule));
	json_key_str(w, "techniques");
	json_open(w, '[');
	for (i = 0; i < rule->techniques.n; i++)
		json_put_cstr(w, rule->techniques.items[i]);
	for (i = 0; i < rule->subtechniques.n; i++)
		json_put_cstr(w, rule->subtechniques.items[i]);
	json_close(w, ']');
	json_key_str(w, "file");
	json_put_cstr(w, rule->file);
	json_key_str(w, "line");
	json_put_u64(w, rule->line);
	json_close(w, '}');
}

static void
list_line(const struct sigma_rule *rule, struct buf *out)
{
	buf_printf(out, "%-20s %-13s %-18s %s%s%s\n", rule->id,
	    rule->kind == SIGMA_FILTER ? "-" : sigma_level_name(rule->level),
	    what_of(rule), rule->title,
	    strcmp(alerts_of(rule), "yes") == 0 ? "" : "  no alert: ",
	    strcmp(alerts_of(rule), "yes") == 0 ? "" :
	    strncmp(alerts_of(rule), "no, ", 4) == 0 ? alerts_of(rule) + 4 :
	    what_of(rule));
}

void
rules_write_list(const struct rules *r, bool json, struct buf *out)
{
	const struct sigma_set *set = r->program.set;
	struct json_writer w;
	size_t i;

	if (!json) {
		buf_printf(out, "%-20s %-13s %-18s %s\n", "ID", "LEVEL",
		    "SOURCE", "TITLE");
		for (i = 0; i < set->n; i++)
			list_line(set->rules[i], out);
		return;
	}
	json_writer_init(&w, out);
	json_open(&w, '[');
	for (i = 0; i < set->n; i++)
		list_json(set->rules[i], &w);
	json_close(&w, ']');
}
