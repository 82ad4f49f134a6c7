/*
 * bundle: everything that the agent heard, as it came, in a directory, so
 * that `tallyman replay` gives the same events again.
 *
 *	order.txt	runs in the order in which the engine took them in:
 *			"SOURCE COUNT WALL_NS", the time is the first one's
 *	packet.pcap	LINKTYPE_LINUX_SLL2, nanoseconds. The two reserved
 *			bytes of the cooked header hold the UDP GSO size where
 *			the capture knew it, else 0 as everywhere. Interface
 *			index 1073741824 + n: the loopback interface of the
 *			container network namespace n (STREAM_INSIDE)
 *	audit.log	one record a line, "type=NAME msg=audit(...): ..."
 *	conntrack.ndjson, link.ndjson, proc.ndjson
 *			{"t":wall ns,"type":n,"hex":"one netlink datagram"}
 *	docker.ndjson	{"t":..,"verb":n,"status":n,"id":"..","text":".."};
 *			WIRE_OPEN_LOOPBACK: see agent/within.h
 *	procfs.ndjson	{"t":..,"verb":n,"pid":n,"status":n,"hex":".."}
 *
 * Recording: the engine's loop thread; files are opened by whoever asked and
 * handed over as descriptors. A write that fails ends the recording and says
 * so once.
 */
#ifndef AGENT_BUNDLE_H
#define AGENT_BUNDLE_H

#include "agent/core/ledger.h"
#include "agent/wire.h"
#include "collectors/collector.h"

enum bundle_file {
	BUNDLE_ORDER, BUNDLE_PACKET, BUNDLE_AUDIT, BUNDLE_CONNTRACK,
	BUNDLE_LINK, BUNDLE_PROC, BUNDLE_DOCKER, BUNDLE_PROCFS, BUNDLE_FILES
};
/* "packet" and "packet.pcap"; NULL past the end. */
const char *bundle_source_name(enum bundle_file);
const char *bundle_file_name(enum bundle_file);
/* The file of a collector's name, or BUNDLE_FILES. */
enum bundle_file bundle_find(const char *source, size_t len);

/*
 * Makes the directory (it must not exist, or be empty) and opens all files
 * for writing. 0 or -errno; no descriptor is left open on failure.
 */
int bundle_create(const char *directory, int fds[static BUNDLE_FILES]);

struct recorder;

/* Owns the descriptors from then on, also on failure. NULL with errno. */
struct recorder *recorder_new(const int fds[static BUNDLE_FILES]);
/* Flushes and closes. */
void recorder_free(struct recorder *);
/* A collector_tap_fn; ctx is the recorder. */
void recorder_tap(void *ctx, const char *collector,
    const struct collector_input *);
/* An answer of the broker, whole. */
void recorder_answer(struct recorder *, struct wall when,
    const struct wire_answer *, const void *bytes, size_t len);
/* Why the recording ended early, or NULL. */
const char *recorder_why(const struct recorder *);

#endif
