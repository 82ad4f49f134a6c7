#include "collectors/audit/control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/audit/kernel.h"
#include "collectors/audit/rules.h"
#include "collectors/audit/self.h"
#include "lib/netns.h"

#define LOG_TAG "audit"
#include "lib/log.h"

#define HEAR_MS		500

struct audit_control {
	struct audit_control_options	 options;
	enum audit_mode			 mode;
	int				 fd;		/* for requests */
	struct audit_status		 before;	/* to give back */
	uint32_t			 lost_before;
	char				*state_path;
	struct audit_rules		 rules;
	struct audit_self		 self;
	bool				 locked, locked_by_us;
};

/* What the kernel's list of rules says. */
struct survey {
	struct audit_report	*report;
	struct audit_rule_data	**ours;		/* copies */
	size_t			 n_ours, room;
	unsigned		 other_pid;	/* of an agent that runs */
	bool			 failed;	/* no memory */
};

static bool
is_same_program(unsigned pid)
{
	char path[32], theirs[4096], mine[4096];
	ssize_t n, m;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, theirs, sizeof(theirs));
	m = readlink("/proc/self/exe", mine, sizeof(mine));
	return n > 0 && n == m && memcmp(theirs, mine, (size_t)n) == 0;
}

static void
keep_rule(struct survey *s, const struct audit_rule_data *r, size_t len)
{
	struct audit_rule_data **ours, *copy;
	size_t room;

	if (s->n_ours == s->room) {
		room = s->room == 0 ? 64 : s->room * 2;
		ours = realloc(s->ours, room * sizeof(*ours));
		if (ours == NULL) {
			s->failed = true;
			return;
		}
		s->ours = ours;
		s->room = room;
	}
	copy = malloc(len);
	if (copy == NULL) {
		s->failed = true;
		return;
	}
	memcpy(copy, r, len);
	s->ours[s->n_ours++] = copy;
}

static void
see_rule(void *ctx, const struct audit_rule_data *r, size_t len)
{
	struct survey *s = ctx;
	unsigned pid = audit_rules_own_pid(r);

	if (audit_rules_is_never_task(r))
		s->report->obstacles |= AUDIT_OBSTACLE_NEVER_TASK;
	if (!audit_rules_is_ours(r)) {
		s->report->foreign_rules++;
		return;
	}
	if (pid != 0 && pid != (unsigned)getpid() && is_same_program(pid))
		s->other_pid = pid;
	keep_rule(s, r, len);
}

static void
end_survey(struct survey *s)
{
	for (size_t i = 0; i < s->n_ours; i++)
		free(s->ours[i]);
	free(s->ours);
}

static int
survey_rules(int fd, struct audit_report *report, struct survey *s)
{
	int error;

	*s = (struct survey){ .report = report };
	report->foreign_rules = 0;
	error = audit_kernel_list(fd, see_rule, s);
	if (error == 0 && s->failed)
		error = -ENOMEM;
	if (error != 0)
		end_survey(s);
	return error;
}

static unsigned
obstacle_of(int error)
{
	switch (error) {
	case -EPROTONOSUPPORT:
	case -EOPNOTSUPP:
		return AUDIT_OBSTACLE_NO_KERNEL;
	case -ECONNREFUSED:
		/* No kernel side (audit=0), or a user namespace. */
		return geteuid() == 0 ?
		    AUDIT_OBSTACLE_NO_KERNEL | AUDIT_OBSTACLE_NAMESPACE :
		    AUDIT_OBSTACLE_NAMESPACE;
	case -EPERM:
	case -EACCES:
		return AUDIT_OBSTACLE_NO_RIGHTS;
	}
	return 0;
}

/* A daemon that died without a word keeps its registration until the kernel
 * fails to send to it. */
static bool
is_alive(uint32_t pid)
{
	return pid != 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static bool
is_others(const struct audit_status *s)
{
	return s->pid != (uint32_t)getpid() && is_alive(s->pid);
}

/* Opens the request socket and looks around. 0 or -errno. */
static int
look(struct audit_report *report, struct audit_status *status,
    struct survey *s, int *fd)
{
	int error;

	*fd = audit_kernel_open();
	if (*fd < 0) {
		report->obstacles |= obstacle_of(*fd);
		return *fd;
	}
	error = audit_kernel_status(*fd, status);
	if (error == 0)
		error = survey_rules(*fd, report, s);
	if (error != 0) {
		report->obstacles |= obstacle_of(error);
		close(*fd);
		*fd = -1;
		return error;
	}
	if (status->enabled == 2)
		report->obstacles |= AUDIT_OBSTACLE_LOCKED;
	if (status->rate_limit != 0)
		report->obstacles |= AUDIT_OBSTACLE_RATE;
	if (is_others(status)) {
		report->owner_pid = status->pid;
		report->obstacles |= AUDIT_OBSTACLE_OWNED;
	}
	if (s->other_pid != 0) {
		report->second_pid = s->other_pid;
		report->obstacles |= AUDIT_OBSTACLE_SECOND;
	}
	return 0;
}

/* Somebody else has the records, be it another agent. */
static bool
is_taken(const struct audit_report *report)
{
	return report->owner_pid != 0 || report->second_pid != 0;
}

void
audit_control_probe(const struct audit_conf *conf, struct audit_report *report)
{
	struct audit_status status;
	struct survey s;
	int fd;

	memset(report, 0, sizeof(*report));
	report->mode = AUDIT_MODE_OFF;
	if (conf->mode == AUDIT_MODE_OFF) {
		report->obstacles = AUDIT_OBSTACLE_OFF;
		return;
	}
	if (look(report, &status, &s, &fd) != 0)
		return;
	report->rules = (unsigned)s.n_ours;
	end_survey(&s);
	close(fd);
	report->mode = is_taken(report) ? AUDIT_MODE_MULTICAST :
	    AUDIT_MODE_UNICAST;
	if (conf->mode == AUDIT_MODE_MULTICAST)
		report->mode = AUDIT_MODE_MULTICAST;
	else if (conf->mode == AUDIT_MODE_UNICAST && is_taken(report))
		report->mode = AUDIT_MODE_OFF;
}

/* The socket that brings records. */

static void
enlarge(int fd, struct audit_report *report)
{
	int want = AUDIT_CONTROL_BUFFER / 2, got = 0;	/* the kernel doubles */
	socklen_t len = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want,
	    sizeof(want)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want));
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len);
	report->buffer_bytes = got;
	if (got < AUDIT_CONTROL_BUFFER)
		report->obstacles |= AUDIT_OBSTACLE_BUFFER;
}

/*
 * A netlink socket that was full once lets nobody send until it has been
 * empty. kauditd waits half a second and then drops all that it holds, up to
 * the backlog limit, without counting it. With this option it goes on as soon
 * as there is room (netlink_overrun of net/netlink/af_netlink.c); what it
 * turns off, the error that tells of losses, the serials tell as well.
 */
static void
go_on_when_full(int fd)
{
	const int on = 1;

	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on,
	    sizeof(on)) != 0)
		log_warn("audit: NETLINK_NO_ENOBUFS");
}

static int
open_records(struct audit_report *report, unsigned groups)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
	    .nl_groups = groups };
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_AUDIT), saved;

	if (fd < 0)
		return -errno;
	/* Nobody else is to fill the buffer, see audit_kernel_open. */
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0 ||
	    connect(fd, (const struct sockaddr *)&kernel,
	    sizeof(kernel)) != 0) {
		saved = errno;
		close(fd);
		return -saved;
	}
	enlarge(fd, report);
	if (groups == 0)
		go_on_when_full(fd);
	return fd;
}

/* Reads the error that the kernel left on the socket, if there is one. */
static int
registration_error(int fd)
{
	char data[512];
	struct nlmsghdr h;
	struct nlmsgerr e;
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		if ((size_t)n < NLMSG_HDRLEN + sizeof(e))
			continue;
		memcpy(&h, data, sizeof(h));
		memcpy(&e, data + NLMSG_HDRLEN, sizeof(e));
		if (h.nlmsg_type == NLMSG_ERROR && e.error != 0)
			return e.error;
	}
	return -EEXIST;
}

/* Becomes the audit daemon. The kernel handles the request before sendmsg
 * returns, so the status tells at once whether it worked; the socket itself
 * may bring records already. */
static int
open_unicast(struct audit_control *c, struct audit_report *report)
{
	struct audit_status s = { .mask = AUDIT_STATUS_PID,
	    .pid = (uint32_t)getpid() }, now;
	int fd = open_records(report, 0), error;

	if (fd < 0)
		return fd;
	error = audit_kernel_register(fd, &s);
	if (error == 0)
		error = audit_kernel_status(c->fd, &now);
	if (error == 0 && now.pid != s.pid)
		error = registration_error(fd);
	if (error != 0) {
		close(fd);
		return error;
	}
	c->mode = report->mode = AUDIT_MODE_UNICAST;
	return fd;
}

/* Our own changes are records too. In another network namespace the socket
 * opens and nothing ever comes. */
static bool
hears_anything(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, HEAR_MS) > 0;
}

static int
open_group(void *report)
{
	return open_records(report, 1 << (AUDIT_NLGRP_READLOG - 1));
}

static int
open_multicast(struct audit_control *c, struct audit_report *report)
{
	int fd = netns_run_in_initial(open_group, report);

	if (fd == -EPERM || fd == -EACCES)
		report->obstacles |= AUDIT_OBSTACLE_NAMESPACE;
	if (fd >= 0)
		c->mode = report->mode = AUDIT_MODE_MULTICAST;
	return fd;
}

static int
open_any(struct audit_control *c, struct audit_report *report)
{
	int want = c->options.conf->mode, fd = -EEXIST;

	if (want != AUDIT_MODE_MULTICAST && !is_taken(report)) {
		fd = open_unicast(c, report);
		if (fd >= 0)
			return fd;
	}
	if (want == AUDIT_MODE_UNICAST)
		return fd;
	return open_multicast(c, report);
}

/* Rules. */

static void
refuse(struct audit_report *report, const char *line, const char *why)
{
	report->rules_refused++;
	report->obstacles |= AUDIT_OBSTACLE_RULES;
	if (report->refused[0] == '\0')
		snprintf(report->refused, sizeof(report->refused), "%s: %s",
		    line, why);
}

/* 1: the kernel took it. 0: it was there. */
static int
add_text(struct audit_control *c, const char *text, bool any_name, char *why,
    size_t why_size)
{
	struct audit_rule_data *rule;
	int error;

	error = audit_rules_parse(text, any_name, &rule, why, why_size);
	if (error != 0)
		return error;
	error = audit_kernel_add_rule(c->fd, rule);
	audit_rules_free_one(rule);
	if (error == -EEXIST)
		return 0;
	if (error == 0)
		return 1;
	snprintf(why, why_size, "the kernel says: %s", strerror(-error));
	return error;
}

/* Number of rules that were added. */
static int
add_rules(struct audit_control *c, struct audit_report *report)
{
	char why[160] = "";
	int added = 0, n;

	report->rules = report->rules_refused = 0;
	for (size_t i = 0; i < c->rules.n; i++) {
		const struct audit_rules_line *l = &c->rules.lines[i];

		n = add_text(c, l->text, l->any_name, why, sizeof(why));
		if (n < 0 && n != -ENOSYS && l->fallback != NULL)
			n = add_text(c, l->fallback, l->any_name, why,
			    sizeof(why));
		if (n >= 0) {
			added += n;
			report->rules++;
		} else if (n != -ENOSYS && !l->optional)
			refuse(report, l->text, why);
	}
	return added;
}

static int
delete_ours(int fd, struct audit_report *report, unsigned *deleted)
{
	struct survey s;
	int error = survey_rules(fd, report, &s), last = 0;

	if (error != 0)
		return error;
	*deleted = 0;
	for (size_t i = 0; i < s.n_ours; i++) {
		/* Listed rules carry no flag for the place. */
		error = audit_kernel_delete_rule(fd, s.ours[i]);
		if (error == 0)
			(*deleted)++;
		else if (error != -ENOENT)
			last = error;
	}
	end_survey(&s);
	return last;
}

static int
install(struct audit_control *c, struct audit_report *report)
{
	struct audit_report scratch = { 0 };
	int error;

	error = delete_ours(c->fd, &scratch, &report->swept);
	if (error != 0)
		return error;
	error = audit_rules_make(c->options.conf, &c->rules);
	if (error != 0)
		return error;
	/* First, or the agent would audit its own work. */
	error = audit_self_widen(&c->self, c->fd, &c->rules);
	if (error == 0)
		error = audit_self_install(&c->self, c->fd);
	if (error != 0)
		return error;
	(void)add_rules(c, report);
	return 0;
}

/* Values. */

/* "enabled backlog_limit backlog_wait_time boot" in one line. */
static void
boot_id(char id[static 40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, 36);

	id[n == 36 ? 36 : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Others may write in the directory: only a file of our own is believed, and
 * nothing is followed or waited for. */
static FILE *
open_state(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid())
		f = fdopen(fd, "r");
	if (f == NULL)
		close(fd);
	return f;
}

/* A run that was killed could not give back: what it found counts. */
static void
recall(struct audit_control *c)
{
	char boot[40], then[40];
	unsigned enabled, limit, wait;
	FILE *f;

	if (c->state_path == NULL || (f = open_state(c->state_path)) == NULL)
		return;
	boot_id(boot);
	if (fscanf(f, "%u %u %u %39s", &enabled, &limit, &wait, then) == 4 &&
	    strcmp(boot, then) == 0 && enabled <= 1) {
		c->before.enabled = enabled;
		c->before.backlog_limit = limit;
		c->before.backlog_wait_time = wait;
	}
	fclose(f);
}

/* A new file, never through a link that somebody put there. */
static FILE *
make_state(const char *path)
{
	FILE *f;
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, "w");
	if (f == NULL)
		close(fd);
	return f;
}

static void
remember(struct audit_control *c)
{
	char boot[40];
	FILE *f;

	if (c->state_path == NULL)
		return;
	f = make_state(c->state_path);
	if (f == NULL) {
		log_warn("cannot keep the audit values: %s", c->state_path);
		return;
	}
	boot_id(boot);
	fprintf(f, "%u %u %u %s\n", c->before.enabled,
	    c->before.backlog_limit, c->before.backlog_wait_time, boot);
	if (fclose(f) != 0)
		log_warn("cannot keep the audit values: %s", c->state_path);
}

static int
set_values(struct audit_control *c)
{
	struct audit_status s = { .mask = AUDIT_STATUS_ENABLED, .enabled = 1 };
	bool alone = c->mode == AUDIT_MODE_UNICAST;

	if (c->before.backlog_limit != 0 &&
	    c->before.backlog_limit < AUDIT_CONTROL_BACKLOG) {
		s.mask |= AUDIT_STATUS_BACKLOG_LIMIT;
		s.backlog_limit = AUDIT_CONTROL_BACKLOG;
	}
	/* Another daemon's patience is its own affair. */
	if (alone && (c->before.feature_bitmap &
	    AUDIT_FEATURE_BITMAP_BACKLOG_WAIT_TIME) &&
	    c->before.backlog_wait_time > AUDIT_CONTROL_WAIT) {
		s.mask |= AUDIT_STATUS_BACKLOG_WAIT_TIME;
		s.backlog_wait_time = AUDIT_CONTROL_WAIT;
	}
	return audit_kernel_set(c->fd, &s);
}

static void
give_back_enabled(struct audit_control *c)
{
	struct audit_status s = { .mask = AUDIT_STATUS_ENABLED,
	    .enabled = c->before.enabled };
	int error = audit_kernel_set(c->fd, &s);

	if (error != 0)
		log_warnx("cannot set audit enabled back: %s",
		    strerror(-error));
}

/* Each by itself, so that one refusal does not keep the other; a value that
 * somebody else has set since is his. */
static void
give_back_limits(struct audit_control *c, const struct audit_status *now)
{
	struct audit_status s = { .mask = AUDIT_STATUS_BACKLOG_LIMIT,
	    .backlog_limit = c->before.backlog_limit };

	if (now->backlog_limit == AUDIT_CONTROL_BACKLOG)
		(void)audit_kernel_set(c->fd, &s);
	if ((c->before.feature_bitmap & AUDIT_FEATURE_BITMAP_BACKLOG_WAIT_TIME)
	    && now->backlog_wait_time == AUDIT_CONTROL_WAIT) {
		s = (struct audit_status){
		    .mask = AUDIT_STATUS_BACKLOG_WAIT_TIME,
		    .backlog_wait_time = c->before.backlog_wait_time };
		(void)audit_kernel_set(c->fd, &s);
	}
}

static void
lock(struct audit_control *c)
{
	struct audit_status s = { .mask = AUDIT_STATUS_ENABLED, .enabled = 2 };
	int error = audit_kernel_set(c->fd, &s);

	if (error != 0)
		log_warnx("cannot lock the audit configuration: %s",
		    strerror(-error));
	else
		c->locked = c->locked_by_us = true;
}

/* The whole. */

static void
free_control(struct audit_control *c)
{
	if (c->fd >= 0)
		close(c->fd);
	audit_rules_fini(&c->rules);
	free(c->state_path);
	free(c);
}

static int
prepare(struct audit_control *c, const struct audit_control_options *options,
    struct audit_report *report)
{
	struct survey s;
	int error;

	c->fd = -1;
	c->options = *options;
	c->self.n_pids = options->n_pids < AUDIT_SELF_PIDS ? options->n_pids :
	    AUDIT_SELF_PIDS;
	memcpy(c->self.pids, options->pids,
	    c->self.n_pids * sizeof(c->self.pids[0]));
	if (options->state_path != NULL) {
		c->state_path = strdup(options->state_path);
		if (c->state_path == NULL)
			return -ENOMEM;
	}
	if (options->conf->mode == AUDIT_MODE_OFF) {
		report->obstacles |= AUDIT_OBSTACLE_OFF;
		return -ENOTSUP;
	}
	error = look(report, &c->before, &s, &c->fd);
	if (error != 0)
		return error;
	end_survey(&s);
	if (report->obstacles & AUDIT_OBSTACLE_SECOND)
		return -EEXIST;
	c->lost_before = c->before.lost;
	c->locked = c->before.enabled == 2;
	recall(c);
	return 0;
}

struct audit_control *
audit_control_open(const struct audit_control_options *options,
    struct audit_report *report, int *fd)
{
	struct audit_control *c = calloc(1, sizeof(*c));
	int error, records = -1;

	memset(report, 0, sizeof(*report));
	report->mode = AUDIT_MODE_OFF;
	*fd = -1;
	if (c == NULL)
		return NULL;
	error = prepare(c, options, report);
	if (error != 0)
		goto fail;
	records = open_any(c, report);
	if (records < 0) {
		error = records;
		report->obstacles |= obstacle_of(error);
		if (error == -EEXIST)
			report->obstacles |= AUDIT_OBSTACLE_OWNED;
		goto fail;
	}
	remember(c);
	if (!c->locked) {
		error = install(c, report);
		if (error == 0)
			error = set_values(c);
		if (error != 0)
			goto give_back;
		if (c->mode == AUDIT_MODE_MULTICAST && !hears_anything(records))
			report->obstacles |= AUDIT_OBSTACLE_NAMESPACE;
		if (options->conf->lock)
			lock(c);
	}
	*fd = records;
	return c;

give_back:
	close(records);
	audit_control_close(c);
	report->mode = AUDIT_MODE_OFF;
	errno = -error;
	return NULL;
fail:
	free_control(c);
	errno = -error;
	return NULL;
}

static void
unregister(struct audit_control *c)
{
	struct audit_status s = { .mask = AUDIT_STATUS_PID, .pid = 0 };
	int error = audit_kernel_set(c->fd, &s);

	if (error != 0)
		log_warnx("cannot give up the audit daemon's place: %s",
		    strerror(-error));
}

/* What stands in the way now, for a report. */
static int
look_again(struct audit_control *c, struct audit_report *report)
{
	struct audit_status now;
	struct survey s;
	int fd = -1, error;

	memset(report, 0, sizeof(*report));
	report->mode = c->mode;
	error = look(report, &now, &s, &fd);
	if (error != 0)
		return error;
	/* Somebody may have deleted some. */
	report->rules = s.n_ours <= c->self.n_pids ? 0 :
	    (unsigned)(s.n_ours - c->self.n_pids);
	end_survey(&s);
	close(fd);
	/* The other process of this agent is no second one. */
	for (size_t i = 0; i < c->self.n_pids; i++)
		if (report->second_pid == (uint32_t)c->self.pids[i]) {
			report->second_pid = 0;
			report->obstacles &= ~(unsigned)AUDIT_OBSTACLE_SECOND;
		}
	return 0;
}

/* The multicast group is joined before the place is given up: what comes in
 * between comes twice, which the assembler notices, rather than never. */
static int
step_aside(struct audit_control *c, struct audit_report *report)
{
	int fd = open_multicast(c, report);

	if (fd < 0)
		return fd;
	unregister(c);
	return fd;
}

int
audit_control_switch(struct audit_control *c, struct audit_report *report,
    int *fd)
{
	int error, records;

	if (c->options.conf->mode != AUDIT_MODE_AUTO)
		return -EALREADY;
	error = look_again(c, report);
	if (error != 0)
		return error;
	if (c->mode == AUDIT_MODE_UNICAST)
		records = step_aside(c, report);
	else
		records = is_taken(report) ? -EALREADY :
		    open_unicast(c, report);
	if (records < 0)
		return records;
	if (c->mode == AUDIT_MODE_UNICAST && !c->locked)
		(void)set_values(c);
	*fd = records;
	return 0;
}

int
audit_control_status(struct audit_control *c, struct audit_control_status *out)
{
	struct audit_status s;
	int error = audit_kernel_status(c->fd, &s);

	if (error != 0)
		return error;
	*out = (struct audit_control_status){
		.enabled = s.enabled,
		.owner_pid = is_alive(s.pid) ? s.pid : 0,
		.backlog = s.backlog, .backlog_limit = s.backlog_limit,
		/* 32 bits in the kernel; someone may have set it to 0. */
		.lost = s.lost >= c->lost_before ? s.lost - c->lost_before :
		    s.lost,
		.waited = s.backlog_wait_time_actual,
	};
	return 0;
}

int
audit_control_exclude(struct audit_control *c, pid_t pid)
{
	if (c->locked)
		return -EPERM;
	return audit_self_add(&c->self, c->fd, pid);
}

int
audit_control_reinstall(struct audit_control *c, struct audit_report *report)
{
	int error, added;

	if (c->locked)
		return -EPERM;
	error = audit_self_cover(&c->self, c->fd);
	if (error != 0)
		return error;
	/* Wildcards may match more by now. */
	audit_rules_fini(&c->rules);
	error = audit_rules_make(c->options.conf, &c->rules);
	if (error != 0)
		return error;
	added = add_rules(c, report);
	error = set_values(c);
	return error != 0 ? error : added;
}

void
audit_control_close(struct audit_control *c)
{
	struct audit_report scratch = { 0 };
	struct audit_status now = { 0 };
	unsigned deleted;
	int error;

	if (c == NULL)
		return;
	if (!c->locked) {
		(void)audit_kernel_status(c->fd, &now);
		/* Off first: then removing rules writes no records. */
		if (!is_others(&now) || c->before.pid == now.pid)
			give_back_enabled(c);
		error = delete_ours(c->fd, &scratch, &deleted);
		if (error != 0)
			log_warnx("cannot remove the audit rules: %s",
			    strerror(-error));
		give_back_limits(c, &now);
	} else if (c->locked_by_us)
		log_notice("the audit rules stay: they are locked until the "
		    "next boot");
	if (c->mode == AUDIT_MODE_UNICAST)
		unregister(c);
	if (c->state_path != NULL && unlink(c->state_path) != 0 &&
	    errno != ENOENT)
		log_warn("cannot remove %s", c->state_path);
	free_control(c);
}

void
audit_control_explain(const struct audit_report *r, struct buf *out)
{
	static const struct { unsigned bit; const char *text; } plain[] = {
	{ AUDIT_OBSTACLE_OFF, "audit.mode is off: no program starts, no "
	    "connects and no file changes are seen" },
	{ AUDIT_OBSTACLE_NO_KERNEL, "the kernel has no audit (built without "
	    "CONFIG_AUDIT, or booted with audit=0): no program starts are "
	    "seen; boot with audit=1" },
	{ AUDIT_OBSTACLE_NO_RIGHTS, "no right to control audit: run as root "
	    "with CAP_AUDIT_CONTROL and CAP_AUDIT_READ in the host's pid "
	    "namespace (docker run --pid=host)" },
	{ AUDIT_OBSTACLE_NAMESPACE, "audit cannot be reached from this user "
	    "or network namespace: run the agent on the host" },
	{ AUDIT_OBSTACLE_LOCKED, "the audit configuration is locked (enabled "
	    "2) until the next boot: only what the rules there say is seen" },
	{ AUDIT_OBSTACLE_NEVER_TASK, "the rule -a never,task silences all "
	    "rules for system calls: remove it from /etc/audit/rules.d" },
	{ AUDIT_OBSTACLE_BUFFER, "the receive buffer is smaller than wanted: "
	    "records may be lost under load; give the agent CAP_NET_ADMIN" },
	{ AUDIT_OBSTACLE_RATE, "audit has a rate limit (auditctl -r): the "
	    "kernel drops records; set it to 0" },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (r->obstacles & plain[i].bit)
			buf_printf(out, "%s\n", plain[i].text);
	if (r->obstacles & AUDIT_OBSTACLE_OWNED)
		buf_printf(out, "process %u is the audit daemon: the agent "
		    "listens beside it and can lose records under load; stop "
		    "it to let the agent take its place\n", r->owner_pid);
	if (r->obstacles & AUDIT_OBSTACLE_SECOND)
		buf_printf(out, "process %u is an agent that uses audit "
		    "already: a second one hears none; stop one of them\n",
		    r->second_pid);
	if (r->obstacles & AUDIT_OBSTACLE_RULES)
		buf_printf(out, "%u audit rules were refused, the first: %s\n",
		    r->rules_refused, r->refused);
}
