#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/procfs.h"

#define PART_BYTES	4096

static size_t
read_part(int dir, const char *name, uint8_t *out)
{
	size_t used = 0;
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return 0;
	while (used < PART_BYTES &&
	    (n = read(fd, out + used, PART_BYTES - used)) > 0)
		used += (size_t)n;
	close(fd);
	return used;
}

static size_t
read_exe(int dir, uint8_t *out)
{
	ssize_t n = readlinkat(dir, "exe", (char *)out, PART_BYTES - 1);

	return n > 0 ? (size_t)n : 0;
}

int
procfs_read(uint32_t pid, void *out)
{
	static const char *const names[PROCFS_PARTS] = {
		[PROCFS_CGROUP] = "cgroup", [PROCFS_STATUS] = "status",
		[PROCFS_CMDLINE] = "cmdline", [PROCFS_STAT] = "stat",
	};
	uint8_t *pos = out;
	char path[32];
	uint32_t len = 0;
	int dir;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return -ESRCH;
	for (size_t i = 0; i < PROCFS_PARTS; i++) {
		len = (uint32_t)(i == PROCFS_EXE ? read_exe(dir, pos + 4) :
		    read_part(dir, names[i], pos + 4));
		memcpy(pos, &len, 4);
		pos += 4 + len;
	}
	close(dir);
	/* Without stat the process went while it was read. */
	return len == 0 ? -ESRCH : (int)(pos - (uint8_t *)out);
}
