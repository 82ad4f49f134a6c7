#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "collectors/packet/promisc.h"
#include "lib/map.h"

#define LOG_TAG "promisc"
#include "lib/log.h"

#define INTERFACES_MAX	8192
#define BRIDGE_NF "/proc/sys/net/bridge/bridge-nf-call-iptables"

struct member {
	char		name[16];
	uint32_t	master;
	bool		bridge, hairpin, joined, withheld;
	int		error;		/* errno of a refused membership */
};

struct promisc {
	int			 fd;
	enum packet_promisc	 mode;
	bool			 bridge_nf;
	struct map		*members;	/* ifindex -> member */
};

static bool
read_bridge_nf(void)
{
	char c = '0';
	int fd = open(BRIDGE_NF, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c == '1';
}

struct promisc *
promisc_new(int fd, enum packet_promisc mode)
{
	struct promisc *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->fd = fd;
	p->mode = mode;
	p->members = map_new(sizeof(uint32_t), sizeof(struct member),
	    INTERFACES_MAX, NULL, NULL);
	if (p->members == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

static int
membership(const struct promisc *p, uint32_t ifindex, int option)
{
	struct packet_mreq mr = {
		.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC,
	};

	return setsockopt(p->fd, SOL_PACKET, option, &mr, sizeof(mr));
}

void
promisc_free(struct promisc *p)
{
	if (p == NULL)
		return;
	for (struct member *m = map_oldest(p->members); m != NULL;
	    m = map_newer(p->members, m))
		if (m->joined)
			(void)membership(p,
			    *(const uint32_t *)map_key(p->members, m),
			    PACKET_DROP_MEMBERSHIP);
	map_free(p->members);
	free(p);
}

/* A port of this bridge sends frames back where they came from. */
static bool
has_hairpin(const struct promisc *p, uint32_t bridge)
{
	for (struct member *m = map_oldest(p->members); m != NULL;
	    m = map_newer(p->members, m))
		if (m->master == bridge && m->hairpin)
			return true;
	return false;
}

static void
settle(struct promisc *p, uint32_t ifindex, struct member *m)
{
	bool want = p->mode != PACKET_PROMISC_OFF;

	if (want && p->mode == PACKET_PROMISC_AUTO && m->bridge &&
	    has_hairpin(p, ifindex)) {
		/* Docker's bridge-nf module may load after the agent. */
		p->bridge_nf = read_bridge_nf();
		m->withheld = p->bridge_nf;
		want = !m->withheld;
	} else
		m->withheld = false;
	if (want == m->joined)
		return;
	if (membership(p, ifindex, want ? PACKET_ADD_MEMBERSHIP :
	    PACKET_DROP_MEMBERSHIP) == 0) {
		m->joined = want;
		m->error = 0;
		return;
	}
	/* Gone already: its RTM_DELLINK is on the way. */
	if (errno != ENODEV && errno != ENXIO && m->error != errno)
		log_warn("promiscuous mode: %s", m->name);
	m->error = errno;
}

void
promisc_on_link(struct promisc *p, const struct stream_link *link, bool hairpin)
{
	struct member *m = map_get(p->members, &link->ifindex), *bridge;
	uint32_t master;

	if (link->kind == STREAM_LINK_LOOPBACK)
		return;
	if (link->gone) {	/* the kernel dropped the membership */
		master = m != NULL ? m->master : 0;
		map_remove(p->members, m);
	} else {
		if (m == NULL)
			m = map_put(p->members, &link->ifindex, NULL);
		if (m == NULL)
			return;
		memcpy(m->name, link->name, sizeof(m->name));
		m->master = master = link->master;
		m->bridge = link->kind == STREAM_LINK_BRIDGE;
		m->hairpin = hairpin;
		settle(p, link->ifindex, m);
	}
	if (master != 0 && (bridge = map_get(p->members, &master)) != NULL)
		settle(p, master, bridge);
}

void
promisc_write_json(const struct promisc *p, struct json_writer *w)
{
	json_open(w, '[');
	for (struct member *m = map_oldest(p->members); m != NULL;
	    m = map_newer(p->members, m)) {
		if (!m->withheld && m->error == 0)
			continue;
		json_open(w, '{');
		json_key_str(w, "interface");
		json_put_cstr(w, m->name);
		json_key_str(w, "why");
		json_put_cstr(w, m->withheld ? "bridge-nf is on and a port is a "
		    "hairpin port: promiscuous mode would make the host route "
		    "frames twice" : strerror(m->error));
		json_close(w, '}');
	}
	json_close(w, ']');
}
