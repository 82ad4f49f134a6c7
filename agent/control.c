#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/control.h"

#define LOG_TAG "control"
#include "lib/log.h"

#define CLIENTS_MAX	16
#define LINE_BYTES	256
#define ANSWER_BYTES	(4u << 20)
#define PATIENCE	(10 * MONO_S)

struct client {
	struct control		*control;
	int			 fd;
	struct loop_fd		*watch;
	struct mono		 since;
	char			 line[LINE_BYTES];
	size_t			 line_len;
	int			 fds[CONTROL_FDS_MAX];
	size_t			 n_fds;
	bool			 has_fds;	/* a message brought them */
	struct buf		 out;
	size_t			 sent;
	bool			 answered, keep;
};

struct control {
	struct loop		*loop;
	int			 fd;
	struct loop_fd		*watch;
	struct loop_timer	*timer;
	control_answer_fn	 answer;
	control_gone_fn		 gone;
	void			*ctx;
	struct client		*clients[CLIENTS_MAX];
};

static int
set_address(struct sockaddr_un *sa, const char *path)
{
	size_t len = strlen(path);

	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (len >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memcpy(sa->sun_path, path, len);
	return 0;
}

static bool
someone_listens(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live;

	if (fd == -1)
		return false;
	/* EAGAIN: someone whose queue is full. */
	live = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
	    errno == EAGAIN;
	close(fd);
	return live;
}

int
control_bind(const char *path, uid_t uid, gid_t gid)
{
	struct sockaddr_un sa;
	struct stat st;
	int fd, rc = set_address(&sa, path);

	if (rc != 0)
		return rc;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (someone_listens(&sa))
		return -EADDRINUSE;
	if (unlink(path) == -1 && errno != ENOENT)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    chmod(path, 0660) == -1 ||
	    (geteuid() == 0 && lchown(path, uid, gid) == -1) ||
	    listen(fd, CLIENTS_MAX) == -1) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void
hang_up(struct client *c)
{
	struct control *ctl = c->control;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (ctl->clients[i] == c)
			ctl->clients[i] = NULL;
	for (size_t i = 0; i < c->n_fds; i++)
		if (c->fds[i] != -1)
			close(c->fds[i]);
	if (c->keep && ctl->gone != NULL)
		ctl->gone(ctl->ctx);
	loop_fd_remove(c->watch);
	close(c->fd);
	buf_fini(&c->out);
	free(c);
}

/* Descriptors come with one message; those of further ones are not kept. */
static void
take_fds(struct client *c, const struct cmsghdr *cmsg)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		if (c->has_fds || c->n_fds == CONTROL_FDS_MAX)
			close(fd);
		else
			c->fds[c->n_fds++] = fd;
	}
	c->has_fds = true;
}

/* Appends what came to the line. 1 when the line is whole, 0, -1 at the end. */
static int
take_line(struct client *c)
{
	union {
		struct cmsghdr	header;
		char		room[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
	} control;
	struct iovec iov = {
		.iov_base = c->line + c->line_len,
		.iov_len = sizeof(c->line) - 1 - c->line_len,
	};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;
	ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	char *newline;

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS)
		take_fds(c, cmsg);
	if (n == 0)
		return -1;
	c->line_len += (size_t)n;
	c->line[c->line_len] = '\0';
	newline = memchr(c->line, '\n', c->line_len);
	if (newline != NULL)
		*newline = '\0';
	else if (c->line_len == sizeof(c->line) - 1)
		return -1;
	return newline != NULL;
}

static void
send_some(struct client *c)
{
	ssize_t n;

	while (c->sent < c->out.len) {
		n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			loop_fd_change(c->watch, LOOP_WRITE);
			return;
		}
		if (n == -1) {
			hang_up(c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (!c->keep) {
		hang_up(c);
		return;
	}
	loop_fd_change(c->watch, LOOP_READ);
}

static void
on_client(void *ctx, int fd, unsigned what)
{
	struct client *c = ctx;
	ssize_t n;
	char end;
	int rc;

	if (c->answered) {
		if (what & LOOP_WRITE) {
			send_some(c);
			return;
		}
		n = recv(fd, &end, 1, MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			hang_up(c);
		return;
	}
	rc = take_line(c);
	if (rc < 0)
		hang_up(c);
	if (rc != 1)
		return;
	c->answered = true;
	c->control->answer(c->control->ctx, c->line, c->fds, c->n_fds, &c->out,
	    &c->keep);
	send_some(c);
}

static void
on_connect(void *ctx, int fd, unsigned what)
{
	struct control *ctl = ctx;
	struct client *c;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t i;

	(void)what;
	if (client == -1)
		return;
	for (i = 0; i < CLIENTS_MAX && ctl->clients[i] != NULL; i++)
		;
	c = i < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL) {
		close(client);
		return;
	}
	c->control = ctl;
	c->fd = client;
	c->since = mono_now(&(struct mono_clock){ 0 });
	buf_init(&c->out, ANSWER_BYTES);
	c->watch = loop_fd_add(ctl->loop, client, LOOP_READ, 1, on_client, c);
	if (c->watch == NULL) {
		close(client);
		free(c);
		return;
	}
	ctl->clients[i] = c;
}

static void
on_timer(void *ctx, struct mono now)
{
	struct control *ctl = ctx;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = ctl->clients[i];

		if (c != NULL && !c->keep && now.ns - c->since.ns > PATIENCE)
			hang_up(c);
	}
}

struct control *
control_new(struct loop *loop, int fd, control_answer_fn answer,
    control_gone_fn gone, void *ctx)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL)
		return NULL;
	ctl->loop = loop;
	ctl->fd = fd;
	ctl->answer = answer;
	ctl->gone = gone;
	ctl->ctx = ctx;
	ctl->watch = loop_fd_add(loop, fd, LOOP_READ, 1, on_connect, ctl);
	ctl->timer = loop_timer_add(loop, MONO_S, on_timer, ctl);
	if (ctl->watch == NULL || ctl->timer == NULL) {
		ctl->fd = -1;
		control_free(ctl);
		return NULL;
	}
	return ctl;
}

void
control_free(struct control *ctl)
{
	if (ctl == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (ctl->clients[i] != NULL)
			hang_up(ctl->clients[i]);
	loop_fd_remove(ctl->watch);
	loop_timer_remove(ctl->timer);
	if (ctl->fd != -1)
		close(ctl->fd);
	free(ctl);
}

static int
send_line(int fd, const char *line, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr	header;
		char		room[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
	} control;
	struct iovec iov = {
		.iov_base = (void *)line, .iov_len = strlen(line),
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0 && n_fds <= CONTROL_FDS_MAX) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == -1 ? -errno : 0;
}

int
control_ask(const char *path, const char *line, const int *fds, size_t n_fds,
    unsigned wait_s, struct buf *answer, int *keep_fd)
{
	struct timeval wait = { .tv_sec = wait_s };
	struct sockaddr_un sa;
	char bytes[4096];
	ssize_t n = 0;
	int fd, rc = set_address(&sa, path);

	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	/* Also how long connect waits when too many do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == -1 ||
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		rc = -errno;
		goto out;
	}
	if ((rc = send_line(fd, line, fds, n_fds)) != 0)
		goto out;
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		buf_add(answer, bytes, (size_t)n);
		if (keep_fd != NULL && answer->len > 0 &&
		    answer->data[answer->len - 1] == '\n')
			break;
	}
	rc = n < 0 ? -errno : buf_ok(answer) ? 0 : -EMSGSIZE;
	if (rc == 0 && keep_fd != NULL && n > 0) {
		*keep_fd = fd;
		return 0;
	}
out:
	close(fd);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}
