#include "stream/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/map.h"

struct links {
	struct map		*map;	/* ifindex to struct stream_link */
	struct stream_address	*addresses;
	size_t			 n_addresses;
	uint32_t		 bridges[LINKS_BRIDGES_MAX];	/* ifindex */
	size_t			 n_bridges;
	struct { uint32_t ifindex, vni; } vxlans[LINKS_VXLANS_MAX];
	size_t			 n_vxlans;
	char			 text[2 + BUF_DIGITS];	/* if7 */
};

struct links *
links_new(void)
{
	struct links *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	memcpy(l->text, "if", 2);
	l->map = map_new(sizeof(uint32_t), sizeof(struct stream_link),
	    LINKS_MAX, NULL, NULL);
	l->addresses = calloc(LINKS_ADDRESSES_MAX, sizeof(*l->addresses));
	if (l->map == NULL || l->addresses == NULL) {
		links_free(l);
		errno = ENOMEM;
		return NULL;
	}
	return l;
}

void
links_free(struct links *l)
{
	if (l == NULL)
		return;
	map_free(l->map);
	free(l->addresses);
	free(l);
}

static void
set_bridge(struct links *l, uint32_t ifindex, bool is)
{
	size_t i;

	for (i = 0; i < l->n_bridges; i++)
		if (l->bridges[i] == ifindex)
			break;
	if (!is && i < l->n_bridges)
		l->bridges[i] = l->bridges[--l->n_bridges];
	else if (is && i == l->n_bridges && i < LINKS_BRIDGES_MAX)
		l->bridges[l->n_bridges++] = ifindex;
}

bool
links_is_bridge(const struct links *l, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < l->n_bridges; i++)
		if (l->bridges[i] == ifindex)
			return true;
	return false;
}

static void
set_vxlan(struct links *l, uint32_t ifindex, uint32_t vni)
{
	size_t i;

	for (i = 0; i < l->n_vxlans; i++)
		if (l->vxlans[i].ifindex == ifindex)
			break;
	if (vni == 0 && i < l->n_vxlans)
		l->vxlans[i] = l->vxlans[--l->n_vxlans];
	if (vni == 0 || i == LINKS_VXLANS_MAX)
		return;
	l->vxlans[i].ifindex = ifindex;
	l->vxlans[i].vni = vni;
	l->n_vxlans += i == l->n_vxlans;
}

bool
links_has_vni(const struct links *l, uint32_t vni)
{
	size_t i;

	for (i = 0; i < l->n_vxlans; i++)
		if (l->vxlans[i].vni == vni)
			return true;
	return false;
}

bool
links_has_vxlan(const struct links *l)
{
	return l->n_vxlans != 0;
}

void
links_set(struct links *l, const struct stream_link *link)
{
	struct stream_link *have = map_get(l->map, &link->ifindex);

	set_bridge(l, link->ifindex,
	    !link->gone && link->kind == STREAM_LINK_BRIDGE);
	set_vxlan(l, link->ifindex, link->gone ? 0 : link->vni);
	if (link->gone) {
		if (have != NULL)
			have->gone = true;
		return;
	}
	have = map_put(l->map, &link->ifindex, NULL);
	if (have == NULL)
		return;
	*have = *link;
	have->name[sizeof(have->name) - 1] = '\0';
}

const struct stream_link *
links_get(const struct links *l, uint32_t ifindex)
{
	return map_get(l->map, &ifindex);
}

const char *
links_name(struct links *l, uint32_t ifindex)
{
	const struct stream_link *link = links_get(l, ifindex);

	if (stream_inside_of(ifindex) != 0)
		return "lo";
	if (link != NULL && link->name[0] != '\0')
		return link->name;
	buf_digits(l->text + 2, ifindex, 10, 0);
	return l->text;
}

bool
links_set_address(struct links *l, const struct stream_address *address)
{
	size_t i;

	for (i = 0; i < l->n_addresses; i++)
		if (l->addresses[i].ifindex == address->ifindex &&
		    ipaddr_equal(&l->addresses[i].ip, &address->ip))
			break;
	if (address->gone) {
		if (i < l->n_addresses)
			l->addresses[i] = l->addresses[--l->n_addresses];
		return true;
	}
	if (i < l->n_addresses) {
		l->addresses[i].prefix = address->prefix;
		return true;
	}
	if (l->n_addresses == LINKS_ADDRESSES_MAX)
		return false;
	l->addresses[l->n_addresses++] = *address;
	return true;
}

bool
links_is_host(const struct links *l, const struct ipaddr *ip)
{
	size_t i;

	for (i = 0; i < l->n_addresses; i++)
		if (ipaddr_equal(&l->addresses[i].ip, ip))
			return true;
	return false;
}

static bool
in_subnet(const struct stream_address *a, const struct ipaddr *ip)
{
	size_t whole = a->prefix / 8;
	uint8_t mask = (uint8_t)(0xff00 >> a->prefix % 8);

	if (a->ip.family != ip->family || a->prefix == 0 ||
	    a->prefix > (ip->family == 4 ? 32 : 128) ||
	    memcmp(a->ip.bytes, ip->bytes, whole) != 0)
		return false;
	return mask == 0 ||
	    ((a->ip.bytes[whole] ^ ip->bytes[whole]) & mask) == 0;
}

bool
links_is_inside(const struct links *l, const struct ipaddr *ip)
{
	uint8_t inside = 0, outside = 0;
	size_t i;

	for (i = 0; i < l->n_addresses; i++) {
		const struct stream_address *a = &l->addresses[i];
		const struct stream_link *link = links_get(l, a->ifindex);

		if (link == NULL || link->gone || !in_subnet(a, ip))
			continue;
		if (link->uplink && a->prefix > outside)
			outside = a->prefix;
		if (!link->uplink && a->prefix > inside)
			inside = a->prefix;
	}
	return inside != 0 && inside >= outside;
}

bool
links_know_host(const struct links *l)
{
	return l->n_addresses != 0;
}
