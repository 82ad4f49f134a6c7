#include "rules/alert/alert.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "rules/alert/reason.h"
#include "rules/alert/target.h"
#include "rules/sigma/attack.h"
#include "rules/text.h"

#define REASON_MAX	4096

/* Fields of the cause that the alert carries too. */
static const char *const carried[] = {
	"agent.", "container.", "destination.", "ecs.", "file.", "group.",
	"host.", "network.", "observer.", "process.", "related.", "source.",
	"user.", "tallyman.audit.", "tallyman.container.",
	"tallyman.destination.", "tallyman.docker.", "tallyman.entry.",
	"tallyman.flow.", "tallyman.source."
};
#define N_CARRIED	(sizeof(carried) / sizeof(carried[0]))

static bool
is_carried(const char *name)
{
	size_t i;

	for (i = 0; i < N_CARRIED; i++)
		if (strncmp(name, carried[i], strlen(carried[i])) == 0)
			return true;
	return false;
}

/* At most `limit` bytes of a text, with "..." when it is cut. */
static void
copy_text(struct event *a, const struct event_value *v, size_t limit)
{
	struct buf text;

	if (v->str.len <= limit) {
		event_set_str(a, v->field, v->str.text, v->str.len);
		return;
	}
	buf_init(&text, 0);
	text_add_cut(&text, v->str.text, limit);
	event_set_str(a, v->field, buf_text(&text), text.len);
	buf_fini(&text);
}

/* Members up to `limit` bytes together. */
static void
copy_list(struct event *a, const struct event_value *v, size_t limit)
{
	size_t total = 0;
	uint32_t i;

	for (i = 0; i < v->count; i++) {
		total += v->strs[i].len + 3;
		if (total > limit)
			break;
		event_add_str(a, v->field, v->strs[i].text, v->strs[i].len,
		    false);
	}
}

static void
copy_map(struct event *a, const struct event_value *v, size_t limit)
{
	size_t total = 0;
	uint32_t i;

	for (i = 0; i + 1 < v->count; i += 2) {
		total += v->strs[i].len + v->strs[i + 1].len + 6;
		if (total > limit)
			break;
		event_add_pair(a, v->field, v->strs[i].text,
		    v->strs[i + 1].text);
	}
}

static void
copy_field(struct event *a, const struct event *cause, enum field_id id,
    size_t limit)
{
	const struct event_value *v = event_get(cause, id);

	if (v == NULL) {
		if (event_has(cause, id) == EVENT_MISSING)
			event_set_missing(a, id);
		return;
	}
	switch (field_table[id].type) {
	case FIELD_TYPE_STR:
		copy_text(a, v, limit);
		break;
	case FIELD_TYPE_STRS:
		copy_list(a, v, limit);
		break;
	case FIELD_TYPE_MAP:
		copy_map(a, v, limit);
		break;
	case FIELD_TYPE_JSON:
		if (v->str.len <= limit)
			event_copy(a, cause, id);
		break;
	default:
		event_copy(a, cause, id);
		break;
	}
}

static void
copy_cause(struct event *a, const struct event *cause, size_t limit)
{
	unsigned id;

	for (id = 0; id < FIELD_COUNT; id++)
		if (is_carried(field_table[id].name))
			copy_field(a, cause, (enum field_id)id, limit);
	event_copy(a, cause, FIELD_EVENT_ACTION);
	event_copy(a, cause, FIELD_EVENT_OUTCOME);
	event_copy(a, cause, FIELD_DATA_STREAM_NAMESPACE);
}

/* To where the process connected, see contact.h. */
static void
copy_contact(struct event *a, const struct event *contact)
{
	static const enum field_id ends[] = {
		FIELD_DESTINATION_ADDRESS, FIELD_DESTINATION_DOMAIN,
		FIELD_DESTINATION_IP, FIELD_DESTINATION_PORT,
		FIELD_NETWORK_TRANSPORT, FIELD_NETWORK_TYPE,
		FIELD_TALLYMAN_DESTINATION_SCOPE,
		FIELD_TALLYMAN_DESTINATION_CONTAINER_ID,
		FIELD_TALLYMAN_DESTINATION_CONTAINER_NAME
	};
	const struct event_value *ip;
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		event_copy(a, contact, ends[i]);
	ip = event_get(contact, FIELD_DESTINATION_IP);
	if (ip != NULL)
		event_add_ip(a, FIELD_RELATED_IP, &ip->ip);
}

static void
add_str(struct event *e, enum field_id id, const char *text)
{
	event_add_str(e, id, text, strlen(text), true);
}

static void
set_str(struct event *e, enum field_id id, const char *text)
{
	if (text != NULL && text[0] != '\0')
		event_set_cstr(e, id, text);
}

static void
set_cut(struct event *e, enum field_id id, const char *text, size_t limit)
{
	struct buf cut;

	if (text == NULL || text[0] == '\0')
		return;
	buf_init(&cut, 0);
	text_add_cut(&cut, text, limit);
	event_set_str(e, id, buf_text(&cut), cut.len);
	buf_fini(&cut);
}

static void
set_identity(struct event *a, const struct alert_cause *c)
{
	char id[HASH_ID_TEXT];
	const char *parts[3] = { "alert", c->rule->id, c->key };

	hash_id(id, parts, 3);
	event_set_cstr(a, FIELD_EVENT_ID, id);
	event_set_cstr(a, FIELD_TALLYMAN_ALERT_ID, id);
}

static void
set_event(struct event *a, const struct alert_cause *c)
{
	static const struct { int64_t severity; double risk; } levels[] = {
		[SIGMA_INFORMATIONAL] = { 21, 21 }, [SIGMA_LOW] = { 21, 21 },
		[SIGMA_MEDIUM] = { 47, 47 }, [SIGMA_HIGH] = { 73, 73 },
		[SIGMA_CRITICAL] = { 99, 99 }
	};
	const struct event_value *v = event_get(c->event,
	    FIELD_EVENT_CATEGORY);
	const struct event_value *start = event_get(c->event,
	    FIELD_EVENT_START);
	struct wall first = start != NULL ? start->time : event_time(c->event);
	uint32_t i;

	if (c->n_ids > 0 && c->first.ns < first.ns)
		first = c->first;
	event_set_cstr(a, FIELD_EVENT_KIND, "alert");
	add_str(a, FIELD_EVENT_CATEGORY, "intrusion_detection");
	for (i = 0; v != NULL && i < v->count; i++)
		event_add_str(a, FIELD_EVENT_CATEGORY, v->strs[i].text,
		    v->strs[i].len, true);
	add_str(a, FIELD_EVENT_TYPE, "info");
	event_set_cstr(a, FIELD_EVENT_MODULE, "tallyman");
	event_set_cstr(a, FIELD_EVENT_PROVIDER, "rules");
	event_set_cstr(a, FIELD_EVENT_CODE, c->rule->id);
	event_set_num(a, FIELD_EVENT_SEVERITY, levels[c->rule->level].severity);
	event_set_dbl(a, FIELD_EVENT_RISK_SCORE, levels[c->rule->level].risk);
	event_set_time(a, FIELD_EVENT_START, first);
	event_set_time(a, FIELD_EVENT_END, event_time(c->event));
	event_set_num(a, FIELD_EVENT_DURATION,
	    event_time(c->event).ns - first.ns);
}

/* Authors are separated by commas. */
static void
add_authors(struct event *a, const char *text)
{
	size_t n;

	while (text != NULL && *text != '\0') {
		text += strspn(text, ", ");
		n = strcspn(text, ",");
		if (n > 0)
			event_add_str(a, FIELD_RULE_AUTHOR, text, n, true);
		text += n;
	}
}

static void
set_rule(struct event *a, const struct sigma_rule *rule, size_t limit)
{
	const char *slash = strrchr(rule->file, '/');

	event_set_cstr(a, FIELD_RULE_ID, rule->id);
	event_set_cstr(a, FIELD_RULE_NAME, rule->title);
	set_cut(a, FIELD_RULE_DESCRIPTION, rule->description, limit);
	set_str(a, FIELD_RULE_LICENSE, rule->license);
	set_str(a, FIELD_RULE_CATEGORY, rule->kind == SIGMA_CORRELATION ?
	    "correlation" : rule->category);
	set_str(a, FIELD_RULE_RULESET, slash == NULL ? rule->file : slash + 1);
	if (rule->references.n > 0)
		set_str(a, FIELD_RULE_REFERENCE, rule->references.items[0]);
	add_authors(a, rule->author);
}

static void
set_threat(struct event *a, const struct sigma_rule *rule)
{
	size_t i;

	if (rule->tactics.n + rule->techniques.n > 0)
		event_set_cstr(a, FIELD_THREAT_FRAMEWORK, "MITRE ATT&CK");
	for (i = 0; i < rule->tactics.n; i++) {
		add_str(a, FIELD_THREAT_TACTIC_ID, rule->tactics.items[i]);
		add_str(a, FIELD_THREAT_TACTIC_NAME,
		    attack_tactic_name(rule->tactics.items[i]));
	}
	for (i = 0; i < rule->techniques.n; i++)
		add_str(a, FIELD_THREAT_TECHNIQUE_ID,
		    rule->techniques.items[i]);
	for (i = 0; i < rule->subtechniques.n; i++)
		add_str(a, FIELD_THREAT_TECHNIQUE_SUBTECHNIQUE_ID,
		    rule->subtechniques.items[i]);
}

static void
set_events(struct event *a, const struct alert_cause *c)
{
	const char *own = event_str(c->event, FIELD_EVENT_ID);
	size_t i;

	for (i = 0; i < c->n_ids; i++)
		add_str(a, FIELD_TALLYMAN_ALERT_EVENTS, c->ids[i]);
	if (own[0] != '\0' && c->n_ids == 0)
		add_str(a, FIELD_TALLYMAN_ALERT_EVENTS, own);
	if (c->contact != NULL)
		add_str(a, FIELD_TALLYMAN_ALERT_EVENTS,
		    event_str(c->contact, FIELD_EVENT_ID));
	if (c->value > 0 && c->rule->kind == SIGMA_CORRELATION)
		event_set_num(a, FIELD_TALLYMAN_ALERT_SUM, c->value);
}

/* An exec has no destination of its own, its arguments may name one. */
static bool
set_target(struct event *a, const struct event *cause, struct target *t)
{
	struct ipaddr ip;

	if (event_dataset(cause) != EVENT_PROCESS ||
	    event_get(cause, FIELD_DESTINATION_IP) != NULL ||
	    event_get(cause, FIELD_DESTINATION_ADDRESS) != NULL ||
	    !target_find(cause, t))
		return false;
	event_set_cstr(a, FIELD_DESTINATION_ADDRESS, t->host);
	if (t->port != 0)
		event_set_num(a, FIELD_DESTINATION_PORT, t->port);
	if (ipaddr_parse(t->host, strlen(t->host), &ip) == 0) {
		event_set_ip(a, FIELD_DESTINATION_IP, &ip);
		if (event_get(a, FIELD_RELATED_IP) == NULL)
			event_add_ip(a, FIELD_RELATED_IP, &ip);
	} else {
		event_set_cstr(a, FIELD_DESTINATION_DOMAIN, t->host);
		add_str(a, FIELD_RELATED_HOSTS, t->host);
	}
	return true;
}

static bool
set_texts(struct event *a, const struct alert_cause *c,
    const struct gaps *gaps)
{
	bool sum = c->rule->kind == SIGMA_CORRELATION &&
	    c->rule->correlation->type == SIGMA_VALUE_SUM;
	struct target target;
	bool named = c->contact == NULL &&
	    set_target(a, c->event, &target), ok;
	struct buf text;

	buf_init(&text, REASON_MAX);
	reason_write(&text, c->event, sum ? c->value : 0,
	    named ? &target : NULL);
	if (c->contact != NULL) {
		buf_add_str(&text, "; it connected to ");
		reason_add_peer(&text, c->contact);
	}
	event_set_str(a, FIELD_EVENT_REASON, buf_text(&text), text.len);
	event_set_fmt(a, FIELD_MESSAGE, "%s: %s", c->rule->title,
	    buf_text(&text));
	buf_fini(&text);
	buf_init(&text, 0);
	if (gaps != NULL)
		gaps_write(gaps, c->first, &text);
	else
		buf_add_str(&text, "{}");
	ok = buf_ok(&text);
	if (ok)
		event_set_json(a, FIELD_TALLYMAN_GAPS, buf_text(&text),
		    text.len);
	buf_fini(&text);
	return ok;
}

static struct event *
make(const struct alert_cause *c, const struct gaps *gaps, size_t limit)
{
	struct event *a = event_new(EVENT_ALERT, event_time(c->event));

	if (a == NULL)
		return NULL;
	copy_cause(a, c->event, limit);
	if (c->contact != NULL)
		copy_contact(a, c->contact);
	set_event(a, c);
	set_identity(a, c);
	set_rule(a, c->rule, limit);
	set_threat(a, c->rule);
	set_events(a, c);
	if (set_texts(a, c, gaps) &&
	    event_get(a, FIELD_TALLYMAN_ALERT_ID) != NULL)
		return a;
	event_unref(a);
	return NULL;
}

static bool
is_small(const struct event *a)
{
	struct buf text;
	bool small;

	buf_init(&text, ALERT_BYTES_MAX);
	small = event_write_json(a, &text) == 0;
	buf_fini(&text);
	return small;
}

struct event *
alert_new(const struct alert_cause *cause, const struct gaps *gaps)
{
	static const size_t limits[] = { 2048, 512, 128, 32 };
	struct alert_cause c = *cause;
	struct event *a = NULL;
	size_t i;

	if (c.n_ids == 0)
		c.first = event_time(c.event);
	/* The last form is given however large it is. */
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		event_unref(a);
		a = make(&c, gaps, limits[i]);
		if (a == NULL || is_small(a))
			break;
	}
	return a;
}
