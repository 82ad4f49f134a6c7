/*
 * promisc: promiscuous membership of interfaces on one packet socket, as
 * capture.promiscuous asks. Membership ends with the socket.
 *
 * auto withholds it on a bridge whose frames pass iptables (bridge-nf) while
 * one of its ports is a hairpin port: there it would make the host route
 * translated frames a second time (packet-facts, section 2 of
 * ARCHITECTURE.md). Source: packet(7) PACKET_ADD_MEMBERSHIP,
 * net/bridge/br_input.c. Loop thread.
 */
#ifndef COLLECTORS_PACKET_PROMISC_H
#define COLLECTORS_PACKET_PROMISC_H

#include "collectors/packet/packet.h"

struct promisc;

/* fd is borrowed and must outlive it. NULL with errno ENOMEM. */
struct promisc *promisc_new(int fd, enum packet_promisc);
void promisc_free(struct promisc *);	/* gives every membership back */
void promisc_on_link(struct promisc *, const struct stream_link *, bool hairpin);
/* [{"interface":..,"why":..}] of where it is withheld or refused. */
void promisc_write_json(const struct promisc *, struct json_writer *);

#endif
