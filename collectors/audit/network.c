#include "collectors/audit/network.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/audit/address.h"
#include "collectors/audit/paths.h"
#include "lib/ipaddr.h"

static bool
is_wanted_socket(const struct audit_job *j, const struct audit_address *a)
{
	static const char *const usual[] = {
		"docker.sock", "podman.sock", "containerd.sock", "crio.sock"
	};
	char path[AUDIT_PARTS_SADDR + 1];
	const char *base;

	if (a->abstract || a->path_len == 0)
		return false;
	memcpy(path, a->path, a->path_len);
	path[a->path_len] = '\0';
	base = audit_paths_base(path);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(base, usual[i]) == 0)
			return true;
	for (size_t i = 0; i < j->conf->n_sockets; i++)
		if (strcmp(path, j->conf->sockets[i]) == 0)
			return true;
	return false;
}

static void
set_end(const struct audit_job *j, const struct audit_address *a,
    bool destination)
{
	struct ipaddr ip = a->family == AUDIT_FAMILY_INET ?
	    ipaddr_v4(a->ip) : ipaddr_v6(a->ip);
	char text[IPADDR_TEXT];

	event_set_cstr(j->e, FIELD_NETWORK_TYPE,
	    a->family == AUDIT_FAMILY_INET ? "ipv4" : "ipv6");
	ipaddr_format(&ip, text);
	if (destination) {
		event_set_ip(j->e, FIELD_DESTINATION_IP, &ip);
		event_set_num(j->e, FIELD_DESTINATION_PORT, a->port);
		event_set_cstr(j->e, FIELD_DESTINATION_ADDRESS, text);
	} else {
		event_set_ip(j->e, FIELD_SOURCE_IP, &ip);
		event_set_num(j->e, FIELD_SOURCE_PORT, a->port);
		event_set_cstr(j->e, FIELD_SOURCE_ADDRESS, text);
	}
	event_add_ip(j->e, FIELD_RELATED_IP, &ip);
}

static void
set_unix(const struct audit_job *j, const struct audit_address *a)
{
	const struct audit_path *p = audit_job_main_path(j->ev);
	char path[AUDIT_PATHS_MAX];
	size_t len;

	len = audit_paths_join(audit_parts_text(j->ev, j->ev->cwd),
	    j->ev->cwd.len, (const char *)a->path, a->path_len, path);
	event_set_str(j->e, FIELD_FILE_PATH, path, len);
	event_set_cstr(j->e, FIELD_FILE_NAME, audit_paths_base(path));
	event_set_cstr(j->e, FIELD_FILE_TYPE, "socket");
	if (p != NULL)
		audit_job_inode(j->e, p);
}

/* A connect that is under way is no failure. */
static void
set_connect_outcome(const struct audit_job *j)
{
	if (j->uring == NULL && (j->exit == -EINPROGRESS ||
	    j->exit == -EALREADY || j->exit == -EINTR))
		audit_job_outcome(j->e, true, true);
	else
		audit_job_call_outcome(j);
}

/* Which sockets are an event: internet addresses, the runtimes' sockets, and
 * packet sockets. */
static bool
is_wanted_address(const struct audit_job *j, const struct audit_address *a)
{
	switch (a->family) {
	case AUDIT_FAMILY_INET:
	case AUDIT_FAMILY_INET6:
		/* bind to port 0 only asks for any port. */
		return a->port != 0 || j->call->class != AUDIT_CLASS_BIND;
	case AUDIT_FAMILY_UNIX:
		return j->call->class == AUDIT_CLASS_CONNECT &&
		    is_wanted_socket(j, a);
	case AUDIT_FAMILY_PACKET:
	case AUDIT_FAMILY_OTHER:
		return true;
	case AUDIT_FAMILY_NONE:
	case AUDIT_FAMILY_NETLINK:
		break;
	}
	return false;
}

/* The kernel's worker connected, and its record has no address. */
static enum audit_verdict
describe_blind(struct audit_job *j)
{
	if (audit_job_start(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "network", "connection", "start");
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_connect_outcome(j);
	event_set_missing(j->e, FIELD_DESTINATION_IP);
	event_set_cstr(j->e, FIELD_EVENT_REASON,
	    "asked for through io_uring, the record has no address");
	return AUDIT_VERDICT_EVENT;
}

/* The protocol of a socket that can send without a connect: 0 for a raw one
 * that may send anything. -1: another kind. */
static int
loose_protocol(uint64_t type, uint64_t proto)
{
	switch (type & 0xf) {		/* SOCK_CLOEXEC and SOCK_NONBLOCK off */
	case SOCK_DGRAM:
		return proto == 0 ? IPPROTO_UDP : proto == IPPROTO_UDP ||
		    proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ?
		    (int)proto : -1;
	case SOCK_RAW:
		return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ?
		    (int)proto : 0;
	default:
		return -1;
	}
}

/* For flows that no connect explains; nobody else needs it. */
static enum audit_verdict
describe_loose_socket(struct audit_job *j)
{
	int proto = loose_protocol(j->ev->actor.a[1], j->ev->actor.a[2]);

	if (proto < 0 || !j->success)
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	event_set_private(j->e);
	audit_job_category(j->e, "network", "start", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "socket");
	audit_job_call_outcome(j);
	event_set_fmt(j->e, FIELD_NETWORK_IANA_NUMBER, "%d", proto);
	return AUDIT_VERDICT_EVENT;
}

/* socket(2): only the kind that reads every packet is an event. */
static enum audit_verdict
describe_socket(struct audit_job *j)
{
	if (j->ev->actor.a[0] == AF_INET || j->ev->actor.a[0] == AF_INET6)
		return describe_loose_socket(j);
	if (j->ev->actor.a[0] != AF_PACKET)
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "network", "start", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "packet-socket");
	audit_job_call_outcome(j);
	event_set_cstr(j->e, FIELD_EVENT_REASON,
	    "a socket that can read every packet was opened");
	return AUDIT_VERDICT_EVENT;
}

enum audit_verdict
audit_network_describe(struct audit_job *j)
{
	enum audit_class class = j->call->class;
	struct audit_address a;

	if (class == AUDIT_CLASS_SOCKET)
		return describe_socket(j);
	if (j->uring != NULL && !(j->ev->have & AUDIT_HAVE_SADDR))
		return describe_blind(j);
	if (!(j->ev->have & AUDIT_HAVE_SADDR) ||
	    audit_address_read(j->ev->saddr, j->ev->saddr_len, &a) != 0 ||
	    !is_wanted_address(j, &a))
		return AUDIT_VERDICT_IGNORE;
	/* A non-blocking accept that found nobody. */
	if (class == AUDIT_CLASS_ACCEPT && !j->success)
		return AUDIT_VERDICT_IGNORE;
	if (audit_job_start(j, EVENT_NETWORK) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	if (class == AUDIT_CLASS_BIND)
		audit_job_category(j->e, "network", "start", NULL);
	else if (class == AUDIT_CLASS_SEND)
		audit_job_category(j->e, "network", "connection", NULL);
	else
		audit_job_category(j->e, "network", "connection", "start");
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	set_connect_outcome(j);
	if (a.family == AUDIT_FAMILY_UNIX)
		set_unix(j, &a);
	else if (a.family == AUDIT_FAMILY_INET ||
	    a.family == AUDIT_FAMILY_INET6)
		set_end(j, &a, class == AUDIT_CLASS_CONNECT ||
		    class == AUDIT_CLASS_SEND);
	else
		event_set_fmt(j->e, FIELD_EVENT_REASON,
		    "%s on a socket of address family %u", j->call->name,
		    a.number);
	return AUDIT_VERDICT_EVENT;
}
