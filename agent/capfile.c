#include "agent/capfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "lib/cursor.h"

#define MAGIC_MICRO	0xa1b2c3d4
#define MAGIC_NANO	0xa1b23c4d
#define FILE_HEADER	24
#define PACKET_HEADER	16
#define LINK_TYPE	0x03ffffff	/* the rest is about the checksum */

/* Stays in the processor's cache, and holds any packet. */
#define READ_BYTES	((size_t)512 << 10)

struct capfile {
	int		 fd;
	bool		 ended;		/* nothing more to read */
	uint32_t	 type, snaplen;
	int64_t		 unit;		/* ns, of the fraction */
	const char	*why;
	size_t		 at, end;	/* what is not used yet */
	uint8_t		 bytes[READ_BYTES];
};

/* At least n bytes that are not used yet, unless the file ends before. */
static int
fill(struct capfile *f, size_t n)
{
	ssize_t got;

	if (f->end - f->at >= n)
		return 0;
	memmove(f->bytes, f->bytes + f->at, f->end - f->at);
	f->end -= f->at;
	f->at = 0;
	while (f->end < n && !f->ended) {
		got = read(f->fd, f->bytes + f->end, READ_BYTES - f->end);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -errno;
		f->ended = got == 0;
		f->end += (size_t)got;
	}
	return 0;
}

/* The next n bytes, used from then on; failed when there are fewer. */
static struct cursor
take(struct capfile *f, size_t n)
{
	struct cursor c = cursor_make(f->bytes + f->at, f->end - f->at);
	struct cursor part = cursor_sub(&c, n);

	if (cursor_ok(&part))
		f->at += n;
	return part;
}

static bool
is_known(uint32_t type)
{
	return type == DLT_LINUX_SLL2 || type == DLT_LINUX_SLL ||
	    type == DLT_EN10MB;
}

static int
read_header(struct capfile *f)
{
	struct stat st;
	struct cursor c;
	uint16_t major, minor;
	uint32_t magic;

	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    fill(f, FILE_HEADER) != 0)
		return -ENOTSUP;
	c = take(f, FILE_HEADER);
	magic = cursor_u32host(&c);
	major = cursor_u16host(&c);
	minor = cursor_u16host(&c);
	cursor_skip(&c, 8);
	f->snaplen = cursor_u32host(&c);
	f->type = cursor_u32host(&c) & LINK_TYPE;
	f->unit = magic == MAGIC_NANO ? 1 : MONO_US;
	if (!cursor_ok(&c) || (magic != MAGIC_MICRO && magic != MAGIC_NANO) ||
	    major != 2 || minor != 4 || !is_known(f->type))
		return -ENOTSUP;
	if (f->snaplen == 0 || f->snaplen > CAPFILE_PACKET_MAX)
		f->snaplen = CAPFILE_PACKET_MAX;
	return 0;
}

struct capfile *
capfile_open(const char *path)
{
	struct capfile *f;
	struct stat st;
	int rc;

	/* A pipe cannot be read again by libpcap, and who writes to it would
	 * be left alone if it were opened and closed here. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = ENOTSUP;
		return NULL;
	}
	f = malloc(sizeof(*f));
	if (f == NULL)
		return NULL;
	f->why = "";
	f->ended = false;
	f->at = f->end = 0;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = f->fd == -1 ? -errno : read_header(f);
	if (rc == 0)
		return f;
	capfile_close(f);
	errno = -rc;
	return NULL;
}

void
capfile_close(struct capfile *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1)
		close(f->fd);
	free(f);
}

static int
broken(struct capfile *f, const char *why)
{
	f->why = why;
	return -EBADMSG;
}

int
capfile_next(struct capfile *f, struct collector_input *in)
{
	uint32_t s, fraction, captured, wire;
	struct cursor c;
	int rc = fill(f, PACKET_HEADER);

	if (rc != 0)
		return broken(f, "it cannot be read");
	if (f->at == f->end)
		return 0;
	c = take(f, PACKET_HEADER);
	s = cursor_u32host(&c);
	fraction = cursor_u32host(&c);
	captured = cursor_u32host(&c);
	wire = cursor_u32host(&c);
	if (!cursor_ok(&c))
		return broken(f, "it ends inside a packet");
	if (captured > CAPFILE_PACKET_MAX)
		return broken(f, "a packet is longer than any can be");
	if (fill(f, captured) != 0)
		return broken(f, "it cannot be read");
	c = take(f, captured);
	if (!cursor_ok(&c))
		return broken(f, "it ends inside a packet");
	in->when.ns = (int64_t)(int32_t)s * MONO_S + fraction * f->unit;
	in->type = f->type;
	in->wire_len = wire;
	in->bytes = c.pos;
	in->len = captured < f->snaplen ? captured : f->snaplen;
	return 1;
}

const char *
capfile_why(const struct capfile *f)
{
	return f->why;
}
