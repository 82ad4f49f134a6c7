/*
 * Stands in for libFuzzer in a normal build: runs the target once on every
 * file given. libFuzzer's own main does the same with files as arguments, so
 * replay.sh calls both in the same way.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
read_all(FILE *f, uint8_t **data, size_t *len)
{
	size_t cap = 0, n;
	uint8_t *p;

	*data = NULL;
	*len = 0;
	do {
		if (*len == cap) {
			cap = cap == 0 ? 4096 : cap * 2;
			if ((p = realloc(*data, cap)) == NULL)
				return -1;
			*data = p;
		}
		n = fread(*data + *len, 1, cap - *len, f);
		*len += n;
	} while (n > 0);
	return ferror(f) ? -1 : 0;
}

static int
run_file(const char *path)
{
	uint8_t *data, *exact;
	size_t len;
	FILE *f;
	int rc;

	if ((f = fopen(path, "rb")) == NULL) {
		perror(path);
		return -1;
	}
	rc = read_all(f, &data, &len);
	fclose(f);
	if (rc == -1) {
		perror(path);
		free(data);
		return -1;
	}
	/* Exactly as long as the input: the sanitizer sees a byte too far. */
	exact = realloc(data, len > 0 ? len : 1);
	if (exact == NULL)
		exact = data;
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	int i, rc = 0;

	for (i = 1; i < argc; i++)
		if (run_file(argv[i]) == -1)
			rc = 1;
	return rc;
}
