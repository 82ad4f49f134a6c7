#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/container.h"
#include "enrich/socket.h"
#include "lib/map.h"

#define GIVE_UP_NS	(1 * MONO_S)
/* A flood of flows is not to become a flood of questions: so many at once,
 * and so many a second. */
#define ASK_BURST	1024
#define ASK_RATE	500

struct socket_table {
	const struct enrich_ask	*ask;
	const struct mono_clock	*clock;
	struct process_table	*processes;
	struct map		*map;	/* question to socket_owners */
	int64_t			 credit_ns;	/* mono: used up until then */
	ledger_count		*asked, *found, *withheld, *evicted;
};

static void
forget(void *ctx, const void *key, void *value, bool evicted)
{
	struct socket_table *t = ctx;

	(void)key;
	(void)value;
	if (evicted)
		ledger_add(t->evicted, 1);
}

struct socket_table *
socket_table_new(const struct enrich_ask *ask, const struct mono_clock *clock,
    struct process_table *processes, struct ledger *ledger)
{
	struct socket_table *t = calloc(1, sizeof(*t));
	struct ledger_stage *stage;

	if (t == NULL)
		return NULL;
	t->ask = ask;
	t->clock = clock;
	t->processes = processes;
	t->map = map_new(sizeof(struct socket_question),
	    sizeof(struct socket_owners), SOCKET_LIMIT, forget, t);
	if (t->map == NULL) {
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	stage = ledger_stage(ledger, "enrich.flow");
	t->asked = ledger_noted(stage, "sockets_asked");
	t->found = ledger_noted(stage, "sockets_found");
	t->withheld = ledger_noted(stage, "sockets_not_asked");
	t->evicted = ledger_noted(stage, "sockets_forgotten");
	return t;
}

void
socket_table_free(struct socket_table *t)
{
	if (t == NULL)
		return;
	map_free(t->map);
	free(t);
}

static bool
may_ask(struct socket_table *t)
{
	int64_t now = mono_now(t->clock).ns, each = MONO_S / ASK_RATE;

	if (t->credit_ns < now - ASK_BURST * each)
		t->credit_ns = now - ASK_BURST * each;
	if (t->credit_ns + each > now)
		return false;
	t->credit_ns += each;
	return true;
}

void
socket_ask(struct socket_table *t, const struct socket_question *q)
{
	static const uint8_t host[32];
	struct socket_owners *o = map_put(t->map, q, NULL);
	char id[65] = "";

	if (o == NULL)
		return;
	map_touch(t->map, o);
	*o = (struct socket_owners){ .asked_ns = mono_now(t->clock).ns };
	if (!may_ask(t)) {
		ledger_add(t->withheld, 1);
		return;
	}
	o->state = SOCKET_ASKED;
	ledger_add(t->asked, 1);
	if (t->ask == NULL || t->ask->socket == NULL)
		return;
	if (memcmp(q->container, host, sizeof(host)) != 0)
		container_id_format(q->container, id);
	t->ask->socket(t->ask->ctx, id, &q->socket);
}

const struct socket_owners *
socket_get(struct socket_table *t, const struct socket_question *q)
{
	struct socket_owners *o = map_get(t->map, q);

	/* A question may get lost. */
	if (o != NULL && o->state == SOCKET_ASKED &&
	    mono_now(t->clock).ns - o->asked_ns > GIVE_UP_NS)
		o->state = SOCKET_UNKNOWN;
	return o;
}

/* It had the socket after the question. A pid that nobody has told of is new
 * to us only where no connector tells of them. */
static void
add(struct socket_table *t, struct socket_owners *o, uint32_t pid)
{
	struct process *p = process_since(t->processes, pid, o->asked_ns);

	if (p == NULL && pid != 0 && !process_is_known(t->processes, pid))
		p = process_seen(t->processes, pid, 0, mono_wall(t->clock));
	if (p == NULL || pid == 0 || o->n == ENRICH_PIDS)
		return;
	process_confirm(p, o->asked_ns);
	(void)process_settle(t->processes, p);
	process_learn(t->processes, p);
	o->list[o->n++] = process_refer(p);
}

void
socket_on_answer(struct socket_table *t, const uint8_t id[static 32],
    int status, const struct enrich_socket_answer *a)
{
	struct socket_question q = { .socket = a->asked };
	struct socket_owners *o;
	uint32_t i;

	memcpy(q.container, id, 32);
	o = map_get(t->map, &q);
	if (o == NULL || o->state != SOCKET_ASKED)
		return;
	o->state = status == -EBUSY ? SOCKET_UNKNOWN : SOCKET_ANSWERED;
	o->n = 0;
	if (status != 0)
		return;
	o->more = a->n_pids > ENRICH_PIDS;
	for (i = 0; i < a->n_pids && i < ENRICH_PIDS; i++)
		add(t, o, a->pids[i]);
	if (o->n > 0)
		ledger_add(t->found, 1);
}
