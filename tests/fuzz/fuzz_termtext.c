/*
 * Any bytes made fit for a terminal: nothing of the result may be a control,
 * and what was cut is not wider than asked for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/utf8.h"
#include "outputs/termtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct buf *b)
{
	const uint8_t *p = (const uint8_t *)buf_text(b);
	size_t i;

	if (!utf8_valid(p, b->len))
		abort();
	for (i = 0; i < b->len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f ||
		    (p[i] == 0xc2 && p[i + 1] < 0xa0))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf safe, fit;
	size_t width, want;

	if (size == 0)
		return 0;
	want = data[0];
	buf_init(&safe, 0);
	buf_init(&fit, 0);
	width = termtext_add(&safe, (const char *)data + 1, size - 1);
	if (buf_ok(&safe)) {
		check(&safe);
		if (width != termtext_width(buf_text(&safe)))
			abort();
		termtext_fit(&fit, buf_text(&safe), want, data[0] & 1);
		check(&fit);
		if (termtext_width(buf_text(&fit)) > want)
			abort();
	}
	buf_reset(&safe);
	termtext_add_json(&safe, (const char *)data + 1, size - 1);
	if (buf_ok(&safe))
		check(&safe);
	buf_fini(&safe);
	buf_fini(&fit);
	return 0;
}
