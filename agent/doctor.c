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
#include <unistd.h>

#include <pcap/pcap.h>

#include "agent/blind.h"
#include "agent/command.h"
#include "agent/docker_client.h"
#include "agent/privileges.h"
#include "collectors/audit/control.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/proc/proc.h"
#include "lib/netns.h"

#define DOCKER_TURNS	50
#define STORE_ROOM	(INT64_C(256) << 20)

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

	printf("%s  %-10s %s\n", words[f], what, detail);
	if (f != GOOD && advice != NULL)
		printf("                 -> %s\n", advice);
	if (f == BAD)
		d->bad = true;
}

static void
look_at_rights(struct doctor *d)
{
	struct privileges_user user;
	bool fallback;

	if (geteuid() == 0)
		find(d, GOOD, "rights", "root", NULL);
	else
		find(d, BAD, "rights", "not root: what follows may look worse "
		    "than it is", "run it as root: sudo tallyman doctor");
	if (privileges_find_user(d->settings->agent.user, &user,
	    &fallback) != 0)
		find(d, BAD, "user", "neither agent.user nor nobody exists",
		    "adduser --system --group tallyman");
	else if (fallback)
		find(d, NOTE, "user", "agent.user does not exist: nobody is "
		    "used", "adduser --system --group tallyman");
	else
		find(d, GOOD, "user", user.name, NULL);
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

static void
look_at_packets(struct doctor *d)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create("any", err);
	int rc = p == NULL ? PCAP_ERROR : pcap_activate(p);

	if (rc >= 0)
		find(d, GOOD, "packets", "all interfaces can be captured",
		    NULL);
	else
		find(d, BAD, "packets", p == NULL ? err : pcap_statustostr(rc),
		    "capturing needs CAP_NET_RAW");
	if (p != NULL)
		pcap_close(p);
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
