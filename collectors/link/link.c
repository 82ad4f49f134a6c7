/*
 * A dump is four requests (links, addresses, IPv4 and IPv6 routes), sent one
 * after the other since the kernel runs one dump per socket at a time.
 * Whether an interface leads out depends on the routes, so an interface is
 * told to stream again when its routes change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "collectors/link/link.h"
#include "lib/map.h"

#define LOG_TAG "link"
#include "lib/log.h"

#define RECEIVE_BYTES	(1 << 20)
#define MESSAGE_BYTES	32768	/* what the kernel puts in a dump's datagram */

struct known_link {
	struct stream_link	link;
	uint32_t		gateways;	/* routes that lead out over it */
	bool			physical;
	bool			hairpin;
	bool			announced;
};

struct route_key {
	uint8_t		family, length, pad[2];
	uint8_t		destination[16], gateway[16];
	uint32_t	oif, metric, table;
};

enum dump_step {
	DUMP_LINKS, DUMP_ADDRESSES, DUMP_ROUTES4, DUMP_ROUTES6, DUMP_DONE
};

struct links {
	struct collector_env	 env;
	int			 fd;
	enum dump_step		 step;
	bool			 again;		/* all of it once more, after */
	bool			 busy;		/* refused: the tick asks again */
	struct map		*known;		/* ifindex -> known_link */
	struct map		*routes;	/* the set of route_key */
	link_fn			 fn;
	void			*fn_ctx;
	link_address_fn		 address_fn;
	void			*address_ctx;
	link_peer_fn		 peer_fn;
	void			*peer_ctx;
	struct ledger_stage	*stage;
	ledger_count		*bad, *full, *foreign, *overrun;
	struct log_limit	 limit;
	uint64_t		 bytes[MESSAGE_BYTES / 8];	/* aligned */
};

int
link_open(void)
{
	struct sockaddr_nl sa = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
		    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int bytes = RECEIVE_BYTES, group = RTNLGRP_NSID, fd, rc;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);
	if (fd == -1)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    connect(fd, (const struct sockaddr *)&kernel,
	    sizeof(kernel)) == -1) {
		rc = -errno;
		close(fd);
		return rc;
	}
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
	    sizeof(group));
	return fd;
}

static void
release(void *self)
{
	struct links *l = self;

	if (l == NULL)
		return;
	if (l->fd != -1)
		close(l->fd);
	map_free(l->known);
	map_free(l->routes);
	free(l);
}

static void *
new(const struct collector_env *env)
{
	struct links *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->env = *env;
	l->fd = -1;
	l->step = DUMP_DONE;
	l->known = map_new(sizeof(uint32_t), sizeof(struct known_link),
	    LINK_MAX, NULL, NULL);
	l->routes = map_new(sizeof(struct route_key), 1, LINK_MAX, NULL, NULL);
	if (l->known == NULL || l->routes == NULL) {
		release(l);
		errno = ENOMEM;
		return NULL;
	}
	l->stage = ledger_stage(env->ledger, "link.messages");
	l->bad = ledger_dropped(l->stage, "malformed");
	l->full = ledger_dropped(l->stage, "table_full");
	l->foreign = ledger_dropped(l->stage, "not_from_kernel");
	l->overrun = ledger_outside(l->stage, "overruns");
	return l;
}

void
link_listen(void *self, link_fn fn, void *ctx)
{
	struct links *l = self;

	l->fn = fn;
	l->fn_ctx = ctx;
}

void
link_listen_address(void *self, link_address_fn fn, void *ctx)
{
	struct links *l = self;

	l->address_fn = fn;
	l->address_ctx = ctx;
}

void
link_listen_peer(void *self, link_peer_fn fn, void *ctx)
{
	struct links *l = self;

	l->peer_fn = fn;
	l->peer_ctx = ctx;
}

/* Asks for the part of the dump that is due. */
static int
ask(struct links *l)
{
	static const struct {
		uint16_t	type;
		uint8_t		family;
	} steps[] = {
		[DUMP_LINKS] = { RTM_GETLINK, AF_UNSPEC },
		[DUMP_ADDRESSES] = { RTM_GETADDR, AF_UNSPEC },
		[DUMP_ROUTES4] = { RTM_GETROUTE, AF_INET },
		[DUMP_ROUTES6] = { RTM_GETROUTE, AF_INET6 },
	};
	struct {
		struct nlmsghdr	nlh;
		struct rtgenmsg	gen;
	} req;

	if (l->step == DUMP_DONE)
		return 0;
	memset(&req, 0, sizeof(req));
	req.nlh.nlmsg_len = sizeof(req);
	req.nlh.nlmsg_type = steps[l->step].type;
	req.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	req.nlh.nlmsg_seq = l->step + 1;
	req.gen.rtgen_family = steps[l->step].family;
	return send(l->fd, &req, sizeof(req), 0) == -1 ? -errno : 0;
}

static int
start(void *self, int fd)
{
	struct links *l = self;

	if (l->fd != -1)
		close(l->fd);
	l->fd = fd;
	l->step = DUMP_LINKS;
	l->again = l->busy = false;
	return ask(l);
}

int
link_dump(void *self)
{
	struct links *l = self;

	if (l->fd == -1)
		return -ENOTCONN;
	if (l->step != DUMP_DONE)
		return 0;	/* one runs */
	l->step = DUMP_LINKS;
	return ask(l);
}

static void
announce(struct links *l, struct known_link *k)
{
	k->link.uplink = k->link.kind != STREAM_LINK_LOOPBACK &&
	    k->link.kind != STREAM_LINK_BRIDGE && k->link.master == 0 &&
	    (k->physical || k->gateways > 0);
	k->announced = true;
	stream_link(l->env.stream, &k->link);
	if (l->fn != NULL)
		l->fn(l->fn_ctx, &k->link, k->hairpin);
	if (l->peer_fn != NULL)
		l->peer_fn(l->peer_ctx, k->link.ifindex, k->link.peer_netns,
		    k->link.gone);
}

static enum stream_link_kind
kind_of(const char *kind, uint16_t hardware)
{
	static const struct {
		const char		*name;
		enum stream_link_kind	 kind;
	} kinds[] = {
		{ "bridge", STREAM_LINK_BRIDGE },
		{ "veth", STREAM_LINK_VETH },
		{ "macvlan", STREAM_LINK_MACVLAN },
		{ "vxlan", STREAM_LINK_VXLAN },
	};

	if (hardware == ARPHRD_LOOPBACK)
		return STREAM_LINK_LOOPBACK;
	if (kind == NULL)
		return STREAM_LINK_PHYSICAL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i].name) == 0)
			return kinds[i].kind;
	return STREAM_LINK_OTHER;
}

/* A NUL-terminated attribute, or NULL when it is not one. */
static const char *
text_of(const struct nlattr *a)
{
	return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0 ? NULL :
	    mnl_attr_get_str(a);
}

/* A 32-bit attribute, or the fallback when it is too short. */
static uint32_t
number_of(const struct nlattr *a, uint32_t fallback)
{
	return mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : fallback;
}

static bool
port_is_hairpin(const struct nlattr *data)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, data)
		if (mnl_attr_get_type(a) == IFLA_BRPORT_MODE &&
		    mnl_attr_get_payload_len(a) >= 1)
			return mnl_attr_get_u8(a) != 0;
	return false;
}

static uint32_t
vxlan_network(const struct nlattr *data)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, data)
		if (mnl_attr_get_type(a) == IFLA_VXLAN_ID)
			return number_of(a, 0);
	return 0;
}

static const char *
read_linkinfo(const struct nlattr *info, bool *hairpin, uint32_t *vni)
{
	const struct nlattr *a, *slave_data = NULL, *data = NULL;
	const char *kind = NULL, *slave = NULL;

	mnl_attr_for_each_nested(a, info) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_INFO_KIND:
			kind = text_of(a);
			break;
		case IFLA_INFO_DATA:
			data = a;
			break;
		case IFLA_INFO_SLAVE_KIND:
			slave = text_of(a);
			break;
		case IFLA_INFO_SLAVE_DATA:
			slave_data = a;
			break;
		}
	}
	*hairpin = slave != NULL && strcmp(slave, "bridge") == 0 &&
	    slave_data != NULL && port_is_hairpin(slave_data);
	*vni = kind != NULL && strcmp(kind, "vxlan") == 0 && data != NULL ?
	    vxlan_network(data) : 0;
	return kind;
}

/* The kernel does not tell of IPv4 routes that go with their interface. */
static void
forget_routes(struct links *l, uint32_t ifindex)
{
	struct route_key key;
	void *r, *next;

	for (r = map_oldest(l->routes); r != NULL; r = next) {
		next = map_newer(l->routes, r);
		/* Keys are not aligned. */
		memcpy(&key, map_key(l->routes, r), sizeof(key));
		if (key.oif == ifindex)
			map_remove(l->routes, r);
	}
}

static void
forget_link(struct links *l, uint32_t ifindex)
{
	struct known_link *k = map_get(l->known, &ifindex);

	if (k == NULL)
		return;
	k->link.gone = true;
	announce(l, k);
	map_remove(l->known, k);
	forget_routes(l, ifindex);
}

/* The entry of an interface, or NULL when the table is full. */
static struct known_link *
link_entry(struct links *l, uint32_t ifindex)
{
	struct known_link *k = map_get(l->known, &ifindex);

	if (k != NULL)
		return k;
	if (map_count(l->known) >= LINK_MAX ||
	    (k = map_put(l->known, &ifindex, NULL)) == NULL)
		return NULL;
	k->link.ifindex = ifindex;
	k->link.peer_netns = -1;
	return k;
}

static void
set_name(struct stream_link *link, const char *name)
{
	memset(link->name, 0, sizeof(link->name));
	memcpy(link->name, name, strnlen(name, sizeof(link->name) - 1));
}

static int
on_link(struct links *l, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	const char *kind = NULL, *name = NULL;
	struct known_link *k;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return -EBADMSG;
	/* Not the bridge's own port messages: the plain ones say it all. */
	if (ifi->ifi_family != AF_UNSPEC)
		return 0;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		forget_link(l, (uint32_t)ifi->ifi_index);
		return 0;
	}
	k = link_entry(l, (uint32_t)ifi->ifi_index);
	if (k == NULL)
		return -ENOSPC;
	k->link.master = 0;
	k->hairpin = false;
	mnl_attr_for_each(a, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			name = text_of(a);
			break;
		case IFLA_MASTER:
			k->link.master = number_of(a, 0);
			break;
		case IFLA_LINK:
			k->link.peer = number_of(a, 0);
			break;
		case IFLA_LINK_NETNSID:
			k->link.peer_netns = (int32_t)number_of(a, UINT32_MAX);
			break;
		case IFLA_LINKINFO:
			kind = read_linkinfo(a, &k->hairpin,
			    &k->link.vni);
			break;
		}
	}
	if (name != NULL)
		set_name(&k->link, name);
	k->link.kind = kind_of(kind, ifi->ifi_type);
	k->physical = k->link.kind == STREAM_LINK_PHYSICAL;
	announce(l, k);
	return 0;
}

/* A namespace went, and with it its id. */
static int
on_nsid(struct links *l, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(a, nlh, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(a) == NETNSA_NSID && l->peer_fn != NULL)
			l->peer_fn(l->peer_ctx, 0, (int32_t)number_of(a,
			    UINT32_MAX), true);
	return 0;
}

static int
on_address(struct links *l, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a, *local = NULL, *address = NULL;
	struct stream_address sa = { 0 };

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return -EBADMSG;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			local = a;
		else if (mnl_attr_get_type(a) == IFA_ADDRESS)
			address = a;
	}
	if (local == NULL)	/* IPv6 has IFA_ADDRESS alone */
		local = address;
	if (local == NULL)
		return -EBADMSG;
	if (ifa->ifa_family == AF_INET && mnl_attr_get_payload_len(local) >= 4)
		sa.ip = ipaddr_v4(mnl_attr_get_payload(local));
	else if (ifa->ifa_family == AF_INET6 &&
	    mnl_attr_get_payload_len(local) >= 16)
		sa.ip = ipaddr_v6(mnl_attr_get_payload(local));
	else
		return -EBADMSG;
	sa.ifindex = ifa->ifa_index;
	sa.prefix = ifa->ifa_prefixlen;
	sa.gone = nlh->nlmsg_type == RTM_DELADDR;
	stream_address(l->env.stream, &sa);
	if (l->address_fn != NULL)
		l->address_fn(l->address_ctx, &sa);
	return 0;
}

static int
count_route(struct links *l, const struct route_key *key, bool gone)
{
	struct known_link *k;
	void *route = map_get(l->routes, key);

	if (gone == (route == NULL))
		return 0;
	k = link_entry(l, key->oif);
	if (k == NULL)
		return -ENOSPC;
	if (gone)
		map_remove(l->routes, route);
	else if (map_count(l->routes) >= LINK_MAX ||
	    map_put(l->routes, key, NULL) == NULL)
		return -ENOSPC;
	if (!gone)
		k->gateways++;
	else if (k->gateways > 0)
		k->gateways--;
	if (k->announced)
		announce(l, k);
	return 0;
}

static void
copy_address(uint8_t to[static 16], const struct nlattr *a)
{
	size_t len = mnl_attr_get_payload_len(a);

	memcpy(to, mnl_attr_get_payload(a), len < 16 ? len : 16);
}

/* A route leads out when it has a gateway or is the default route. */
static int
on_route(struct links *l, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	struct route_key key;
	bool gateway = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rt))
		return -EBADMSG;
	if (rt->rtm_type != RTN_UNICAST)
		return 0;
	memset(&key, 0, sizeof(key));
	key.family = rt->rtm_family;
	key.length = rt->rtm_dst_len;
	mnl_attr_for_each(a, nlh, sizeof(*rt)) {
		switch (mnl_attr_get_type(a)) {
		case RTA_GATEWAY:
			gateway = true;
			copy_address(key.gateway, a);
			break;
		case RTA_DST:
			copy_address(key.destination, a);
			break;
		case RTA_OIF:
			key.oif = number_of(a, 0);
			break;
		case RTA_PRIORITY:
			key.metric = number_of(a, 0);
			break;
		case RTA_TABLE:
			key.table = number_of(a, 0);
			break;
		}
	}
	if (key.oif == 0 || (!gateway && rt->rtm_dst_len != 0))
		return 0;
	return count_route(l, &key, nlh->nlmsg_type == RTM_DELROUTE);
}

static int
error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) ? -EBADMSG :
	    e->error;
}

/* The end of one part of the dump: on to the next. */
static int
on_done(struct links *l, const struct nlmsghdr *nlh)
{
	if (l->fd == -1 || l->step == DUMP_DONE ||
	    nlh->nlmsg_seq != (uint32_t)l->step + 1)
		return 0;
	if (nlh->nlmsg_type == NLMSG_ERROR && error_of(nlh) == -EBUSY) {
		l->busy = true;
		return 0;
	}
	l->step++;
	if (l->step == DUMP_DONE && l->again) {
		l->again = false;
		l->step = DUMP_LINKS;
	}
	return ask(l);
}

static int
on_message(struct links *l, const struct nlmsghdr *nlh)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return on_link(l, nlh);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return on_address(l, nlh);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return on_route(l, nlh);
	case RTM_DELNSID:
		return on_nsid(l, nlh);
	case NLMSG_DONE:
	case NLMSG_ERROR:
		return on_done(l, nlh);
	default:
		return 0;
	}
}

static void
feed(void *self, const struct collector_input *in)
{
	struct links *l = self;
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)in->bytes;
	int left = (int)in->len, rc;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		ledger_add(&l->stage->received, 1);
		rc = on_message(l, nlh);
		ledger_add(rc == 0 ? &l->stage->delivered :
		    rc == -ENOSPC ? l->full : l->bad, 1);
	}
	if (left > 0) {
		ledger_add(&l->stage->received, 1);
		ledger_add(l->bad, 1);
	}
}

static void
on_overrun(struct links *l)
{
	ledger_add(l->overrun, 1);
	log_limited(&l->limit, LOG_WARNING,
	    "rtnetlink overran: asking for everything again");
	if (l->peer_fn != NULL)
		l->peer_fn(l->peer_ctx, 0, -1, true);
	if (l->step != DUMP_DONE)
		l->again = true;
	else
		(void)link_dump(l);
}

static int
read_some(void *self, int budget)
{
	struct links *l = self;
	struct collector_input in = { .bytes = (const uint8_t *)l->bytes };
	struct sockaddr_nl from = { 0 };
	socklen_t len;
	ssize_t got;
	int n;

	for (n = 0; n < budget; n++) {
		len = sizeof(from);
		got = recvfrom(l->fd, l->bytes, sizeof(l->bytes), 0,
		    (struct sockaddr *)&from, &len);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got == -1 && errno == ENOBUFS) {
			on_overrun(l);
			continue;
		}
		if (got <= 0)
			return got == 0 ? -EPIPE : -errno;
		/* Who may administer the namespace may send to its groups. */
		if (from.nl_pid != 0) {
			ledger_add(&l->stage->received, 1);
			ledger_add(l->foreign, 1);
			continue;
		}
		in.len = (size_t)got;
		in.when = mono_wall(l->env.clock);
		if (l->env.tap != NULL)
			l->env.tap(l->env.tap_ctx, link_collector.name, &in);
		feed(l, &in);
	}
	return n;
}

static void
tick(void *self, struct mono now)
{
	struct links *l = self;

	(void)now;
	if (!l->busy || l->fd == -1)
		return;
	l->busy = false;
	(void)ask(l);
}

const struct collector_ops link_collector = {
	.name = "link", .new = new, .start = start, .read = read_some,
	.feed = feed, .tick = tick, .free = release,
};
