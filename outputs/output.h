/*
 * output: a place that documents are delivered to. Each kind is one row of
 * the table in outputs.c; an entry of the configuration makes one instance.
 *
 * An output delivers, and says for every document what became of it. It does
 * not keep, retry or order anything: local outputs are driven by the writer,
 * remote ones by a sender thread of their own (outputs/sender.h), and both
 * take what must not be lost from the spool of the store. So delivery is at
 * least once, with event.id as the key that lets a backend drop the second.
 *
 * Threads: deliver, probe and free in one thread at a time; stop, reopen and
 * endpoints from any.
 */
#ifndef OUTPUTS_OUTPUT_H
#define OUTPUTS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/ipaddr.h"
#include "outputs/option.h"

/* What became of a document, or of all that were handed over. */
enum output_verdict {
	OUTPUT_OK,
	OUTPUT_DUPLICATE,	/* the backend has it already: as good as OK */
	OUTPUT_RETRY_ITEM,	/* this document again, later */
	OUTPUT_RETRY_BATCH,	/* all again, later: no backend, no answer */
	OUTPUT_SPLIT,		/* all again in smaller pieces */
	OUTPUT_DEAD,		/* never: dead letter, with the reason */
	OUTPUT_HOLD		/* all again, later, and a person must act */
};
const char *output_verdict_name(enum output_verdict);

#define OUTPUT_REASON	200

struct output_doc {
	int64_t			 row;		/* in the spool; 0: not there */
	const char		*id, *dataset;
	const char		*text;		/* one JSON object */
	size_t			 len;
	unsigned		 attempts;
	enum output_verdict	 verdict;	/* set by deliver */
	char			 reason[OUTPUT_REASON];
};

/* What a backend said about the whole of a delivery. */
struct output_answer {
	int64_t	 retry_after_ms;	/* 0: did not say */
	char	 text[OUTPUT_REASON];	/* for the log and `output test` */
};

/*
 * Local ports of our own connections: above the range that Linux gives to
 * others by itself (ip_local_port_range ends at 60999), so that the capture
 * can leave them out, and nothing else, by ports.
 */
#define OUTPUT_PORT_FIRST	61001
#define OUTPUT_PORTS		256

typedef void (*output_endpoint_fn)(void *ctx, const struct ipaddr *,
    uint16_t port);

struct output_ops {
	const char			*type, *alias;	/* alias may be NULL */
	bool				 local;	/* never waits for a network */
	/* Keys of its entry beside type, name and datasets. */
	const struct option_key		*options;
	size_t				 n_options;
	/* Bytes of the struct that the options are offsets into; it begins
	 * self and is zeroed. */
	size_t				 size;
	/* After the options were read. 0, or -errno with one sentence in why
	 * (configuration that cannot be). May not touch the network. */
	int	(*init)(void *self, struct buf *why);
	void	(*fini)(void *self);
	/*
	 * OUTPUT_OK: each document has its verdict (OK, DUPLICATE,
	 * RETRY_ITEM or DEAD). RETRY_BATCH, SPLIT or HOLD: for all.
	 */
	enum output_verdict (*deliver)(void *self, struct output_doc *,
	    size_t n, struct output_answer *);
	/* Makes a running and every later deliver return soon. NULL: never
	 * takes long. */
	void	(*stop)(void *self);
	/* SIGHUP: open files and secrets again. NULL: has none. */
	void	(*reopen)(void *self);
	/* Where it connects to, for the capture's exclusion. Resolves names,
	 * so it may block. NULL: nowhere. */
	void	(*endpoints)(void *self, output_endpoint_fn, void *ctx);
	/* Largest delivery. 0: any. */
	size_t	(*batch_docs)(const void *self);
	size_t	(*batch_bytes)(const void *self);
};

#endif
