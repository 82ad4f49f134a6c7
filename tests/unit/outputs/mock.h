/*
 * mock: the test double of Elasticsearch (tests/support/mock_es.py) as a
 * child process. See there for what it stands for.
 */
#ifndef TESTS_UNIT_OUTPUTS_MOCK_H
#define TESTS_UNIT_OUTPUTS_MOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/buf.h"

struct mock {
	pid_t	 pid;
	int	 input;		/* closing it ends the child */
	int	 port;
	bool	 tls;
	char	 url[64];
};

/* argv: further arguments, NULL terminated. port 0: any. False when there is
 * no python3. */
bool mock_start(struct mock *, int port, const char *const argv[]);
void mock_stop(struct mock *);
/* JSON list of faults. */
void mock_faults(const struct mock *, const char *json);
/* The answer of GET /_mock/docs. */
void mock_docs(const struct mock *, struct buf *);

#endif
