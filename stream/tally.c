#include "stream/tally.h"

void
tally_bind(struct tally *t, struct ledger *ledger)
{
	struct ledger_stage *d = ledger_stage(ledger, "stream.decode");
	struct ledger_stage *f = ledger_stage(ledger, "stream.flow");
	struct ledger_stage *u = ledger_stage(ledger, "stream.tunnel");
	struct ledger_stage *n = ledger_stage(ledger, "stream.nat");
	struct ledger_stage *r = ledger_stage(ledger, "stream.reports");
	ledger_count **to = t->to;

	to[TALLY_DECODE_RECEIVED] = &d->received;
	to[TALLY_DECODE_DELIVERED] = &d->delivered;
	to[TALLY_DECODE_ARP_SEEN] = ledger_noted(d, "arp");
	to[TALLY_DECODE_NON_IP_SEEN] = ledger_noted(d, "non_ip");
	to[TALLY_DECODE_CUT] = ledger_dropped(d, "truncated");
	to[TALLY_DECODE_BAD] = ledger_dropped(d, "bad_header");
	to[TALLY_DECODE_EXOTIC] = ledger_dropped(d, "unsupported");
	to[TALLY_FLOW_RECEIVED] = &f->received;
	to[TALLY_FLOW_DELIVERED] = &f->delivered;
	to[TALLY_FLOW_NO_MEMORY] = ledger_dropped(f, "no_memory");
	to[TALLY_FLOW_BAD_FRAGMENT] = ledger_dropped(f, "bad_fragment");
	to[TALLY_FLOW_PARTIAL_UNREADABLE] =
	    ledger_dropped(f, "incomplete_fragments");
	to[TALLY_FLOW_NEW] = ledger_noted(f, "packets");
	to[TALLY_FLOW_COPY] = ledger_noted(f, "copies");
	to[TALLY_FLOW_AGAIN] = ledger_noted(f, "retransmitted_bytes");
	to[TALLY_FLOW_ODD] = ledger_noted(f, "out_of_window");
	to[TALLY_FLOW_PARTIAL] = ledger_noted(f, "partial_packets");
	to[TALLY_FLOW_MADE] = ledger_noted(f, "flows");
	to[TALLY_FLOW_REOPENED] = ledger_noted(f, "flows_reopened");
	to[TALLY_FLOW_EVICTED] = ledger_noted(f, "flows_evicted");
	to[TALLY_FLOW_STRAY] = ledger_noted(f, "flows_stray");
	to[TALLY_FLOW_HOLES] = ledger_noted(f, "tcp_holes_forgotten");
	to[TALLY_FLOW_POINTS_FULL] = ledger_noted(f, "points_full");
	to[TALLY_FLOW_DATAGRAM_EVICTED] = ledger_noted(f, "datagrams_evicted");
	to[TALLY_RELAY_LINKED] = ledger_noted(f, "relays");
	to[TALLY_RELAY_EVICTED] = ledger_noted(f, "relay_waiters_evicted");
	to[TALLY_TUNNEL_RECEIVED] = &u->received;
	to[TALLY_TUNNEL_DELIVERED] = &u->delivered;
	to[TALLY_TUNNEL_ARP_SEEN] = ledger_noted(u, "arp");
	to[TALLY_TUNNEL_NON_IP_SEEN] = ledger_noted(u, "non_ip");
	to[TALLY_TUNNEL_CUT] = ledger_dropped(u, "truncated");
	to[TALLY_TUNNEL_BAD] = ledger_dropped(u, "bad_header");
	to[TALLY_TUNNEL_EXOTIC] = ledger_dropped(u, "unsupported");
	to[TALLY_TUNNEL_CROWDED] = ledger_noted(u, "networks_over_limit");
	to[TALLY_TUNNEL_FORGOTTEN] = ledger_noted(u, "networks_forgotten");
	to[TALLY_TUNNEL_EVICTED] = ledger_noted(u, "links_evicted");
	to[TALLY_NAT_RECEIVED] = &n->received;
	to[TALLY_NAT_DELIVERED] = &n->delivered;
	to[TALLY_NAT_MALFORMED] = ledger_dropped(n, "malformed");
	to[TALLY_NAT_UNKNOWN] = ledger_noted(n, "destroy_unknown");
	to[TALLY_NAT_EVICTED] = ledger_noted(n, "aliases_evicted");
	to[TALLY_NAT_VANISHED] = ledger_noted(n, "missing_in_dump");
	to[TALLY_NAT_REPLACED] = ledger_noted(n, "replaced");
	to[TALLY_REPORT_DUE] = &r->received;
	to[TALLY_REPORT_DELIVERED] = &r->delivered;
	to[TALLY_REPORT_NO_MEMORY] = ledger_dropped(r, "no_memory");
	to[TALLY_REPORT_FLOOD] = ledger_dropped(r, "flood");
	to[TALLY_FLOW_TOLD_LOST] = ledger_noted(f, "told_lost");
}

void
tally_flush(struct tally *t)
{
	unsigned i;

	for (i = 0; i < TALLY_KINDS; i++) {
		if (t->n[i] == 0)
			continue;
		ledger_add(t->to[i], t->n[i]);
		t->n[i] = 0;
	}
}
