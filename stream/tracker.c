#include "stream/tracker.h"

const struct nat_conn *
tracker_conn(const struct tracker *t, const struct flow *f)
{
	const struct nat_conn *c;

	if (f->conn == NAT_NONE)
		return NULL;
	c = nat_conn(t->nat, f->conn);
	/* The slot may have been evicted and given to another. */
	return c->live && key_equal(&c->original, &f->key) ? c : NULL;
}

void
tracker_set_precious(struct tracker *t, uint32_t number)
{
	const struct flow *f = flow_get(t->flows, number);

	flow_set_precious(t->flows, number, true);
	if (tracker_conn(t, f) != NULL)
		nat_conn(t->nat, f->conn)->precious = true;
}
