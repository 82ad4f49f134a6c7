#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings.h"

#define DEFAULT_FILE	TALLYMAN_SYSCONFDIR "/tallyman.yaml"
#define DEFAULT_CONTROL	TALLYMAN_RUNDIR "/control.sock"
#define DEFAULT_STORE	TALLYMAN_STATEDIR "/tallyman.db"
#define OWN_RULES	TALLYMAN_SYSCONFDIR "/rules"

static const char *const log_levels[] = {
	"error", "warning", "notice", "info", "debug", NULL
};

static const struct conf_key agent_keys[] = {
	{ "agent", "user", CONF_STR, offsetof(struct agent_conf, user),
	    "tallyman", 0, 0, NULL,
	    "User of the engine, which parses everything from outside and "
	    "has no privileges. The agent does not start without it." },
	{ "agent", "control", CONF_STR, offsetof(struct agent_conf, control),
	    DEFAULT_CONTROL, 0, 0, NULL,
	    "Socket that tallyman status and tallyman record ask on." },
	{ "log", "level", CONF_ENUM, offsetof(struct agent_conf, log_level),
	    "info", 0, 0, log_levels,
	    "Least important messages that are logged: error, warning, "
	    "notice, info or debug." },
	{ "rules", "paths", CONF_LIST, offsetof(struct agent_conf, rule_paths),
	    "[" TALLYMAN_DATADIR "/rules/sigma, " OWN_RULES "]", 0, 0, NULL,
	    "Sigma rules: files, or directories whose *.yml files are read. "
	    "The second of the default ones is for rules of your own and need "
	    "not exist." },
};

static void
set_part(struct settings *s, size_t i, const struct conf_key *keys, size_t n,
    void *values)
{
	s->parts[i] = (struct conf_part){
		.keys = keys, .n_keys = n, .values = values,
	};
}

static void
set_parts(struct settings *s)
{
	size_t n = 0;

	set_part(s, n++, agent_keys, sizeof(agent_keys) /
	    sizeof(agent_keys[0]), &s->agent);
	set_part(s, n++, packet_conf_keys, packet_conf_n_keys, &s->packet);
	set_part(s, n++, stream_conf_keys, stream_conf_n_keys, &s->stream);
	set_part(s, n++, audit_conf_keys, audit_conf_n_keys, &s->audit);
	set_part(s, n++, enrich_conf_keys, enrich_conf_n_keys, &s->enrich);
	set_part(s, n++, store_keys, store_n_keys, &s->store);
	s->conf.parts = s->parts;
	s->conf.n_parts = n;
}

/* A path that is still the preset moves below --state-dir. */
static int
move(struct settings *s, char **value, const char *preset, const char *name,
    char **owned)
{
	if (s->state_dir == NULL || strcmp(*value, preset) != 0)
		return 0;
	if (asprintf(owned, "%s/%s", s->state_dir, name) == -1) {
		*owned = NULL;
		return -ENOMEM;
	}
	*value = *owned;
	return 0;
}

struct settings *
settings_new(const char *path, const char *state_dir, struct buf *errors,
    int *rc)
{
	struct settings *s = calloc(1, sizeof(*s));

	*rc = -ENOMEM;
	if (s == NULL)
		return NULL;
	if (path == NULL && access(DEFAULT_FILE, F_OK) == 0)
		path = DEFAULT_FILE;
	set_parts(s);
	if ((path != NULL && (s->path = strdup(path)) == NULL) ||
	    (state_dir != NULL && (s->state_dir = strdup(state_dir)) == NULL))
		return s;
	*rc = conf_load(&s->conf, path, errors);
	if (*rc == 0)
		*rc = move(s, &s->store.path, DEFAULT_STORE, "tallyman.db",
		    &s->store_path);
	if (*rc == 0)
		*rc = move(s, &s->agent.control, DEFAULT_CONTROL,
		    "control.sock", &s->control_path);
	return s;
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	conf_fini(&s->conf);
	free(s->path);
	free(s->state_dir);
	free(s->store_path);
	free(s->control_path);
	free(s);
}

char **
settings_rule_paths(const struct settings *s, struct conf_list *out)
{
	const struct conf_list *all = &s->agent.rule_paths;
	char **room = calloc(all->n + 1, sizeof(*room));
	size_t n = 0;

	if (room == NULL)
		return NULL;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i], OWN_RULES) != 0 ||
		    access(all->items[i], F_OK) == 0)
			room[n++] = all->items[i];
	*out = (struct conf_list){ .items = room, .n = n };
	return room;
}
