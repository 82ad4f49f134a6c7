#include "rules/alert/contact.h"

#include <stdlib.h>
#include <string.h>

#define PORT_DOMAIN	53
#define EXFILTRATION	"TA0010"

struct waiting {
	const struct sigma_rule	*rule;
	const struct event	*cause;
	size_t			 key_len;
	char			 key[CONTACT_KEY + 1];	/* with a NUL */
};

struct contact_list {
	contact_fn	 fn;
	void		*ctx;
	size_t		 n;
	struct waiting	*all[CONTACT_MAX];	/* oldest first */
};

struct contact_list *
contact_new(contact_fn fn, void *ctx)
{
	struct contact_list *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->fn = fn;
	l->ctx = ctx;
	return l;
}

static struct waiting *
take(struct contact_list *l, size_t i)
{
	struct waiting *w = l->all[i];

	l->n--;
	memmove(&l->all[i], &l->all[i + 1], (l->n - i) * sizeof(l->all[0]));
	return w;
}

static void
release(struct waiting *w)
{
	event_unref(w->cause);
	free(w);
}

void
contact_free(struct contact_list *l)
{
	if (l == NULL)
		return;
	while (l->n > 0)
		release(take(l, 0));
	free(l);
}

static void
give(struct contact_list *l, size_t i, const struct event *to)
{
	struct waiting *w = take(l, i);

	l->fn(l->ctx, w->rule, w->cause, w->key, w->key_len, to);
	release(w);
}

static bool
takes_data_out(const struct sigma_rule *rule)
{
	for (size_t i = 0; i < rule->tactics.n; i++)
		if (strcmp(rule->tactics.items[i], EXFILTRATION) == 0)
			return true;
	return false;
}

bool
contact_wait(struct contact_list *l, const struct sigma_rule *rule,
    const struct event *cause, const char *key, size_t key_len)
{
	struct waiting *w;

	if (l->n == CONTACT_MAX || key_len > CONTACT_KEY ||
	    event_dataset(cause) != EVENT_PROCESS ||
	    event_get(cause, FIELD_PROCESS_ENTITY_ID) == NULL ||
	    event_get(cause, FIELD_DESTINATION_IP) != NULL ||
	    !takes_data_out(rule) ||
	    (w = malloc(sizeof(*w))) == NULL)
		return false;
	w->rule = rule;
	w->cause = event_ref(cause);
	w->key_len = key_len;
	memcpy(w->key, key, key_len);
	w->key[key_len] = '\0';
	l->all[l->n++] = w;
	return true;
}

static bool
is_destination(const struct event *e)
{
	const struct event_value *ip = event_get(e, FIELD_DESTINATION_IP);

	if (event_dataset(e) == EVENT_NETWORK) {
		if (strcmp(event_str(e, FIELD_EVENT_ACTION), "connect") != 0)
			return false;
	} else if (event_dataset(e) != EVENT_FLOW)
		return false;
	return ip != NULL && !ipaddr_is_loopback(&ip->ip) &&
	    event_num(e, FIELD_DESTINATION_PORT) != PORT_DOMAIN;
}

static bool
is_by(const struct event *e, const char *entity)
{
	return strcmp(event_str(e, FIELD_PROCESS_ENTITY_ID), entity) == 0 ||
	    strcmp(event_str(e, FIELD_PROCESS_PARENT_ENTITY_ID), entity) == 0;
}

void
contact_see(struct contact_list *l, const struct event *e)
{
	const char *entity;

	if (l->n == 0 || !is_destination(e))
		return;
	for (size_t i = l->n; i-- > 0;) {
		entity = event_str(l->all[i]->cause, FIELD_PROCESS_ENTITY_ID);
		if (is_by(e, entity))
			give(l, i, e);
	}
}

void
contact_tick(struct contact_list *l, struct wall now)
{
	while (l->n > 0 &&
	    now.ns - event_time(l->all[0]->cause).ns > CONTACT_WAIT_NS)
		give(l, 0, NULL);
}

void
contact_flush(struct contact_list *l)
{
	while (l->n > 0)
		give(l, 0, NULL);
}
