/*
 * The answer of a backend: the first byte chooses the status, the rest is
 * the body. Whatever comes, every document has a verdict and the text ends.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/bulk.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 200, 201, 400, 401, 413, 429, 503 };
	struct output_answer answer;
	struct output_doc docs[3];
	enum output_verdict v;
	char *body;
	size_t i;

	if (size == 0 || (body = malloc(size)) == NULL)
		return 0;
	memcpy(body, data + 1, size - 1);
	memset(docs, 0, sizeof(docs));
	memset(&answer, 0, sizeof(answer));
	v = bulk_judge(statuses[data[0] % 7], body, size - 1, docs,
	    data[0] / 7 % 4, &answer);
	if (v > OUTPUT_HOLD || memchr(answer.text, 0, OUTPUT_REASON) == NULL)
		abort();
	for (i = 0; i < 3; i++)
		if (docs[i].verdict > OUTPUT_DEAD ||
		    memchr(docs[i].reason, 0, OUTPUT_REASON) == NULL)
			abort();
	free(body);
	return 0;
}
