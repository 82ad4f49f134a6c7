#include <string.h>

#include "agent/part.h"

#define LOG_TAG "main"
#include "lib/log.h"

static const struct {
	const char *name, *cost;
} parts_table[PARTS] = {
	[PART_PACKET] = { "packets", "no flows are seen" },
	[PART_LINK] = { "links", "interfaces have numbers instead of names, "
	    "and whether a flow left the host is not known" },
	[PART_CONNTRACK] = { "conntrack", "a translated connection is counted "
	    "once on each side of the translation" },
	[PART_PROC] = { "processes", "processes that end at once may have no "
	    "container" },
	[PART_AUDIT] = { "audit", "no process, file and privilege events" },
	[PART_DOCKER] = { "docker", "containers have ids but no names and "
	    "images, and addresses have no owner" },
};
static const char *const states[] = { "asked", "there", "missing", "off" };

const char *
part_name(enum part_id id)
{
	return parts_table[id].name;
}

/* One line, whatever it was: several findings are separated by "; ". True
 * when it is not what stood there. */
static bool
set_why(struct part *p, const char *why)
{
	size_t n = 0, len = strlen(why);
	char line[PART_WHY];

	while (len > 0 && why[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len && n < sizeof(line) - 3; i++) {
		if (why[i] == '\n')
			line[n++] = ';';
		line[n++] = why[i] == '\n' ? ' ' : why[i];
	}
	line[n++] = '\0';
	if (strcmp(p->why, line) == 0)
		return false;
	memcpy(p->why, line, n);
	return true;
}

void
part_there(struct part *p, enum part_id id, const char *how)
{
	bool other = set_why(p, how);

	if (p->state != PART_THERE || other)
		log_info("%s: there%s%s", parts_table[id].name,
		    p->why[0] == '\0' ? "" : ": ", p->why);
	p->state = PART_THERE;
	p->said = false;
}

void
part_missing(struct part *p, enum part_id id, const char *why)
{
	if (set_why(p, why) || !p->said)
		log_warnx("%s: missing: %s: %s", parts_table[id].name, p->why,
		    parts_table[id].cost);
	p->state = PART_MISSING;
	p->said = true;
}

void
part_off(struct part *p, const char *why)
{
	(void)set_why(p, why);
	p->state = PART_OFF;
}

void
part_write_json(const struct part parts[static PARTS], struct json_writer *w)
{
	json_open(w, '[');
	for (int i = 0; i < PARTS; i++) {
		json_open(w, '{');
		json_key_str(w, "name");
		json_put_cstr(w, parts_table[i].name);
		json_key_str(w, "state");
		json_put_cstr(w, states[parts[i].state]);
		json_key_str(w, "why");
		json_put_cstr(w, parts[i].why);
		json_key_str(w, "cost");
		json_put_cstr(w, parts[i].state == PART_MISSING ?
		    parts_table[i].cost : "");
		json_close(w, '}');
	}
	json_close(w, ']');
}
