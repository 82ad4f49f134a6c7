#include <string.h>

#include "agent/core/event.h"

#define FIELD(id, ecs, kind, alias, text) \
	{ .name = ecs, .type = FIELD_TYPE_##kind, .sigma = alias, .help = text },
const struct field field_table[FIELD_COUNT] = {
#include "agent/core/fields.def"
};
#undef FIELD

/* Whether name is one of the names in a comma separated list. */
static bool
list_has(const char *list, const char *name, size_t len)
{
	while (*list != '\0') {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, name, len) == 0)
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

static int
compare_name(const char *name, size_t len, const char *other)
{
	int order = strncmp(name, other, len);

	return order != 0 ? order : other[len] == '\0' ? 0 : -1;
}

static enum field_id
find_ecs(const char *name, size_t len)
{
	size_t low = 0, high = FIELD_COUNT;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = compare_name(name, len, field_table[mid].name);

		if (order == 0)
			return (enum field_id)mid;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return FIELD_COUNT;
}

enum field_id
field_find(const char *name, size_t len)
{
	enum field_id id;

	if (len == 0 || memchr(name, '\0', len) != NULL)
		return FIELD_COUNT;
	id = find_ecs(name, len);
	for (size_t i = 0; id == FIELD_COUNT && i < FIELD_COUNT; i++)
		if (list_has(field_table[i].sigma, name, len))
			id = (enum field_id)i;
	return id;
}

const char *
event_dataset_name(enum event_dataset dataset)
{
	static const char *const names[EVENT_DATASETS] = {
		[EVENT_PROCESS] = "tallyman.process",
		[EVENT_FILE] = "tallyman.file",
		[EVENT_NETWORK] = "tallyman.network",
		[EVENT_FLOW] = "tallyman.flow",
		[EVENT_DNS] = "tallyman.dns",
		[EVENT_HTTP] = "tallyman.http",
		[EVENT_TLS] = "tallyman.tls",
		[EVENT_DOCKER] = "tallyman.docker",
		[EVENT_AUTH] = "tallyman.auth",
		[EVENT_ALERT] = "tallyman.alert",
		[EVENT_INCIDENT] = "tallyman.incident",
		[EVENT_AGENT] = "tallyman.agent"
	};

	return names[dataset];
}
