#include <config.h>

#include <stdio.h>
#include <string.h>

/* As sysexits.h has it. */
#define EXIT_USAGE	64

static void
usage(FILE *f)
{
	fprintf(f, "usage: tallyman [--help] [--version]\n"
	    "Report bugs to %s.\n", PACKAGE_BUGREPORT);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s\n", PACKAGE_STRING);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	usage(stderr);
	return EXIT_USAGE;
}
