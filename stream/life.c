#include "stream/life.h"

#include <netinet/in.h>

#include "stream/relay.h"
#include "stream/report.h"
#include "stream/tunnel.h"

#define QUIET_MS	500	/* least time between two reports */
/* After the last packet of a closed flow; TCP sends a FIN again that was not
 * answered after 200 ms and the round trip, RFC 6298 as Linux has it. */
#define LINGER_MS	300
#define RESET_MS	800	/* of one that was reset */
#define LOSSY_MS	1500	/* of one that lost packets: its last ones may be
				   sent again, the first time after 200 ms */
#define DELTA_MAX	(UINT32_C(1) << 31)

static uint64_t
lost_during(const struct tracker *t, const struct flow *f)
{
	uint64_t lost = 0;
	size_t i;

	for (i = 0; i < t->n_losses; i++)
		if (t->losses[i].when_ns >= f->first_ns)
			lost += t->losses[i].packets;
	return lost;
}

static void
report(struct tracker *t, uint32_t number, bool final)
{
	struct flow *f = flow_get(t->flows, number);
	struct report_env env = { .pipeline = t->pipeline,
	    .links = t->links, .conn = tracker_conn(t, f),
	    .lost = t->n_losses == 0 ? 0 : lost_during(t, f) };

	if (f->bits & FLOW_BIT_RELAY)
		env.relay = relay_find(t, number, final);
	if (f->bits & FLOW_BIT_TUNNEL)
		env.tunnel = tunnel_find(t, number);
	t->tally.n[TALLY_REPORT_DUE]++;
	f->reported_ms = t->now_ms;
	if (report_flow(&env, f, final))
		t->tally.n[TALLY_REPORT_DELIVERED]++;
	else
		t->tally.n[TALLY_REPORT_NO_MEMORY]++;
}

void
life_drop(struct tracker *t, uint32_t number)
{
	struct flow *f = flow_get(t->flows, number);

	if (f->bits & FLOW_BIT_RELAY)
		relay_forget(t, number);
	if (f->bits & FLOW_BIT_TUNNEL)
		tunnel_forget(t, number);
	if (tracker_conn(t, f) != NULL &&
	    nat_conn(t->nat, f->conn)->flow == number)
		nat_release(t->nat, f->conn, t->now_ms);
	flow_drop(t->flows, number, key_hash(&t->secret, &f->key));
}

static void
report_evicted(struct tracker *t, uint32_t number)
{
	if (!flow_is_precious(t->flows, number)) {
		if (t->evict_reports == 0) {
			t->tally.n[TALLY_REPORT_DUE]++;
			t->tally.n[TALLY_REPORT_FLOOD]++;
			return;
		}
		t->evict_reports--;
	}
	report(t, number, true);
}

/* Sent again after the final report; the sums of this one hold it. */
static void
report_late(struct tracker *t, uint32_t number)
{
	const struct flow *f = flow_get(t->flows, number);

	if ((f->bits & FLOW_BIT_ENDED) &&
	    (f->delta_bytes[0] | f->delta_bytes[1]) != 0)
		report(t, number, false);
}

void
life_evict(void *ctx, uint32_t number)
{
	struct tracker *t = ctx;
	struct flow *f = flow_get(t->flows, number);

	if (!(f->bits & FLOW_BIT_ENDED)) {
		f->end = FLOW_END_EVICTED;
		report_evicted(t, number);
		t->tally.n[TALLY_FLOW_EVICTED]++;
	} else if (t->evict_reports > 0) {
		t->evict_reports--;
		report_late(t, number);
	}
	life_drop(t, number);
}

/* Every point has shown what the others have: no copy is outstanding. */
static bool
is_settled(struct flow *f)
{
	unsigned dir, p;

	for (dir = 0; dir < 2; dir++)
		for (p = 0; p < f->n_points; p++) {
			struct flow_point *at = flow_point(f, p);

			if (at->packets[dir] == 0)
				continue;
			if (at->bare[dir] != f->bare[dir] ||
			    ((f->begun[dir] & 1U << p) &&
			    at->next[dir] != f->next[dir]))
				return false;
		}
	return true;
}

/* A tenth more than an open connection gets, for those that wait for their
 * report. */
uint32_t
life_longest_ms(const struct tracker *t)
{
	return t->idle_ms * 11 + t->window_ms;
}

static uint32_t
idle_limit(const struct tracker *t, const struct flow *f)
{
	bool open = f->key.proto == IPPROTO_TCP && f->sum[0].packets != 0 &&
	    f->sum[1].packets != 0;

	return open ? t->idle_ms * 10 : t->idle_ms;
}

/* The final report. The flow stays for late copies. */
static void
finish(struct tracker *t, uint32_t number, enum flow_end why)
{
	struct flow *f = flow_get(t->flows, number);

	f->end = (uint8_t)why;
	report(t, number, true);
	f->bits |= FLOW_BIT_ENDED;
	flow_set_precious(t->flows, number, false);
	flow_set_due(t->flows, number, f->active_ms + t->window_ms);
}

static enum flow_end
closing_reason(const struct flow *f)
{
	if (f->end == FLOW_END_REPLACED)
		return FLOW_END_REPLACED;
	return f->bits & FLOW_BIT_RST ? FLOW_END_RST : FLOW_END_FIN;
}

/* Does an open flow have enough news for a report now? */
static bool
has_news(const struct tracker *t, const struct flow *f)
{
	uint64_t fresh = (uint64_t)f->delta_payload[0] + f->delta_payload[1];
	uint32_t since = t->now_ms - f->reported_ms;

	return (f->bits & FLOW_BIT_CHANGED) && (since >= t->period_ms ||
	    (since >= QUIET_MS && fresh >= t->report_bytes));
}

/* What the other end had sent before the reset reached it is still to come;
 * a connection that was refused has nothing of the kind. */
static uint32_t
linger_of(const struct tracker *t, const struct flow *f)
{
	bool lossy = f->extra != NULL && f->extra->again_sum != 0;
	uint32_t linger = lossy ? LOSSY_MS : (f->bits & FLOW_BIT_RST) &&
	    (f->sum[0].payload | f->sum[1].payload) != 0 ? RESET_MS : LINGER_MS;

	return linger < t->window_ms ? linger : t->window_ms;
}

/* A closed connection goes on as long as packets come. */
static void
serve_closing(struct tracker *t, uint32_t number, uint32_t idle)
{
	struct flow *f = flow_get(t->flows, number);
	uint32_t linger = linger_of(t, f);
	uint32_t wait = is_settled(f) ? linger : t->window_ms;

	if (idle >= wait) {
		finish(t, number, closing_reason(f));
		return;
	}
	if (has_news(t, f))
		report(t, number, false);
	flow_set_due(t->flows, number, f->active_ms +
	    (idle >= linger ? wait : linger));
}

static void
serve_open(struct tracker *t, uint32_t number, uint32_t idle)
{
	struct flow *f = flow_get(t->flows, number);
	uint32_t limit = idle_limit(t, f), wait = t->period_ms;

	if (idle >= limit) {
		f->end = FLOW_END_IDLE;
		report(t, number, true);
		life_drop(t, number);
		return;
	}
	if (f->reports == 0 || (f->bits & FLOW_BIT_CHANGED))
		report(t, number, false);
	if (limit - idle < wait)
		wait = limit - idle;
	flow_set_due(t->flows, number, t->now_ms + wait);
}

/* A flow whose time has come. */
static void
serve(struct tracker *t, uint32_t number)
{
	struct flow *f = flow_get(t->flows, number);
	uint32_t idle = t->now_ms - f->active_ms;

	if (!(f->bits & FLOW_BIT_ENDED)) {
		if (life_is_closing(f))
			serve_closing(t, number, idle);
		else
			serve_open(t, number, idle);
	} else if (idle >= t->window_ms) {
		report_late(t, number);
		life_drop(t, number);
	} else {
		flow_set_due(t->flows, number, f->active_ms + t->window_ms);
	}
}

/* What is over the budget stays due. */
static void
serve_within(struct tracker *t, uint32_t number, uint32_t *left)
{
	bool ended = flow_get(t->flows, number)->bits & FLOW_BIT_ENDED;

	if (!ended && !flow_is_precious(t->flows, number)) {
		if (*left == 0) {
			if (t->served == FLOW_NONE)
				t->served = number - 1;
			return;
		}
		(*left)--;
	}
	serve(t, number);
}

/* Once round the table, from where the budget ended the last time. */
void
life_serve(struct tracker *t)
{
	bool full = t->queued != NULL && ledger_get(t->queued) > LIFE_QUEUED;
	uint32_t from = t->served, number = from;
	uint32_t left = full ? 0 : LIFE_BUDGET;

	t->served = FLOW_NONE;
	t->evict_reports = full ? 0 : LIFE_EVICT_BUDGET;
	while ((number = flow_next_due(t->flows, number, t->now_ms)) !=
	    FLOW_NONE)
		serve_within(t, number, &left);
	while ((number = flow_next_due(t->flows, number, t->now_ms)) !=
	    FLOW_NONE && number <= from)
		serve_within(t, number, &left);
}

void
life_end_all(struct tracker *t)
{
	uint32_t number = FLOW_NONE;
	struct flow *f;

	while ((number = flow_next(t->flows, number)) != FLOW_NONE) {
		f = flow_get(t->flows, number);
		if (f->bits & FLOW_BIT_ENDED) {
			report_late(t, number);
			continue;
		}
		f->end = (uint8_t)(life_is_closing(f) ? closing_reason(f) :
		    FLOW_END_SHUTDOWN);
		report(t, number, true);
	}
}

void
life_news(struct tracker *t, uint32_t number, uint64_t before)
{
	struct flow *f = flow_get(t->flows, number);
	uint64_t fresh = (uint64_t)f->delta_payload[0] + f->delta_payload[1];
	uint32_t at;

	if (fresh >= DELTA_MAX) {
		report(t, number, false);
		return;
	}
	if (f->reports == 0 || before >= t->report_bytes ||
	    fresh < t->report_bytes)
		return;
	at = f->reported_ms + QUIET_MS;
	if ((int32_t)(at - t->now_ms) < 0)
		at = t->now_ms;
	flow_set_due(t->flows, number, at);
}

void
life_replace(struct tracker *t, uint32_t number)
{
	struct flow *f = flow_get(t->flows, number);

	if (f->bits & FLOW_BIT_ENDED)
		return;
	if (!life_is_closing(f))
		f->end = FLOW_END_REPLACED;
	flow_set_due(t->flows, number, t->now_ms + LINGER_MS);
}

void
life_thin_out(struct tracker *t, uint32_t newest)
{
	uint32_t number = newest;
	unsigned n = 0;

	while (flow_get(t->flows, number)->older != FLOW_NONE) {
		number = flow_get(t->flows, number)->older;
		n++;
	}
	if (n > LIFE_GENERATIONS)
		life_evict(t, number);
}

void
life_end_stray(struct tracker *t, const struct key *wire)
{
	uint64_t hash = key_hash(&t->secret, wire);
	uint32_t number = flow_find(t->flows, wire, hash);
	struct flow *f;

	if (number == FLOW_NONE)
		return;
	f = flow_get(t->flows, number);
	if (f->conn != NAT_NONE || (f->bits & FLOW_BIT_ENDED))
		return;
	t->tally.n[TALLY_FLOW_STRAY]++;
	if (f->reports != 0) {
		f->end = FLOW_END_REPLACED;
		report(t, number, true);
	}
	life_drop(t, number);
}

void
life_close(struct tracker *t, uint32_t number)
{
	flow_set_due(t->flows, number, t->now_ms + LINGER_MS);
}

void
life_amend(struct tracker *t, uint32_t number)
{
	struct flow *f = flow_get(t->flows, number);

	if (f->bits & FLOW_BIT_RST)
		return;
	f->bits &= (uint16_t)~FLOW_BIT_ENDED;
	if (f->end != FLOW_END_REPLACED)
		f->end = FLOW_END_NONE;
	flow_set_due(t->flows, number, t->now_ms + LINGER_MS);
}

/*
 * What was counted stands in the final report. What comes now is a flow of its
 * own, with a start and an id of its own; what is known of sequence numbers
 * and points stays, so that late copies are still known as copies.
 */
void
life_reopen(struct tracker *t, uint32_t number, struct wall when)
{
	const uint16_t closing = FLOW_BIT_RST | FLOW_BIT_FIN(0) |
	    FLOW_BIT_FIN(1) | FLOW_BIT_FIN_ACKED(0) | FLOW_BIT_FIN_ACKED(1);
	struct flow *f = flow_get(t->flows, number);

	if (f->bits & FLOW_BIT_RELAY)
		relay_forget(t, number);
	flow_begin_again(f, when.ns);
	f->bits &= (uint16_t)~(FLOW_BIT_ENDED | closing);
	if (f->end != FLOW_END_REPLACED)
		f->end = FLOW_END_NONE;
	t->tally.n[TALLY_FLOW_MADE]++;
	t->tally.n[TALLY_FLOW_REOPENED]++;
	f->reported_ms = t->now_ms;
	flow_set_due(t->flows, number, t->now_ms + LINGER_MS);
}
