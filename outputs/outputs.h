/*
 * outputs: the instances that the configuration asks for, and the one table
 * of their kinds.
 *
 * Threads: made and freed at start and end by the loop thread; between, the
 * writer uses them. outputs_reopen and outputs_endpoints from any thread.
 */
#ifndef OUTPUTS_OUTPUTS_H
#define OUTPUTS_OUTPUTS_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/core/conf.h"
#include "agent/core/event.h"
#include "outputs/output.h"

struct output {
	const struct output_ops	*ops;
	const char		*name;		/* unique; default: the type */
	char			*stage;		/* "output.NAME" */
	void			*self;
	unsigned		 datasets;	/* bit per enum event_dataset */
};

struct outputs;

/*
 * file: for the errors, which are appended as lines "FILE:LINE:COLUMN: text".
 * NULL with errno EINVAL (see errors) or ENOMEM. An empty list is fine.
 */
struct outputs *outputs_new(const struct conf *, const char *file,
    struct buf *errors);
/* After the ledger that counts them: its stages borrow their names. */
void outputs_free(struct outputs *);

size_t outputs_count(const struct outputs *);
struct output *outputs_at(struct outputs *, size_t i);
bool output_wants(const struct output *, enum event_dataset);

/* SIGHUP: files are opened again, secrets read again. */
void outputs_reopen(struct outputs *);
/* Every address and port that an output connects to or has connected to.
 * Resolves names: may block for seconds. */
void outputs_endpoints(struct outputs *, output_endpoint_fn, void *ctx);

/*
 * Appends a pcap-filter(7) expression that fits our own connections to the
 * outputs and no others; nothing when there is no remote output. Resolves
 * names: may block for seconds.
 */
void outputs_write_filter(struct outputs *, struct buf *);

/*
 * Sends one marked alert through the output of that name (NULL: all) and
 * prints what became of it. Returns the number of outputs that did not take
 * it, or -ENOENT when no output has the name.
 */
int outputs_test(struct outputs *, const char *name, FILE *out);

/* Lists every kind with its keys, for tallyman.yaml(5). */
void outputs_write_mdoc(struct buf *);

#endif
