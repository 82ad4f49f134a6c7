/*
 * `tallyman doctor`: looks at the host without changing it. One line for each
 * finding: good, note (works, but), or bad (something will be missing), and
 * below it what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "agent/blind.h"
#include "agent/command.h"
#include "agent/docker_client.h"
#include "agent/privileges.h"
#include "collectors/audit/control.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/packet/filter.h"
#include "collectors/packet/ring.h"
#include "collectors/proc/proc.h"
#include "lib/netns.h"
#include "outputs/termtext.h"

#define DOCKER_TURNS	50
#define STORE_ROOM	(INT64_C(256) << 20)
#define RING_ROOM	((size_t)1 << 20)
#define RING_SNAPLEN	96

enum finding { GOOD, NOTE, BAD };

struct doctor {
	const struct settings	*settings;
	bool			 bad;
	int			 docker_status;
	bool			 docker_done;
};

static void
find(struct doctor *d, enum finding f, const char *what, const char *detail,
    const char *advice)
{
	static const char *const words[] = { "good", "note", "BAD " };

	struct buf safe;

	/* Names of processes and files are of others' making. */
	buf_init(&safe, 0);
	(void)termtext_add(&safe, detail, strlen(detail));
	printf("%s  %-10s %s\n", words[f], what, buf_text(&safe));
	buf_fini(&safe);
	if (f != GOOD && advice != NULL)
		printf("                 -> %s\n", advice);
	if (f == BAD)
		d->bad = true;
}

static void
look_at_rights(struct doctor *d)
{
	struct privileges_user user;
	char text[200];

	if (geteuid() == 0)
		find(d, GOOD, "rights", "root", NULL);
	else
		find(d, BAD, "rights", "not root: what follows may look worse "
		    "than it is", "run it as root: sudo tallyman doctor");
	if (privileges_find_user(d->settings->agent.user, &user) == 0) {
		find(d, GOOD, "user", user.name, NULL);
		return;
	}
	snprintf(text, sizeof(text), "there is no user %s: the agent does not "
	    "start", d->settings->agent.user);
	find(d, BAD, "user", text, "useradd --system --user-group tallyman, "
	    "or set agent.user");
}

static void
look_at_audit(struct doctor *d)
{
	static const unsigned notes = AUDIT_OBSTACLE_OWNED |
	    AUDIT_OBSTACLE_SECOND | AUDIT_OBSTACLE_OFF | AUDIT_OBSTACLE_BUFFER;
	struct audit_report report;
	struct buf text;
	char *line, *rest = NULL;

	audit_control_probe(&d->settings->audit, &report);
	if (report.obstacles == 0) {
		find(d, GOOD, "audit", "nobody has it, the agent would", NULL);
		return;
	}
	buf_init(&text, 0);
	audit_control_explain(&report, &text);
	if (buf_ok(&text) && text.len > 0)
		for (line = strtok_r(text.data, "\n", &rest); line != NULL;
		    line = strtok_r(NULL, "\n", &rest))
			find(d, report.obstacles & ~notes ? BAD : NOTE,
			    "audit", line, NULL);
	buf_fini(&text);
}

static void
look_at_blind(struct doctor *d)
{
	struct audit_report report;
	struct blind b;
	char text[256];

	if (d->settings->audit.mode == AUDIT_MODE_OFF)
		return;
	audit_control_probe(&d->settings->audit, &report);
	if ((report.obstacles & AUDIT_OBSTACLE_NO_KERNEL) ||
	    blind_look("/proc", report.owner_pid != 0 ? report.owner_pid :
	    report.second_pid, &b) != 0)
		return;
	if (b.n == 0) {
		find(d, GOOD, "blind", "no process is older than audit", NULL);
		return;
	}
	snprintf(text, sizeof(text), "%u processes are older than what "
	    "switched audit on, and may make no records: %s", b.n, b.names);
	find(d, NOTE, "blind", text, "boot with audit=1; until then restart "
	    "what matters. Their children are heard");
}

/* As the daemon makes it, but small. *gso: it tells the size of UDP segments.
 * False with a reason in why. */
static bool
try_ring(bool *gso, struct buf *why)
{
	struct sock_fprog program;
	struct ring *ring;
	int fd = ring_socket();

	if (fd < 0) {
		buf_printf(why, "packet socket: %s", strerror(-fd));
		return false;
	}
	if (filter_make(&program, "", RING_SNAPLEN, why) != 0) {
		close(fd);
		return false;
	}
	ring = ring_new(fd, RING_ROOM, &program, why);
	filter_free(&program);
	if (ring == NULL)
		return false;
	*gso = ring_knows_gso(ring);
	ring_free(ring);
	return true;
}

static bool
try_pcap(struct buf *why)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create("any", err);
	int rc = p == NULL ? PCAP_ERROR : pcap_activate(p);

	if (rc < 0)
		buf_add_str(why, p == NULL ? err : pcap_statustostr(rc));
	if (p != NULL)
		pcap_close(p);
	return rc >= 0;
}

static void
find_ring(struct doctor *d, bool wanted, bool there, bool gso,
    const struct buf *why)
{
	struct utsname u = { 0 };
	char text[300];

	(void)uname(&u);
	if (!there)
		snprintf(text, sizeof(text), "no ring: %s", buf_text(why));
	else
		snprintf(text, sizeof(text), "a ring can be had; kernel %s %s",
		    u.release, gso ? "tells the size of UDP segments" :
		    "would drop packets of UDP_SEGMENT at a ring that asks for "
		    "their size");
	find(d, there && gso ? GOOD : there || !wanted ? NOTE : BAD, "packets",
	    text, there ? "each such packet counts as one; kernel 6.2 or newer "
	    "tells" : "capturing needs CAP_NET_RAW");
}

static void
find_choice(struct doctor *d, bool ring, bool pcap)
{
	static const char *const names[] = {
		[PACKET_SOURCE_AUTO] = "auto", [PACKET_SOURCE_RING] = "ring",
		[PACKET_SOURCE_PCAP] = "pcap",
	};
	int source = d->settings->packet.source;
	bool takes_ring = ring && source != PACKET_SOURCE_PCAP;
	bool takes_pcap = !takes_ring && pcap && source != PACKET_SOURCE_RING;
	char text[128];

	snprintf(text, sizeof(text), "capture.source %s: %s", names[source],
	    takes_ring ? "the ring is taken" : takes_pcap ?
	    "libpcap is taken" : "nothing can be captured");
	find(d, !takes_ring && !takes_pcap ? BAD : takes_pcap &&
	    source == PACKET_SOURCE_AUTO ? NOTE : GOOD, "packets", text,
	    takes_pcap ? "UDP_SEGMENT is counted by the ring only" :
	    "see the lines above");
}

static void
look_at_packets(struct doctor *d)
{
	const struct packet_conf *conf = &d->settings->packet;
	bool gso = false, ring, pcap;
	struct buf why, errors;

	if (!conf->enabled) {
		find(d, NOTE, "packets", "capture.enabled is off: no flows are "
		    "seen", "set it to on");
		return;
	}
	buf_init(&why, 0);
	ring = try_ring(&gso, &why);
	find_ring(d, conf->source != PACKET_SOURCE_PCAP, ring, gso, &why);
	buf_reset(&why);
	pcap = try_pcap(&why);
	if (pcap)
		find(d, GOOD, "packets", "libpcap can capture all interfaces",
		    NULL);
	else
		find(d, ring && conf->source != PACKET_SOURCE_PCAP ? NOTE :
		    BAD, "packets", buf_text(&why),
		    "capturing needs CAP_NET_RAW");
	buf_fini(&why);
	find_choice(d, ring, pcap);
	buf_init(&errors, 0);
	if (packet_check(conf, &errors) != 0)
		find(d, BAD, "packets", "an expression of capture.exclude "
		    "cannot be done: nothing is captured",
		    "tallyman check names it");
	buf_fini(&errors);
}

/* First character of a file under /proc/sys, or '?'. */
static char
sysctl_char(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '?';

	if (fd == -1)
		return '?';
	if (read(fd, &c, 1) != 1)
		c = '?';
	close(fd);
	return c;
}

static void
look_at_conntrack(struct doctor *d)
{
	int fd = conntrack_open();

	if (fd < 0) {
		find(d, BAD, "conntrack", strerror(-fd), "load nf_conntrack and "
		    "nf_conntrack_netlink; CAP_NET_ADMIN is needed");
		return;
	}
	close(fd);
	find(d, GOOD, "conntrack", "translations can be heard", NULL);
	if (sysctl_char("/proc/sys/net/netfilter/nf_conntrack_timestamp") ==
	    '0')
		find(d, NOTE, "conntrack", "events carry no time: a port that "
		    "is reused at once is told apart by its SYN only",
		    "sysctl net.netfilter.nf_conntrack_timestamp=1");
}

static int
open_connector(void *ctx)
{
	(void)ctx;
	return proc_connector_open();
}

static void
look_at_processes(struct doctor *d)
{
	int fd = netns_run_in_initial(open_connector, NULL);

	if (fd < 0) {
		find(d, BAD, "processes", strerror(-fd), "the proc connector "
		    "needs CAP_NET_ADMIN and a kernel with "
		    "CONFIG_PROC_EVENTS");
		return;
	}
	close(fd);
	find(d, GOOD, "processes", "forks, execs and exits can be heard", NULL);
}

static void
on_docker(void *ctx, enum wire_verb verb, const char *id, int status,
    const void *bytes, size_t len, bool last)
{
	struct doctor *d = ctx;

	(void)verb;
	(void)id;
	(void)bytes;
	(void)len;
	d->docker_status = status;
	d->docker_done = last;
}

static void
look_at_docker(struct doctor *d)
{
	const char *path = d->settings->enrich.docker_socket;
	struct docker_client *c = docker_client_new(path, on_docker, d);
	char text[256];

	if (c == NULL ||
	    docker_client_get(c, WIRE_DOCKER_LIST, NULL, 0) != 0)
		d->docker_status = -ENOMEM;
	else
		for (int i = 0; i < DOCKER_TURNS && !d->docker_done; i++) {
			(void)docker_client_poll(c, NULL, 0, 100);
			docker_client_turn(c);
		}
	docker_client_free(c);
	if (d->docker_status == 200) {
		snprintf(text, sizeof(text), "answers on %s", path);
		find(d, GOOD, "docker", text, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", path, d->docker_status > 0 ?
	    "an HTTP error" : d->docker_status == 0 ? "no answer in 5 s" :
	    strerror(-d->docker_status));
	find(d, BAD, "docker", text, "start dockerd, or set docker.socket; "
	    "until then containers have ids but no names");
}

static void
look_at_store(struct doctor *d)
{
	char *directory = strdup(d->settings->store.path), text[300];
	struct statvfs vfs;
	char *slash = directory == NULL ? NULL : strrchr(directory, '/');

	if (slash != NULL && slash != directory)
		*slash = '\0';
	if (directory == NULL || statvfs(directory, &vfs) == -1) {
		find(d, NOTE, "store", "its directory does not exist yet",
		    "tallyman run makes it");
		free(directory);
		return;
	}
	snprintf(text, sizeof(text), "%s: %" PRIu64 " MiB free", directory,
	    (uint64_t)vfs.f_bavail * vfs.f_frsize >> 20);
	if ((int64_t)(vfs.f_bavail * vfs.f_frsize) < STORE_ROOM)
		find(d, BAD, "store", text, "make room, or set store.path");
	else
		find(d, GOOD, "store", text, NULL);
	free(directory);
}

static void
look_at_promiscuous(struct doctor *d)
{
	if (d->settings->packet.promiscuous != PACKET_PROMISC_OFF &&
	    sysctl_char("/proc/sys/net/bridge/bridge-nf-call-iptables") == '1')
		find(d, NOTE, "bridges", "frames pass iptables (bridge-nf): "
		    "promiscuous mode is withheld where a port is a hairpin "
		    "port", "tallyman status names the bridges; nothing is "
		    "missed, the veths are heard anyway");
}

int
command_doctor(struct command_env *env, int argc, char **argv)
{
	static const struct option longs[] = { COMMAND_LONGS };
	static void (*const looks[])(struct doctor *) = {
		look_at_rights, look_at_audit, look_at_blind, look_at_packets,
		look_at_conntrack, look_at_processes, look_at_docker,
		look_at_store, look_at_promiscuous,
	};
	struct doctor d = { 0 };
	struct settings *settings;
	int c;

	while ((c = command_getopt(env, argc, argv, "c:h", longs)) != -1) {
		if (c != 'h')
			return EXIT_USAGE;
		command_usage(stdout, command_find("doctor"), "");
		return EXIT_OK;
	}
	if (!command_ends(argc, argv))
		return EXIT_USAGE;
	settings = command_settings(env);
	if (settings == NULL)
		return EXIT_FAILED;
	d.settings = settings;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		looks[i](&d);
	settings_free(settings);
	return d.bad ? EXIT_FAILED : EXIT_OK;
}
