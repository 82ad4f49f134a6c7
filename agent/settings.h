/*
 * settings: the whole configuration of the agent: the parts of all modules,
 * loaded together. What tallyman.yaml(5) documents comes from these tables.
 *
 * Threads: made by the thread that uses it; const afterwards.
 */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "agent/core/conf.h"
#include "collectors/audit/control.h"
#include "collectors/packet/packet.h"
#include "enrich/enrich.h"
#include "lib/buf.h"
#include "outputs/store.h"
#include "stream/stream.h"

struct agent_conf {
	char			*user;		/* agent.user */
	char			*control;	/* agent.control, socket path */
	int			 log_level;	/* log.level, index */
	struct conf_list	 rule_paths;	/* rules.paths */
};

struct settings {
	struct conf		 conf;
	struct conf_part	 parts[8];
	struct agent_conf	 agent;
	struct packet_conf	 packet;
	struct stream_conf	 stream;
	struct audit_conf	 audit;
	struct enrich_conf	 enrich;
	struct store_conf	 store;
	char			*path;		/* file, NULL: presets only */
	char			*state_dir;	/* --state-dir, NULL: the presets */
	char			*store_path, *control_path;	/* moved below it */
};

/*
 * Loads path (NULL: the default file if it exists, else presets). A state_dir
 * that is not NULL moves store.path and agent.control below it when the file
 * does not set them. Errors are appended to errors. 0 or -errno; the caller
 * calls settings_free in every case where it got an object.
 */
struct settings *settings_new(const char *path, const char *state_dir,
    struct buf *errors, int *rc);
void settings_free(struct settings *);

/*
 * rules.paths as they are to be read: the directory for rules of the
 * operator's own is left out when it does not exist. The strings are the
 * settings', the list is the caller's to free(). NULL with errno ENOMEM.
 */
char **settings_rule_paths(const struct settings *, struct conf_list *out);

#endif
