/*
 * Flows and their processes: connects recorded by audit a few milliseconds
 * before the first packet, as measured; who opened which is known from how
 * the scene was made.
 */
#include "tests/unit/enrich/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/netns.h"

#define MS	MONO_MS
#define IP_A	"172.17.0.2"
#define IP_B	"172.17.0.3"
#define OUT	"203.0.113.9"

static void
box(struct bench *b, const char *id, const char *name, const char *ip,
    const char *mode)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "{\"Id\":\"%s\",\"Name\":\"/%s\","
	    "\"Created\":\"2026-11-22T02:40:00Z\","
	    "\"State\":{\"Status\":\"running\",\"Pid\":0},"
	    "\"HostConfig\":{\"NetworkMode\":\"%s\"},"
	    "\"Config\":{\"Image\":\"img-%s\"},"
	    "\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":"
	    "\"%s\",\"IPPrefixLen\":16,\"Gateway\":\"172.17.0.1\"}}}}",
	    id, name, mode, name, ip);
	struct docker *d = enrich_docker(b->enrich);

	docker_want(d, id, bench_wall(-60 * MONO_S));
	docker_on_inspect(d, id, 200, text, (size_t)n);
	assert_non_null(container_find(enrich_containers(b->enrich), id, 64));
}

/* Two containers, each with a shell (2000, 3000), one on the host (500). */
static struct bench *
host(void)
{
	struct bench *b = bench_new(true);

	enrich_start(b->enrich);
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 500, 1, -60 * MONO_S, "", "/bin/bash", 0, 'S');
	bench_proc(b, 2000, 1, -59 * MONO_S, BENCH_ID_A, "/bin/sh", 0, 'S');
	bench_proc(b, 3000, 1, -58 * MONO_S, BENCH_ID_B, "/bin/dash", 0, 'S');
	process_on_scan_end(enrich_processes(b->enrich));
	docker_on_list(enrich_docker(b->enrich), "[]", 2);
	box(b, BENCH_ID_A, "alpha", IP_A, "bridge");
	box(b, BENCH_ID_B, "beta", IP_B, "bridge");
	return b;
}

static struct event *
flow(int64_t ns, const char *id, const char *from, uint16_t sport,
    const char *to, uint16_t dport, const char *proto, bool final)
{
	struct event *ev = event_new(EVENT_FLOW, bench_wall(ns));
	struct ipaddr ip;

	assert_int_equal(ipaddr_parse(from, strlen(from), &ip), 0);
	event_set_ip(ev, FIELD_SOURCE_IP, &ip);
	assert_int_equal(ipaddr_parse(to, strlen(to), &ip), 0);
	event_set_ip(ev, FIELD_DESTINATION_IP, &ip);
	event_set_num(ev, FIELD_SOURCE_PORT, sport);
	event_set_num(ev, FIELD_DESTINATION_PORT, dport);
	event_set_cstr(ev, FIELD_NETWORK_TRANSPORT, proto);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_ID, id);
	event_set_time(ev, FIELD_EVENT_START, bench_wall(ns));
	event_set_bool(ev, FIELD_TALLYMAN_FLOW_FINAL, final);
	event_set_cstr(ev, FIELD_EVENT_ACTION, "network_flow");
	return ev;
}

static void
child(struct bench *b, int64_t ns, uint32_t parent, uint32_t pid,
    const char *exe)
{
	bench_fork(b, ns, parent, pid);
	bench_execd(b, ns + 100000, pid);
	bench_submit(b, bench_exec(ns + 100000, pid, parent, exe, "/",
	    (const char *const[]){ exe, "-x", NULL }));
}

static void
container_to_outside(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/scp");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 22));
	/* Gone before the flow is reported. */
	bench_exit(b, 17 * MS, 2001);
	bench_at(b, 66 * MS);
	ev = bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 22, "tcp",
	    false));
	assert_non_null(ev);
	assert_owner(ev, BENCH_ID_A, "address");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "high");
	assert_string_equal(event_str(ev, FIELD_CONTAINER_NAME), "alpha");
	assert_string_equal(event_str(ev, FIELD_NETWORK_NAME), "bridge");
	assert_string_equal(event_str(ev, FIELD_NETWORK_DIRECTION), "egress");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_SOURCE_SCOPE),
	    "container");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_DESTINATION_SCOPE),
	    "outside");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_SOURCE_CONTAINER_IMAGE), "img-alpha");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "scp");
	assert_string_equal(event_str(ev, FIELD_PROCESS_COMMAND_LINE),
	    "/usr/bin/scp -x");
	assert_string_equal(event_str(ev, FIELD_PROCESS_PARENT_NAME), "sh");
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001);
	assert_string_equal(event_str(ev, FIELD_USER_NAME), "root");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "connect");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");

	/* A minute later the process is still the flow's. */
	bench_at(b, 60 * MONO_S);
	ev = bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 22, "tcp",
	    true));
	assert_non_null(ev);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "scp");
	bench_free(b);
}

/* The record comes after the first packet: connect(2) waits for the answer. */
static void
record_comes_later(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	bench_at(b, 20 * MS);
	assert_null(bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 80,
	    "tcp", false)));
	bench_at(b, 40 * MS);
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 80));
	bench_at(b, 60 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_EVENT_DATASET),
	    "tallyman.flow");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	/* Nobody ever says: it goes on after the hold. */
	assert_null(bench_submit(b, flow(70 * MS, "f2", IP_A, 40001, OUT, 80,
	    "tcp", false)));
	bench_at(b, 300 * MS);
	assert_ptr_equal(bench_last(b), ev);
	bench_at(b, 400 * MS);
	assert_ptr_not_equal(bench_last(b), ev);
	assert_int_equal(event_has(bench_last(b), FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);
	bench_free(b);
}

/* Two connections in a row of two processes: first in, first out. */
static void
first_in_first_out(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	char id[16];
	uint32_t i;

	(void)state;
	for (i = 0; i < 100; i++) {
		int64_t ns = i * 40 * MS;

		child(b, ns, 2000, 5000 + i, "/usr/bin/curl");
		bench_submit(b, bench_connect(ns + 10 * MS, 5000 + i, 2000,
		    OUT, 80));
		/* The other container does the same at the same time. */
		child(b, ns, 3000, 6000 + i, "/usr/bin/wget");
		bench_submit(b, bench_connect(ns + 11 * MS, 6000 + i, 3000,
		    OUT, 80));
	}
	for (i = 0; i < 100; i++) {
		int64_t ns = i * 40 * MS;

		snprintf(id, sizeof(id), "a%u", i);
		ev = bench_submit(b, flow(ns + 16 * MS, id, IP_A, 40000, OUT,
		    80, "tcp", true));
		assert_owner(ev, BENCH_ID_A, "address");
		assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 5000 + i);
		snprintf(id, sizeof(id), "b%u", i);
		ev = bench_submit(b, flow(ns + 17 * MS, id, IP_B, 40000, OUT,
		    80, "tcp", true));
		assert_owner(ev, BENCH_ID_B, "address");
		assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 6000 + i);
		assert_string_equal(event_str(ev,
		    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");
	}
	bench_free(b);
}

/* Neither a socket with both ends nor one that listens. */
static void
nobody_listens(struct bench *b, int64_t ns)
{
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, ns);
	assert_int_equal(b->socket.listens, 1);
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, ns + 20 * MS);
}

static void
several_candidates(void **state)
{
	struct bench *b = host();
	const struct event_value *list;
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	child(b, 0, 2000, 2002, "/usr/bin/wget");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 80));
	bench_submit(b, bench_connect(12 * MS, 2002, 2000, OUT, 80));
	assert_null(bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 80,
	    "tcp", true)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 40 * MS);
	ev = bench_last(b);
	list = event_get(ev, FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES);
	assert_non_null(list);
	assert_int_equal(list->count, 2);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "candidates");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "low");
	bench_free(b);
}

static void
container_to_container(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, IP_B, 80));
	assert_null(bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, IP_B, 80,
	    "tcp", true)));
	nobody_listens(b, 20 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "address");
	assert_string_equal(event_str(ev, FIELD_NETWORK_DIRECTION),
	    "internal");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_DESTINATION_CONTAINER_NAME), "beta");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	bench_free(b);
}

/* A published port: the outside dialled the host, the container answers. */
static void
outside_to_published_port(void **state)
{
	struct bench *b = host();
	struct event *ev = flow(0, "f1", OUT, 50000, "192.0.2.1", 8080, "tcp",
	    true);
	const struct event *out;
	struct ipaddr ip;

	(void)state;
	assert_int_equal(ipaddr_parse(IP_B, strlen(IP_B), &ip), 0);
	event_set_ip(ev, FIELD_DESTINATION_NAT_IP, &ip);
	event_set_num(ev, FIELD_DESTINATION_NAT_PORT, 80);
	assert_null(bench_submit(b, ev));
	nobody_listens(b, 20 * MS);
	out = bench_last(b);
	assert_owner(out, BENCH_ID_B, "address");
	assert_string_equal(event_str(out, FIELD_NETWORK_DIRECTION),
	    "ingress");
	assert_string_equal(event_str(out, FIELD_TALLYMAN_SOURCE_SCOPE),
	    "outside");
	assert_int_equal(event_has(out, FIELD_PROCESS_PID), EVENT_ABSENT);
	assert_int_equal(event_has(out, FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);
	bench_free(b);
}

static void
the_hosts_own(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	struct ipaddr ip;

	(void)state;
	assert_int_equal(ipaddr_parse("192.0.2.1", 9, &ip), 0);
	enrich_host_address(b->enrich, &ip, false);
	child(b, 0, 500, 501, "/usr/bin/scp");
	/* A container's connect to the same place is not the host's. */
	child(b, 0, 2000, 2001, "/usr/bin/ssh");
	bench_submit(b, bench_connect(9 * MS, 2001, 2000, OUT, 22));
	bench_submit(b, bench_connect(10 * MS, 501, 500, OUT, 22));
	ev = bench_submit(b, flow(16 * MS, "f1", "192.0.2.1", 40000, OUT, 22,
	    "tcp", true));
	assert_non_null(ev);
	assert_owner(ev, "", "host");
	assert_int_equal(event_has(ev, FIELD_CONTAINER_ID), EVENT_ABSENT);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "scp");
	assert_string_equal(event_str(ev, FIELD_NETWORK_DIRECTION), "egress");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");
	bench_free(b);
}

/* A container with the host's network is known by its process. */
static void
host_network(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	struct ipaddr ip;

	(void)state;
	box(b, BENCH_ID_B, "beta", "", "host");
	assert_int_equal(ipaddr_parse("192.0.2.1", 9, &ip), 0);
	enrich_host_address(b->enrich, &ip, false);
	child(b, 0, 3000, 3001, "/usr/bin/curl");
	bench_submit(b, bench_connect(10 * MS, 3001, 3000, OUT, 443));
	ev = bench_submit(b, flow(16 * MS, "f1", "192.0.2.1", 40000, OUT, 443,
	    "tcp", true));
	assert_owner(ev, BENCH_ID_B, "process");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_SOURCE_SCOPE),
	    "container");
	assert_string_equal(event_str(ev, FIELD_NETWORK_NAME), "host");
	bench_free(b);
}

/* Its process is not known, and containers have the host's network. */
static void
host_network_of_nobody(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	struct ipaddr ip;

	(void)state;
	assert_int_equal(ipaddr_parse("192.0.2.1", 9, &ip), 0);
	enrich_host_address(b->enrich, &ip, false);
	assert_null(bench_submit(b, flow(16 * MS, "f1", "192.0.2.1", 40000,
	    OUT, 443, "tcp", true)));
	bench_at(b, 500 * MS);
	ev = bench_last(b);
	assert_owner(ev, "", "host");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "high");
	box(b, BENCH_ID_B, "beta", "", "host");
	assert_null(bench_submit(b, flow(516 * MS, "f2", "192.0.2.1", 40001,
	    OUT, 443, "tcp", true)));
	bench_at(b, 1000 * MS);
	ev = bench_last(b);
	assert_owner(ev, "", "host");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "medium");
	/* It is known: the host's own. */
	assert_null(bench_submit(b, flow(1016 * MS, "f3", "192.0.2.1", 40002,
	    OUT, 443, "tcp", true)));
	bench_submit(b, bench_exec(900 * MS, 500, 1, "/bin/bash", "/",
	    (const char *const[]){ "bash", NULL }));
	bench_has_socket(b, 0, 500, 0);
	bench_at(b, 1100 * MS);
	ev = bench_last(b);
	assert_owner(ev, "", "host");
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 500);
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "high");
	bench_free(b);
}

/* Two containers in one network namespace. */
static void
shared_network(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	box(b, BENCH_ID_B, "beta", "", "container:" BENCH_ID_A);
	child(b, 0, 3000, 3001, "/usr/bin/curl");
	bench_submit(b, bench_connect(10 * MS, 3001, 3000, OUT, 443));
	ev = bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 443, "tcp",
	    true));
	assert_owner(ev, BENCH_ID_B, "process");
	/* Without a process it is one of the two. */
	assert_null(bench_submit(b, flow(400 * MS, "f2", IP_A, 40001, OUT, 444,
	    "tcp", true)));
	bench_at(b, 800 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "address");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "medium");
	bench_free(b);
}

/* A datagram socket that was connected long before its first packet, and one
 * that sends to several places. */
static void
datagrams(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/dig");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 53));
	assert_null(bench_submit(b, flow(10 * MONO_S, "f1", IP_A, 40000, OUT,
	    53, "udp", true)));
	bench_at(b, 400 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "dig");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "medium");
	/* For TCP that would be somebody else's connection. */
	bench_submit(b, bench_connect(20 * MS, 2001, 2000, OUT, 54));
	assert_null(bench_submit(b, flow(10 * MONO_S, "f2", IP_A, 40000, OUT,
	    54, "tcp", true)));
	bench_free(b);
}

/* dockerd's resolver and nsenter open connections in a container's network:
 * they are taken when nobody of the container turns up, never at first. */
static void
host_process_in_a_containers_network(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 500, 501, "/usr/bin/nsenter");
	bench_submit(b, bench_connect(10 * MS, 501, 500, OUT, 80));
	assert_null(bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 80,
	    "tcp", true)));
	bench_at(b, 400 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "address");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "nsenter");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "medium");

	/* The container's own record comes late, and wins. */
	child(b, 500 * MS, 2000, 2001, "/usr/bin/curl");
	bench_submit(b, bench_connect(510 * MS, 501, 500, OUT, 81));
	assert_null(bench_submit(b, flow(516 * MS, "f2", IP_A, 40000, OUT, 81,
	    "tcp", true)));
	bench_submit(b, bench_connect(510 * MS, 2001, 2000, OUT, 81));
	bench_at(b, 600 * MS);
	assert_string_equal(event_str(bench_last(b), FIELD_PROCESS_NAME),
	    "curl");
	bench_free(b);
}

static void
failed_before_a_packet(void **state)
{
	struct bench *b = host();
	struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	child(b, 0, 2000, 2002, "/usr/bin/wget");
	ev = bench_connect(10 * MS, 2001, 2000, OUT, 80);
	event_set_cstr(ev, FIELD_EVENT_OUTCOME, "failure");
	event_set_cstr(ev, FIELD_ERROR_MESSAGE, "ENETUNREACH");
	bench_submit(b, ev);
	ev = bench_connect(12 * MS, 2002, 2000, OUT, 80);
	event_set_cstr(ev, FIELD_EVENT_OUTCOME, "failure");
	event_set_cstr(ev, FIELD_ERROR_MESSAGE, "ECONNREFUSED");
	bench_submit(b, ev);
	assert_string_equal(event_str(bench_submit(b, flow(17 * MS, "f1", IP_A,
	    40000, OUT, 80, "tcp", true)), FIELD_PROCESS_NAME), "wget");
	bench_free(b);
}

/* The interface goes before the address: an address is taken over, forged,
 * or not known yet; and a frame may be flooded to somebody else's. */
static void
by_interface(void **state)
{
	struct bench *b = host();
	struct netns_table *t = enrich_netns(b->enrich);
	const struct enrich_netns one = { .inode = 77, .nsid = 3 };
	const struct enrich_netns two = { .inode = 78, .nsid = 4 };
	const struct event *ev;
	struct event *f;
	uint8_t id[32];

	(void)state;
	assert_true(container_id_parse(BENCH_ID_A, 64, id));
	netns_want(t, id, 0, false);
	netns_on_answer(t, id, &one);
	netns_link(t, 9, 3, false);
	assert_true(container_id_parse(BENCH_ID_B, 64, id));
	netns_want(t, id, 0, false);
	netns_on_answer(t, id, &two);
	netns_link(t, 11, 4, false);

	/* Not an address of anybody. */
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 80));
	f = flow(16 * MS, "f1", "10.9.8.7", 40000, OUT, 80, "tcp", false);
	event_set_cstr(f, FIELD_OBSERVER_INGRESS_INTERFACE_ID, "9");
	ev = bench_submit(b, f);
	assert_non_null(ev);
	assert_owner(ev, BENCH_ID_A, "interface");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_SOURCE_CONTAINER_METHOD), "interface");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_SOURCE_CONTAINER_CONFIDENCE), "high");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");

	/* Another's address. */
	child(b, 20 * MS, 2000, 2002, "/usr/bin/wget");
	bench_submit(b, bench_connect(30 * MS, 2002, 2000, OUT, 80));
	f = flow(36 * MS, "f2", IP_B, 40000, OUT, 80, "tcp", false);
	event_set_cstr(f, FIELD_OBSERVER_INGRESS_INTERFACE_ID, "9");
	ev = bench_submit(b, f);
	assert_non_null(ev);
	assert_owner(ev, BENCH_ID_A, "interface");
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "wget");

	/* Flooded: B has the address, and A's interface comes last. */
	f = flow(40 * MS, "f3", OUT, 40000, IP_B, 80, "tcp", false);
	event_set_cstr(f, FIELD_OBSERVER_EGRESS_INTERFACE_ID, "9");
	assert_null(bench_submit(b, f));
	nobody_listens(b, 60 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_B, "address");

	/* Broadcast: whose interface it is means nothing. */
	f = flow(50 * MS, "f4", OUT, 40000, "172.17.255.255", 80, "udp",
	    false);
	event_set_cstr(f, FIELD_OBSERVER_EGRESS_INTERFACE_ID, "9");
	bench_submit(b, f);
	bench_at(b, 600 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_DESTINATION_CONTAINER_ID), "");
	bench_free(b);
}

/* Two containers of one namespace: the process decides, else both are told. */
static void
by_shared_interface(void **state)
{
	struct bench *b = host();
	struct netns_table *t = enrich_netns(b->enrich);
	const struct enrich_netns one = { .inode = 77, .nsid = 3 };
	const struct event_value *v;
	const struct event *ev;
	struct event *f;
	uint8_t id[32];

	(void)state;
	assert_true(container_id_parse(BENCH_ID_A, 64, id));
	netns_want(t, id, 0, false);
	netns_on_answer(t, id, &one);
	netns_link(t, 9, 3, false);
	assert_true(container_id_parse(BENCH_ID_B, 64, id));
	netns_want(t, id, 0, false);
	netns_on_answer(t, id, &one);

	child(b, 0, 3000, 3001, "/usr/bin/curl");
	bench_submit(b, bench_connect(10 * MS, 3001, 3000, OUT, 80));
	f = flow(16 * MS, "f1", IP_A, 40000, OUT, 80, "tcp", false);
	event_set_cstr(f, FIELD_OBSERVER_INGRESS_INTERFACE_ID, "9");
	ev = bench_submit(b, f);
	assert_non_null(ev);
	assert_owner(ev, BENCH_ID_B, "process");
	assert_int_equal(event_has(ev,
	    FIELD_TALLYMAN_SOURCE_CONTAINER_CANDIDATES), EVENT_ABSENT);

	f = flow(36 * MS, "f2", IP_A, 40000, OUT, 81, "tcp", false);
	event_set_cstr(f, FIELD_OBSERVER_INGRESS_INTERFACE_ID, "9");
	assert_null(bench_submit(b, f));
	bench_at(b, 600 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "interface");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "medium");
	v = event_get(ev, FIELD_TALLYMAN_SOURCE_CONTAINER_CANDIDATES);
	assert_non_null(v);
	assert_int_equal(v->count, 2);
	bench_free(b);
}

static struct event *
udp_flow(int64_t ns, const char *id, uint16_t sport)
{
	return flow(ns, id, IP_A, sport, OUT, 53, "udp", false);
}

static struct event *
made_socket(int64_t ns, uint32_t pid, uint32_t ppid, const char *proto)
{
	struct event *ev = bench_connect(ns, pid, ppid, OUT, 1);
	struct event *s = event_new(EVENT_NETWORK, event_time(ev));

	event_copy(s, ev, FIELD_PROCESS_PID);
	event_copy(s, ev, FIELD_PROCESS_PARENT_PID);
	event_unref(ev);
	event_set_private(s);
	event_set_cstr(s, FIELD_EVENT_ACTION, "socket");
	event_set_cstr(s, FIELD_EVENT_OUTCOME, "success");
	event_set_cstr(s, FIELD_NETWORK_IANA_NUMBER, proto);
	return s;
}

/* A socket that lives is asked for by its ends, in the container. */
static void
by_its_socket(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	bench_at(b, 80 * MS);
	assert_null(bench_submit(b, udp_flow(10 * MS, "f1", 40000)));
	assert_int_equal(b->sockets, 1);
	assert_string_equal(b->socket_of, BENCH_ID_A);
	assert_int_equal(b->socket.proto, 17);
	assert_int_equal(b->socket.local_port, 0x409c);	/* 40000 */
	assert_int_equal(b->socket.remote_port, 0x3500);
	assert_memory_equal(b->socket.local, "\xac\x11\0\2", 4);
	assert_memory_equal(b->socket.remote, "\xcb\0\x71\x09", 4);
	bench_has_socket(b, 0, 2000, 0);
	bench_at(b, 100 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "sh");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "socket");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");
	assert_string_equal(event_str(ev, FIELD_USER_ID), "0");

	/* Two have it: both are told, and neither is sure. */
	child(b, 110 * MS, 2000, 2001, "/usr/bin/curl");
	assert_null(bench_submit(b, udp_flow(120 * MS, "f2", 40001)));
	bench_has_socket(b, 0, 2001, 2000);
	bench_at(b, 160 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "candidates");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "low");
	assert_int_equal(event_get(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES)->count, 2);

	/* The privileged side is too busy: the next report asks again. */
	assert_null(bench_submit(b, udp_flow(170 * MS, "f3", 40002)));
	bench_has_socket(b, -EBUSY, 0, 0);
	bench_at(b, 600 * MS);
	assert_int_equal(event_has(bench_last(b), FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);
	bench_at(b, 5 * MONO_S);
	(void)bench_submit(b, udp_flow(170 * MS, "f3", 40002));
	assert_int_equal(b->sockets, 4);
	bench_has_socket(b, 0, 2000, 0);
	(void)bench_submit(b, udp_flow(170 * MS, "f3", 40002));
	assert_string_equal(event_str(bench_last(b), FIELD_PROCESS_NAME),
	    "sh");
	bench_free(b);
}

/* Who has the socket has executed something of which no record came yet: it
 * is not shown as what it was before. */
static void
what_it_was_is_not_shown(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	bench_fork(b, 1 * MS, 2000, 2001);
	bench_execd(b, 2 * MS, 2001);
	bench_at(b, 80 * MS);
	assert_null(bench_submit(b, udp_flow(10 * MS, "f1", 40000)));
	bench_has_socket(b, 0, 2001, 0);
	bench_at(b, 100 * MS);
	assert_int_equal(b->n_out, 0);
	bench_at(b, 400 * MS);
	ev = bench_last(b);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "socket");
	assert_int_equal(event_has(ev, FIELD_PROCESS_ARGS), EVENT_ABSENT);
	assert_int_equal(event_has(ev, FIELD_PROCESS_NAME), EVENT_ABSENT);
	/* The next report has it, since the record came. */
	bench_submit(b, bench_exec(2 * MS, 2001, 2000, "/usr/bin/curl", "/",
	    (const char *const[]){ "/usr/bin/curl", NULL }));
	ev = bench_submit(b, udp_flow(10 * MS, "f1", 40000));
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001);

	/* /proc, read after the question, knows what records do not. */
	bench_fork(b, 401 * MS, 2000, 2002);
	bench_execd(b, 402 * MS, 2002);
	bench_at(b, 410 * MS);
	assert_null(bench_submit(b, udp_flow(403 * MS, "f2", 40001)));
	bench_proc(b, 2002, 2000, 401 * MS, BENCH_ID_A, "/usr/bin/wget", 0,
	    'S');
	bench_has_socket(b, 0, 2002, 0);
	bench_at(b, 430 * MS);
	ev = bench_last(b);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2002);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "wget");

	/* It executed after the question: /proc may have been before that. */
	bench_fork(b, 441 * MS, 2000, 2003);
	bench_at(b, 450 * MS);
	assert_null(bench_submit(b, udp_flow(443 * MS, "f3", 40002)));
	bench_proc(b, 2003, 2000, 441 * MS, BENCH_ID_A, "/bin/sh", 0, 'S');
	bench_execd(b, 460 * MS, 2003);
	bench_has_socket(b, 0, 2003, 0);
	bench_at(b, 800 * MS);
	ev = bench_last(b);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2003);
	assert_int_equal(event_has(ev, FIELD_PROCESS_NAME), EVENT_ABSENT);
	bench_free(b);
}

/* The one that had the socket when it was asked for has ended when the answer
 * is read, or its pid has another owner. */
static void
ended_before_the_answer(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 1 * MS, 2000, 2001, "/usr/bin/curl");
	bench_at(b, 80 * MS);
	assert_null(bench_submit(b, udp_flow(10 * MS, "f1", 40000)));
	bench_exit(b, 85 * MS, 2001);
	bench_has_socket(b, 0, 2001, 0);
	bench_at(b, 100 * MS);
	ev = bench_last(b);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	assert_null(process_newest(enrich_processes(b->enrich), 2001));

	/* Without records: what /proc said while it lived. */
	bench_fork(b, 101 * MS, 2000, 2002);
	bench_execd(b, 102 * MS, 2002);
	bench_at(b, 110 * MS);
	assert_null(bench_submit(b, udp_flow(103 * MS, "f2", 40001)));
	bench_exit(b, 115 * MS, 2002);
	bench_proc(b, 2002, 2000, 101 * MS, BENCH_ID_A, "/usr/bin/wget", 0,
	    'S');
	bench_has_socket(b, 0, 2002, 0);
	bench_at(b, 130 * MS);
	ev = bench_last(b);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2002);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "wget");

	/* Either of two. */
	child(b, 131 * MS, 2000, 2003, "/usr/bin/curl");
	bench_at(b, 150 * MS);
	assert_null(bench_submit(b, udp_flow(133 * MS, "f3", 40002)));
	bench_exit(b, 155 * MS, 2003);
	child(b, 156 * MS, 3000, 2003, "/usr/bin/wget");
	bench_has_socket(b, 0, 2003, 0);
	bench_at(b, 600 * MS);
	ev = bench_last(b);
	assert_int_equal(event_has(ev, FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);

	/* The port of a datagram is another's when it is asked for. */
	child(b, 630 * MS, 2000, 2004, "/usr/bin/wget");
	bench_at(b, 650 * MS);
	assert_null(bench_submit(b, udp_flow(620 * MS, "f4", 40003)));
	bench_has_socket(b, 0, 2004, 0);
	bench_at(b, 1000 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_ID), "f4");
	assert_int_equal(event_has(ev, FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);
	bench_free(b);
}

/* One record of a connect is enough, and then nobody is asked. Where two
 * processes may have dialled, the socket tells. */
static void
socket_decides(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	child(b, 1 * MS, 2000, 2002, "/usr/bin/wget");
	bench_submit(b, bench_connect(10 * MS, 2001, 2000, OUT, 80));
	bench_submit(b, bench_connect(11 * MS, 2002, 2000, OUT, 80));
	assert_null(bench_submit(b, flow(16 * MS, "f1", IP_A, 40000, OUT, 80,
	    "tcp", false)));
	assert_int_equal(b->sockets, 1);
	bench_has_socket(b, 0, 2002, 0);
	bench_at(b, 80 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "wget");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "socket");
	/* So the other connect is the other flow's. */
	ev = bench_submit(b, flow(17 * MS, "f2", IP_A, 40001, OUT, 80, "tcp",
	    false));
	assert_non_null(ev);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "connect");
	assert_int_equal(b->sockets, 1);
	bench_free(b);
}

/* The one whose life the packet falls into, however near the others are. */
static void
lives_tell(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	char id[8];
	uint32_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		child(b, (10 + i) * MS, 2000, 2001 + i, "/usr/bin/curl");
		bench_submit(b, bench_connect((10 + i) * MS + 300000, 2001 + i,
		    2000, OUT, 80));
		bench_submit(b, made_socket((10 + i) * MS + 200000, 2001 + i,
		    2000, "1"));
		bench_exit(b, (10 + i) * MS + 800000, 2001 + i);
	}
	bench_at(b, 80 * MS);
	for (i = 8; i-- > 0;) {
		snprintf(id, sizeof(id), "f%u", i);
		ev = bench_submit(b, flow((10 + i) * MS + 500000, id, IP_A,
		    (uint16_t)(40000 + i), OUT, 80, "tcp", false));
		assert_non_null(ev);
		assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001 + i);
		assert_string_equal(event_str(ev,
		    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");
		snprintf(id, sizeof(id), "i%u", i);
		ev = bench_submit(b, flow((10 + i) * MS + 500000, id, IP_A, 0,
		    OUT, 0, "icmp", false));
		assert_non_null(ev);
		assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 2001 + i);
		assert_string_equal(event_str(ev,
		    FIELD_TALLYMAN_FLOW_PROCESS_METHOD), "created");
		assert_string_equal(event_str(ev,
		    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "medium");
	}
	bench_free(b);
}

/* A record that is late is waited for, though a neighbour's that nobody took
 * is there. */
static void
neighbour_is_not_taken(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 8 * MS, 2000, 2001, "/usr/bin/curl");
	bench_submit(b, bench_connect(8 * MS, 2001, 2000, OUT, 80));
	bench_exit(b, 10 * MS, 2001);
	child(b, 11 * MS, 2000, 2002, "/usr/bin/wget");
	bench_exit(b, 14 * MS, 2002);
	bench_at(b, 64 * MS);
	assert_null(bench_submit(b, flow(13 * MS, "f1", IP_A, 40000, OUT, 80,
	    "tcp", false)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 100 * MS);
	bench_submit(b, bench_connect(12 * MS, 2002, 2000, OUT, 80));
	bench_at(b, 120 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "wget");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE), "high");
	bench_free(b);
}

/* A datagram of a process that is gone: who had made a socket for it. */
static void
by_who_made_one(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/logger");
	assert_null(bench_submit(b, made_socket(2 * MS, 2001, 2000, "17")));
	child(b, 1 * MS, 2000, 2002, "/bin/ping");
	assert_null(bench_submit(b, made_socket(2 * MS, 2002, 2000, "1")));
	child(b, 1 * MS, 3000, 3001, "/usr/bin/other");
	assert_null(bench_submit(b, made_socket(2 * MS, 3001, 3000, "17")));
	/* A resolver: its socket was connected to somewhere else. */
	child(b, 1 * MS, 2000, 2003, "/usr/bin/host");
	assert_null(bench_submit(b, made_socket(2 * MS, 2003, 2000, "17")));
	bench_submit(b, bench_connect(3 * MS, 2003, 2000, "192.0.2.1", 53));
	bench_exit(b, 9 * MS, 2001);
	bench_at(b, 80 * MS);
	assert_null(bench_submit(b, udp_flow(5 * MS, "f1", 40000)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 100 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "logger");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "created");

	/* Two made one: both. */
	child(b, 101 * MS, 2000, 2004, "/usr/bin/logger");
	assert_null(bench_submit(b, made_socket(102 * MS, 2004, 2000, "17")));
	child(b, 101 * MS, 2000, 2005, "/usr/bin/logger");
	assert_null(bench_submit(b, made_socket(102 * MS, 2005, 2000, "17")));
	assert_null(bench_submit(b, udp_flow(105 * MS, "f2", 40001)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 200 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "candidates");
	assert_int_equal(event_get(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES)->count, 2);
	bench_free(b);
}

/* A datagram whose socket is gone, beside one who has had its own for long;
 * and the record of who made it comes after a neighbour's. */
static void
by_who_made_it_now(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/sbin/daemon");
	bench_submit(b, made_socket(2 * MS, 2001, 2000, "17"));
	child(b, 2000 * MS, 2000, 2002, "/usr/bin/logger");
	bench_submit(b, made_socket(2001 * MS, 2002, 2000, "17"));
	bench_exit(b, 2010 * MS, 2002);
	bench_at(b, 2080 * MS);
	assert_null(bench_submit(b, udp_flow(2005 * MS, "f1", 40000)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 2160 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "logger");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "created");

	/* Records are behind: all of before are no answer. */
	child(b, 3000 * MS, 2000, 2003, "/usr/bin/logger");
	bench_submit(b, made_socket(3001 * MS, 2003, 2000, "17"));
	bench_exit(b, 3020 * MS, 2003);
	bench_at(b, 3080 * MS);
	child(b, 3004 * MS, 2000, 2004, "/usr/bin/sender");
	assert_null(bench_submit(b, udp_flow(3010 * MS, "f2", 40001)));
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 3100 * MS);
	bench_submit(b, made_socket(3006 * MS, 2004, 2000, "17"));
	child(b, 3120 * MS, 2000, 2005, "/bin/true");
	bench_at(b, 3140 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD),
	    "candidates");
	assert_int_equal(event_get(ev,
	    FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES)->count, 2);
	bench_free(b);
}

static struct event *
accepted(int64_t ns, uint32_t pid, const char *from, uint16_t port)
{
	struct event *c = bench_connect(ns, pid, 1, from, port);
	struct event *ev = event_new(EVENT_NETWORK, event_time(c));

	event_copy(ev, c, FIELD_PROCESS_PID);
	event_set_cstr(ev, FIELD_EVENT_ACTION, "accept");
	event_set_cstr(ev, FIELD_EVENT_OUTCOME, "success");
	event_set_ip(ev, FIELD_SOURCE_IP, &event_get(c,
	    FIELD_DESTINATION_IP)->ip);
	event_set_num(ev, FIELD_SOURCE_PORT, port);
	event_unref(c);
	return ev;
}

/* Who took a connection: by the record of its accept, or as who listens. */
static void
who_accepts(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	/* It has waited for a minute. */
	bench_at(b, 60 * MONO_S);
	bench_submit(b, accepted(1 * MS, 3000, OUT, 50000));
	bench_at(b, 60 * MONO_S + 60 * MS);
	ev = bench_submit(b, flow(60 * MONO_S, "f1", OUT, 50000, IP_B, 80,
	    "tcp", false));
	assert_non_null(ev);
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_DESTINATION_PROCESS_NAME), "dash");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_DESTINATION_PROCESS_METHOD), "accept");
	/* The event is the container's, and so is the process. */
	assert_string_equal(event_str(ev, FIELD_CONTAINER_ID), BENCH_ID_B);
	assert_int_equal(event_num(ev, FIELD_PROCESS_PID), 3000);
	assert_int_equal(b->sockets, 0);

	assert_null(bench_submit(b, flow(60 * MONO_S, "f2", OUT, 50001, IP_B,
	    80, "tcp", false)));
	assert_string_equal(b->socket_of, BENCH_ID_B);
	assert_int_equal(b->socket.listens, 0);
	bench_has_socket(b, -ENOENT, 0, 0);
	bench_at(b, 60 * MONO_S + 80 * MS);
	assert_int_equal(b->socket.listens, 1);
	assert_int_equal(b->socket.remote_port, 0);
	bench_has_socket(b, 0, 3000, 0);
	bench_at(b, 60 * MONO_S + 100 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_DESTINATION_PROCESS_METHOD), "listener");
	assert_int_equal(event_num(ev,
	    FIELD_TALLYMAN_DESTINATION_PROCESS_PID), 3000);
	bench_free(b);
}

/* More connects than are kept: the oldest go, and the newest are found. */
static void
records_are_bounded(void **state)
{
	struct bench *b = host();
	const struct event *ev = NULL;
	char id[16];
	uint32_t i;

	(void)state;
	child(b, 0, 2000, 2001, "/usr/bin/curl");
	for (i = 0; i < 40000; i++) {
		struct event *c = bench_connect(10 * MS, 2001, 2000, OUT,
		    (uint16_t)(i % 7 + 1));

		pipeline_submit(b->pipeline, c);
		event_unref(b->out[--b->n_out]);
	}
	for (i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		ev = bench_submit(b, flow(16 * MS, id, IP_A, 40000, OUT,
		    (uint16_t)(i % 7 + 1), "tcp", true));
		assert_non_null(ev);
	}
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "curl");
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_to_outside),
		cmocka_unit_test(record_comes_later),
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(several_candidates),
		cmocka_unit_test(container_to_container),
		cmocka_unit_test(outside_to_published_port),
		cmocka_unit_test(the_hosts_own),
		cmocka_unit_test(host_network),
		cmocka_unit_test(host_network_of_nobody),
		cmocka_unit_test(shared_network),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(host_process_in_a_containers_network),
		cmocka_unit_test(failed_before_a_packet),
		cmocka_unit_test(by_interface),
		cmocka_unit_test(by_shared_interface),
		cmocka_unit_test(by_its_socket),
		cmocka_unit_test(what_it_was_is_not_shown),
		cmocka_unit_test(ended_before_the_answer),
		cmocka_unit_test(socket_decides),
		cmocka_unit_test(lives_tell),
		cmocka_unit_test(neighbour_is_not_taken),
		cmocka_unit_test(by_who_made_one),
		cmocka_unit_test(by_who_made_it_now),
		cmocka_unit_test(who_accepts),
		cmocka_unit_test(records_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
