#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libaudit.h>
#include <pcap/pcap.h>

#include "agent/capfile.h"
#include "agent/source.h"
#include "lib/json.h"

#define FILES_MAX	64
#define HEX_BYTES	(32u << 20)
#define READ_BYTES	(256u << 10)	/* of a capture file at a time */

struct source {
	enum bundle_file	 file;
	char			*path;
	FILE			*in;		/* all but packets */
	struct capfile		*capture;	/* packets: one of these */
	pcap_t			*pcap;
	unsigned long		 line_number;
	char			*line;
	size_t			 line_room;
	struct json_doc		*doc;
	struct buf		 bytes;		/* unhexed, malloc'd: aligned */
	struct source_input	 next;
	bool			 loaded, ended;
};

struct sources {
	struct source	*all[FILES_MAX];
	size_t		 n;
	FILE		*order;
	char		*order_path;
	unsigned long	 order_line;
	enum bundle_file run_file;
	uint64_t	 run_left;
	struct wall	 run_time;
};

struct sources *
sources_new(void)
{
	return calloc(1, sizeof(struct sources));
}

static void
free_source(struct source *s)
{
	if (s->in != NULL)
		fclose(s->in);
	if (s->pcap != NULL)
		pcap_close(s->pcap);
	capfile_close(s->capture);
	json_doc_free(s->doc);
	buf_fini(&s->bytes);
	free(s->line);
	free(s->path);
	free(s);
}

void
sources_free(struct sources *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->n; i++)
		free_source(all->all[i]);
	if (all->order != NULL)
		fclose(all->order);
	free(all->order_path);
	free(all);
}

/* What is not for capfile. libpcap takes the file over. */
static int
open_pcap(struct source *s, struct buf *why)
{
	char err[PCAP_ERRBUF_SIZE];

	/* libpcap reads a packet in two pieces: mostly from this buffer. */
	(void)setvbuf(s->in, NULL, _IOFBF, READ_BYTES);
	s->pcap = pcap_fopen_offline_with_tstamp_precision(s->in,
	    PCAP_TSTAMP_PRECISION_NANO, err);
	if (s->pcap == NULL) {
		buf_printf(why, "%s: %s\n", s->path, err);
		return -EINVAL;
	}
	s->in = NULL;
	return 0;
}

static int
open_source(struct source *s, struct buf *why)
{
	bool standard = s->file == BUNDLE_PACKET && strcmp(s->path, "-") == 0;

	if (s->file == BUNDLE_PACKET && !standard &&
	    (s->capture = capfile_open(s->path)) != NULL)
		return 0;
	s->in = standard ? stdin : fopen(s->path, "re");
	if (s->in == NULL) {
		buf_printf(why, "%s: %s\n", s->path, strerror(errno));
		return -errno;
	}
	return s->file == BUNDLE_PACKET ? open_pcap(s, why) : 0;
}

int
sources_add(struct sources *all, enum bundle_file file, const char *path,
    struct buf *why)
{
	struct source *s;
	int rc;

	if (all->n >= FILES_MAX) {
		buf_printf(why, "%s: more than %d files\n", path, FILES_MAX);
		return -E2BIG;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	buf_init(&s->bytes, HEX_BYTES);
	s->file = file;
	s->path = strdup(path);
	rc = s->path == NULL ? -ENOMEM : open_source(s, why);
	if (rc != 0) {
		free_source(s);
		return rc;
	}
	all->all[all->n++] = s;
	return 0;
}

int
sources_add_bundle(struct sources *all, const char *directory, struct buf *why)
{
	char path[4096];
	int rc = 0;

	for (int i = BUNDLE_PACKET; i < BUNDLE_FILES && rc == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
		    bundle_file_name((enum bundle_file)i));
		rc = sources_add(all, (enum bundle_file)i, path, why);
	}
	if (rc != 0)
		return rc;
	snprintf(path, sizeof(path), "%s/%s", directory,
	    bundle_file_name(BUNDLE_ORDER));
	all->order = fopen(path, "re");
	all->order_path = strdup(path);
	if (all->order == NULL) {
		buf_printf(why, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	return all->order_path == NULL ? -ENOMEM : 0;
}

/* The next line without its end. Length, or -1 at the end of the file. */
static ssize_t
read_line(struct source *s)
{
	ssize_t n;

	do {
		n = getline(&s->line, &s->line_room, s->in);
		s->line_number++;
		while (n > 0 && (s->line[n - 1] == '\n' ||
		    s->line[n - 1] == '\r'))
			s->line[--n] = '\0';
	} while (n == 0);
	return n;
}

static int
load_packet(struct source *s)
{
	struct pcap_pkthdr *h;
	const u_char *bytes;
	struct collector_input *in = &s->next.input;
	int rc;

	if (s->capture != NULL)
		return capfile_next(s->capture, in);
	rc = pcap_next_ex(s->pcap, &h, &bytes);
	if (rc != 1)
		return rc == PCAP_ERROR_BREAK ? 0 : -EBADMSG;
	in->when.ns = (int64_t)h->ts.tv_sec * MONO_S + h->ts.tv_usec;
	in->type = (uint32_t)pcap_datalink(s->pcap);
	in->wire_len = h->len;
	in->bytes = bytes;
	in->len = h->caplen;
	return 1;
}

/* Seconds and milliseconds of "audit(1795315493.899:6081669)"; 0 if not. */
static int64_t
audit_time(const char *line)
{
	const char *p = strstr(line, "audit(");
	long long s, ms = 0;

	if (p == NULL || sscanf(p, "audit(%lld.%3lld", &s, &ms) < 1 ||
	    s < 0 || s >= INT64_MAX / MONO_S)
		return 0;
	return s * MONO_S + ms * MONO_MS;
}

static int
load_audit(struct source *s)
{
	struct collector_input *in = &s->next.input;
	ssize_t n = read_line(s);
	int64_t t;

	if (n < 0)
		return 0;
	t = audit_time(s->line);
	if (t != 0)	/* a line without a time follows its neighbour */
		in->when.ns = t;
	in->type = 0;
	in->bytes = (const uint8_t *)s->line;
	in->len = (size_t)n;
	return 1;
}

static int
unhex(struct buf *out, const char *hex, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const char *hi, *lo;

	buf_reset(out);
	if (len % 2 != 0)
		return -EBADMSG;
	for (size_t i = 0; i < len; i += 2) {
		hi = memchr(digits, hex[i], 16);
		lo = memchr(digits, hex[i + 1], 16);
		if (hi == NULL || lo == NULL)
			return -EBADMSG;
		buf_add_char(out,
		    (char)((hi - digits) << 4 | (lo - digits)));
	}
	return buf_ok(out) ? 0 : -EBADMSG;
}

static int
load_answer(struct source *s, const struct json *root)
{
	struct wire_answer *a = &s->next.answer;
	const char *id;
	size_t len;

	memset(a, 0, sizeof(*a));
	a->verb = (uint32_t)json_int(json_get(root, "verb"));
	a->pid = (uint32_t)json_int(json_get(root, "pid"));
	a->status = (int32_t)json_int(json_get(root, "status"));
	a->flags = (uint32_t)json_int(json_get(root, "flags"));
	id = json_str(json_get(root, "id"), &len);
	if (len < sizeof(a->id))
		memcpy(a->id, id, len);
	return a->verb > WIRE_NONE && a->verb < WIRE_VERBS &&
	    wire_id_ok(a->id) ? 0 : -EBADMSG;
}

static int
load_json(struct source *s)
{
	struct collector_input *in = &s->next.input;
	const struct json *root;
	const char *text;
	ssize_t n = read_line(s);

	if (n < 0)
		return 0;
	json_doc_free(s->doc);
	s->doc = json_parse(s->line, (size_t)n, JSON_LAX, NULL, 0);
	if (s->doc == NULL)
		return -EBADMSG;
	root = json_root(s->doc);
	in->when.ns = json_int(json_get(root, "t"));
	in->type = (uint32_t)json_int(json_get(root, "type"));
	if ((s->file == BUNDLE_DOCKER || s->file == BUNDLE_PROCFS) &&
	    load_answer(s, root) != 0)
		return -EBADMSG;
	if (s->file == BUNDLE_DOCKER) {
		in->bytes = (const uint8_t *)json_str(json_get(root, "text"),
		    &in->len);
		return 1;
	}
	text = json_str(json_get(root, "hex"), &in->len);
	if (unhex(&s->bytes, text, in->len) != 0)
		return -EBADMSG;
	in->bytes = (const uint8_t *)buf_text(&s->bytes);
	in->len = s->bytes.len;
	return 1;
}

static int
load(struct source *s, struct buf *why)
{
	int rc;

	if (s->loaded || s->ended)
		return 0;
	s->next.file = s->file;
	if (s->file == BUNDLE_PACKET)
		rc = load_packet(s);
	else if (s->file == BUNDLE_AUDIT)
		rc = load_audit(s);
	else
		rc = load_json(s);
	if (rc == -EBADMSG && s->file == BUNDLE_PACKET)
		buf_printf(why, "%s: %s\n", s->path, s->capture != NULL ?
		    capfile_why(s->capture) : pcap_geterr(s->pcap));
	else if (rc == -EBADMSG)
		buf_printf(why, "%s:%lu: not a line of this file's form\n",
		    s->path, s->line_number);
	s->loaded = rc == 1;
	s->ended = rc != 1;
	return rc < 0 ? rc : 0;
}

/* The next run of order.txt. 1, 0 at its end, -EBADMSG. */
static int
next_run(struct sources *all, struct buf *why)
{
	char name[16];
	int rc;

	rc = fscanf(all->order, "%15s %" SCNu64 " %" SCNd64, name,
	    &all->run_left, &all->run_time.ns);
	all->order_line++;
	if (rc == EOF)
		return 0;
	all->run_file = bundle_find(name, strlen(name));
	if (rc != 3 || all->run_file == BUNDLE_FILES) {
		buf_printf(why, "%s:%lu: expected SOURCE COUNT TIME\n",
		    all->order_path, all->order_line);
		return -EBADMSG;
	}
	return 1;
}

/* Whose turn it is, or NULL at the end; *rc tells of errors. */
static struct source *
pick_by_order(struct sources *all, struct buf *why, int *rc)
{
	while (all->run_left == 0)
		if ((*rc = next_run(all, why)) != 1)
			return NULL;
	*rc = 0;
	for (size_t i = 0; i < all->n; i++) {
		struct source *s = all->all[i];

		if (s->file != all->run_file)
			continue;
		*rc = load(s, why);
		all->run_left--;
		if (s->loaded)
			return s;
	}
	if (*rc == 0) {
		buf_printf(why, "%s:%lu: %s has fewer inputs than this\n",
		    all->order_path, all->order_line,
		    bundle_file_name(all->run_file));
		*rc = -EBADMSG;
	}
	return NULL;
}

static struct source *
pick_by_time(struct sources *all, struct buf *why, int *rc)
{
	struct source *best = NULL;

	*rc = 0;
	for (size_t i = 0; i < all->n; i++) {
		struct source *s = all->all[i];

		if ((*rc = load(s, why)) != 0)
			return NULL;
		if (s->loaded && (best == NULL ||
		    s->next.input.when.ns < best->next.input.when.ns))
			best = s;
	}
	return best;
}

int
sources_next(struct sources *all, const struct source_input **out,
    struct wall *now, struct buf *why)
{
	struct source *s;
	int rc;

	s = all->order != NULL ? pick_by_order(all, why, &rc) :
	    pick_by_time(all, why, &rc);
	if (s == NULL)
		return rc;
	s->loaded = false;
	*out = &s->next;
	*now = all->order != NULL ? all->run_time : s->next.input.when;
	return 1;
}
