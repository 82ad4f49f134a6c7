#include <stdio.h>
#include <string.h>

#include "agent/printer.h"

static void
print_clean(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0';
	    p++)
		if (*p < 0x20 || *p >= 0x7f)
			printf("\\x%02x", *p);
		else
			putchar(*p);
}

static const char *
level_of(int64_t severity)
{
	return severity >= 99 ? "CRITICAL" : severity >= 73 ? "HIGH" :
	    severity >= 47 ? "MEDIUM" : "LOW";
}

bool
printer_sink(void *self, const struct event *e)
{
	char when[WALL_TEXT];

	(void)self;
	if (event_dataset(e) != EVENT_ALERT)
		return true;
	wall_format(event_time(e), when);
	printf("%.23sZ %-8s ", when,
	    level_of(event_num(e, FIELD_EVENT_SEVERITY)));
	print_clean(event_str(e, FIELD_RULE_NAME));
	printf(": ");
	print_clean(event_str(e, FIELD_EVENT_REASON));
	putchar('\n');
	fflush(stdout);
	return true;
}
