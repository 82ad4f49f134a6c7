#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/procfs.h"

#include "enrich/identity.h"

#define PART_BYTES	4096

static size_t
read_file(int dir, const char *name, void *out, size_t room)
{
	size_t used = 0;
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return 0;
	while (used < room &&
	    (n = read(fd, (char *)out + used, room - used)) > 0)
		used += (size_t)n;
	close(fd);
	return used;
}

static size_t
read_part(int dir, const char *name, uint8_t *out)
{
	return read_file(dir, name, out, PART_BYTES);
}

static size_t
read_exe(int dir, uint8_t *out)
{
	ssize_t n = readlinkat(dir, "exe", (char *)out, PART_BYTES - 1);

	return n > 0 ? (size_t)n : 0;
}

/* The one file whose reading waits for the process: see aside.h. */
static size_t
read_cmdline(struct aside *aside, int dir, uint8_t *out, bool *stuck)
{
	int fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd == -1)
		return 0;
	n = aside_read(aside, fd, out, PART_BYTES);
	*stuck = n < 0;
	return n < 0 ? 0 : (size_t)n;
}

int
procfs_read(uint32_t pid, struct aside *aside, void *out, bool *stuck)
{
	static const char *const names[PROCFS_PARTS] = {
		[PROCFS_CGROUP] = "cgroup", [PROCFS_STATUS] = "status",
		[PROCFS_STAT] = "stat",
	};
	uint8_t *pos = out;
	char path[32];
	uint32_t len = 0;
	int dir;

	*stuck = false;
	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return -ESRCH;
	for (size_t i = 0; i < PROCFS_PARTS; i++) {
		len = (uint32_t)(i == PROCFS_EXE ? read_exe(dir, pos + 4) :
		    i == PROCFS_CMDLINE ? read_cmdline(aside, dir, pos + 4,
		    stuck) : read_part(dir, names[i], pos + 4));
		memcpy(pos, &len, 4);
		pos += 4 + len;
	}
	close(dir);
	/* Without stat the process went while it was read. */
	return len == 0 ? -ESRCH : (int)(pos - (uint8_t *)out);
}

static int
open_process(uint32_t pid)
{
	char path[32];
	int dir;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir == -1 ? -ESRCH : dir;
}

/* The agent may run in a container itself (Docker in Docker). Then that one's
 * id stands before those of the containers that it watches. */
static bool
is_our_own(const uint8_t id[static 32])
{
	char text[PART_BYTES];
	uint8_t own[32];
	size_t n = read_file(AT_FDCWD, "/proc/self/cgroup", text,
	    sizeof(text));

	return identity_read_cgroup(text, n, own) > 0 &&
	    memcmp(own, id, sizeof(own)) == 0;
}

bool
procfs_is_in(int dir, const char *container)
{
	char text[PART_BYTES];
	uint8_t wanted[32], found[32];
	size_t n = read_file(dir, "cgroup", text, sizeof(text));

	if (strlen(container) != 64 ||
	    !identity_find_id(container, 64, wanted) ||
	    identity_read_cgroup(text, n, found) <= 0)
		return false;
	return memcmp(found, wanted, sizeof(found)) == 0 ||
	    (is_our_own(found) && memmem(text, n, container, 64) != NULL);
}

static bool
is_ours(const struct stat *ns)
{
	struct stat mine;

	return stat("/proc/self/ns/net", &mine) == 0 &&
	    mine.st_ino == ns->st_ino && mine.st_dev == ns->st_dev;
}

/* All of it through one descriptor: the pid may be another's by now. */
int
procfs_open_netns(uint32_t pid, const char *container, struct buf *text)
{
	int dir = open_process(pid), ns, rc = -ESRCH;
	char table[PROCFS_SOCKETS];
	struct stat st;

	if (dir < 0)
		return dir;
	ns = openat(dir, "ns/net", O_RDONLY | O_CLOEXEC);
	if (ns == -1 || !procfs_is_in(dir, container))
		goto fail;
	if (fstat(ns, &st) == -1 || is_ours(&st)) {
		rc = -EEXIST;
		goto fail;
	}
	buf_add_u64(text, st.st_ino);
	buf_add_char(text, ' ');
	buf_add(text, table, read_file(dir, "net/udp", table, sizeof(table)));
	buf_add_char(text, '\0');
	buf_add(text, table, read_file(dir, "net/tcp", table, sizeof(table)));
	close(dir);
	return ns;
fail:
	if (ns != -1)
		close(ns);
	close(dir);
	return rc;
}
