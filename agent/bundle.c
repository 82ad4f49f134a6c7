#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libaudit.h>
#include <pcap/pcap.h>

#include "agent/bundle.h"
#include "lib/buf.h"
#include "lib/json.h"

#define LINE_BYTES	(64u << 20)
#define SNAPLEN		262144

static const struct {
	const char *source, *file;
} files[BUNDLE_FILES] = {
	[BUNDLE_ORDER] = { "order", "order.txt" },
	[BUNDLE_PACKET] = { "packet", "packet.pcap" },
	[BUNDLE_AUDIT] = { "audit", "audit.log" },
	[BUNDLE_CONNTRACK] = { "conntrack", "conntrack.ndjson" },
	[BUNDLE_LINK] = { "link", "link.ndjson" },
	[BUNDLE_PROC] = { "proc", "proc.ndjson" },
	[BUNDLE_DOCKER] = { "docker", "docker.ndjson" },
	[BUNDLE_PROCFS] = { "procfs", "procfs.ndjson" },
};

struct recorder {
	FILE			*out[BUNDLE_FILES];
	pcap_t			*dead;
	pcap_dumper_t		*dumper;
	enum bundle_file	 run_file;	/* of the run being counted */
	uint64_t		 run_count;
	struct wall		 run_start;
	struct buf		 line, hex;
	int			 error;
};

const char *
bundle_source_name(enum bundle_file f)
{
	return f < BUNDLE_FILES ? files[f].source : NULL;
}

const char *
bundle_file_name(enum bundle_file f)
{
	return f < BUNDLE_FILES ? files[f].file : NULL;
}

enum bundle_file
bundle_find(const char *source, size_t len)
{
	int i;

	for (i = 0; i < BUNDLE_FILES; i++)
		if (strlen(files[i].source) == len &&
		    memcmp(files[i].source, source, len) == 0)
			break;
	return (enum bundle_file)i;
}

int
bundle_create(const char *directory, int fds[static BUNDLE_FILES])
{
	int dir, rc = 0, i;

	if (mkdir(directory, 0700) == -1 && errno != EEXIST)
		return -errno;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return -errno;
	for (i = 0; i < BUNDLE_FILES; i++) {
		fds[i] = openat(dir, files[i].file,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fds[i] == -1) {
			rc = -errno;
			break;
		}
	}
	while (rc != 0 && --i >= 0)
		close(fds[i]);
	close(dir);
	return rc;
}

struct recorder *
recorder_new(const int fds[static BUNDLE_FILES])
{
	struct recorder *r = calloc(1, sizeof(*r));
	int failed = r == NULL ? ENOMEM : 0;

	for (int i = 0; i < BUNDLE_FILES; i++) {
		FILE *f = failed != 0 ? NULL : fdopen(fds[i], "w");

		if (f == NULL) {
			failed = failed != 0 ? failed : errno;
			close(fds[i]);
		} else
			r->out[i] = f;
	}
	if (failed == 0) {
		buf_init(&r->line, LINE_BYTES);
		buf_init(&r->hex, LINE_BYTES);
		r->dead = pcap_open_dead_with_tstamp_precision(
		    DLT_LINUX_SLL2, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
		if (r->dead != NULL)
			r->dumper = pcap_dump_fopen(r->dead,
			    r->out[BUNDLE_PACKET]);
		if (r->dumper == NULL)
			failed = ENOMEM;
	}
	if (failed != 0) {
		recorder_free(r);
		errno = failed;
		return NULL;
	}
	return r;
}

static void
write_run(struct recorder *r)
{
	if (r->run_count > 0)
		fprintf(r->out[BUNDLE_ORDER], "%s %" PRIu64 " %" PRId64 "\n",
		    files[r->run_file].source, r->run_count, r->run_start.ns);
	r->run_count = 0;
}

void
recorder_free(struct recorder *r)
{
	if (r == NULL)
		return;
	if (r->out[BUNDLE_ORDER] != NULL)
		write_run(r);
	if (r->dumper != NULL) {
		pcap_dump_close(r->dumper);
		r->out[BUNDLE_PACKET] = NULL;
	}
	if (r->dead != NULL)
		pcap_close(r->dead);
	for (int i = 0; i < BUNDLE_FILES; i++)
		if (r->out[i] != NULL)
			fclose(r->out[i]);
	buf_fini(&r->line);
	buf_fini(&r->hex);
	free(r);
}

const char *
recorder_why(const struct recorder *r)
{
	return r->error == 0 ? NULL : strerror(r->error);
}

/* A run: inputs of one source one after the other, within 20 ms, so that
 * replay's clock follows. */
static void
count_in_run(struct recorder *r, enum bundle_file f, struct wall when)
{
	if (r->run_count > 0 && (r->run_file != f ||
	    when.ns - r->run_start.ns > 20 * MONO_MS))
		write_run(r);
	if (r->run_count == 0) {
		r->run_file = f;
		r->run_start = when;
	}
	r->run_count++;
}

static void
check_file(struct recorder *r, enum bundle_file f)
{
	if (r->error == 0 && ferror(r->out[f]))
		r->error = errno != 0 ? errno : EIO;
}

static void
write_packet(struct recorder *r, const struct collector_input *in)
{
	struct pcap_pkthdr h = {
		.ts = { .tv_sec = in->when.ns / MONO_S,
		    .tv_usec = in->when.ns % MONO_S },
		.caplen = (uint32_t)in->len,
		.len = in->wire_len,
	};

	pcap_dump((u_char *)r->dumper, &h, in->bytes);
}

static void
write_audit(struct recorder *r, const struct collector_input *in)
{
	const char *name = audit_msg_type_to_name((int)in->type);
	size_t len = in->len;

	/* The kernel ends some records with NUL; a line cannot hold others. */
	while (len > 0 && (in->bytes[len - 1] == '\0' ||
	    in->bytes[len - 1] == '\n'))
		len--;
	if (name != NULL)
		fprintf(r->out[BUNDLE_AUDIT], "type=%s msg=", name);
	else
		fprintf(r->out[BUNDLE_AUDIT], "type=UNKNOWN[%" PRIu32 "] msg=",
		    in->type);
	for (size_t i = 0; i < len; i++)
		putc(in->bytes[i] == '\n' ? ' ' : in->bytes[i],
		    r->out[BUNDLE_AUDIT]);
	putc('\n', r->out[BUNDLE_AUDIT]);
}

static void
put_num(struct json_writer *w, const char *key, int64_t n)
{
	json_key_str(w, key);
	json_put_i64(w, n);
}

static void
put_hex(struct recorder *r, struct json_writer *w, const void *bytes,
    size_t len)
{
	buf_reset(&r->hex);
	buf_add_hex(&r->hex, bytes, len);
	if (!buf_ok(&r->hex))
		r->error = EMSGSIZE;
	json_key_str(w, "hex");
	json_put_str(w, buf_text(&r->hex), r->hex.len);
}

static void
open_line(struct recorder *r, struct json_writer *w, struct wall when)
{
	buf_reset(&r->line);
	json_writer_init(w, &r->line);
	json_open(w, '{');
	put_num(w, "t", when.ns);
}

static void
close_line(struct recorder *r, struct json_writer *w, enum bundle_file f)
{
	json_close(w, '}');
	if (buf_ok(&r->line))
		fprintf(r->out[f], "%s\n", buf_text(&r->line));
	else
		r->error = EMSGSIZE;
}

static void
write_netlink(struct recorder *r, enum bundle_file f,
    const struct collector_input *in)
{
	struct json_writer w;

	open_line(r, &w, in->when);
	put_num(&w, "type", in->type);
	put_hex(r, &w, in->bytes, in->len);
	close_line(r, &w, f);
}

void
recorder_tap(void *ctx, const char *collector,
    const struct collector_input *in)
{
	struct recorder *r = ctx;
	enum bundle_file f = bundle_find(collector, strlen(collector));

	if (r->error != 0 || f == BUNDLE_FILES)
		return;
	count_in_run(r, f, in->when);
	if (f == BUNDLE_PACKET)
		write_packet(r, in);
	else if (f == BUNDLE_AUDIT)
		write_audit(r, in);
	else
		write_netlink(r, f, in);
	check_file(r, f);
}

void
recorder_answer(struct recorder *r, struct wall when,
    const struct wire_answer *a, const void *bytes, size_t len)
{
	bool docker = (a->verb >= WIRE_DOCKER_LIST &&
	    a->verb <= WIRE_DOCKER_EVENTS) || a->verb == WIRE_OPEN_LOOPBACK;
	enum bundle_file f = docker ? BUNDLE_DOCKER : BUNDLE_PROCFS;
	struct json_writer w;

	if (r->error != 0)
		return;
	count_in_run(r, f, when);
	open_line(r, &w, when);
	put_num(&w, "verb", a->verb);
	put_num(&w, "status", a->status);
	put_num(&w, "flags", a->flags);
	if (docker) {
		json_key_str(&w, "id");
		json_put_cstr(&w, a->id);
		json_key_str(&w, "text");
		json_put_str(&w, bytes, len);
	} else {
		put_num(&w, "pid", a->pid);
		if (a->id[0] != '\0') {
			json_key_str(&w, "id");
			json_put_cstr(&w, a->id);
		}
		put_hex(r, &w, bytes, len);
	}
	close_line(r, &w, f);
	check_file(r, f);
}
