/*
 * Any bytes behind the header of a capture file: packets lie inside what was
 * read and the reader comes to an end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "agent/capfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static int
write_file(const uint8_t *data, size_t len)
{
	const uint32_t header[6] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0,
	    CAPFILE_PACKET_MAX, DLT_LINUX_SLL2 };
	int fd = memfd_create("capfile", MFD_CLOEXEC);

	if (fd == -1)
		return -1;
	require(write(fd, header, sizeof(header)) == sizeof(header));
	require(write(fd, data, len) == (ssize_t)len);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	volatile uint8_t sum = 0;
	struct collector_input in;
	struct capfile *f;
	size_t left = len;
	char path[64];
	int fd = write_file(data, len), rc;

	if (fd == -1)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f = capfile_open(path);
	require(f != NULL);
	while ((rc = capfile_next(f, &in)) == 1) {
		require(in.len <= left && left - in.len >= 16);
		left -= in.len + 16;
		for (size_t i = 0; i < in.len; i++)
			sum = (uint8_t)(sum + in.bytes[i]);
	}
	require(rc == 0 || capfile_why(f)[0] != '\0');
	capfile_close(f);
	close(fd);
	return 0;
}
