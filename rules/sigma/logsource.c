#include "rules/sigma/logsource.h"

#include <errno.h>
#include <string.h>

#define BIT(x)	(UINT32_C(1) << (x))
#define VALUES	6

struct row {
	const char	*category;	/* NULL: named by service */
	const char	*service;
	uint32_t	 datasets;
	enum field_id	 field;		/* FIELD_COUNT: no further limit */
	const char	*values[VALUES];
	bool		 done;		/* not what failed */
};

static const struct row table[] = {
	{ "process_creation", NULL, BIT(EVENT_PROCESS), FIELD_EVENT_ACTION,
	    { "exec" }, true },
	{ "process_access", NULL, BIT(EVENT_PROCESS), FIELD_EVENT_ACTION,
	    { "ptrace" }, false },
	{ "process", NULL, BIT(EVENT_PROCESS), FIELD_COUNT, { NULL }, false },
	{ "network_connection", NULL, BIT(EVENT_NETWORK), FIELD_COUNT,
	    { NULL }, false },
	{ "file_event", NULL, BIT(EVENT_FILE), FIELD_COUNT, { NULL }, false },
	{ "file_access", NULL, BIT(EVENT_FILE), FIELD_COUNT, { NULL }, false },
	{ "file_change", NULL, BIT(EVENT_FILE), FIELD_COUNT, { NULL }, false },
	{ "file_delete", NULL, BIT(EVENT_FILE), FIELD_EVENT_ACTION,
	    { "unlink" }, true },
	{ "file_rename", NULL, BIT(EVENT_FILE), FIELD_EVENT_ACTION,
	    { "rename" }, true },
	{ "flow", NULL, BIT(EVENT_FLOW), FIELD_COUNT, { NULL }, false },
	{ "dns", NULL, BIT(EVENT_DNS), FIELD_COUNT, { NULL }, false },
	{ "dns_query", NULL, BIT(EVENT_DNS), FIELD_COUNT, { NULL }, false },
	{ "http", NULL, BIT(EVENT_HTTP), FIELD_COUNT, { NULL }, false },
	{ "proxy", NULL, BIT(EVENT_HTTP), FIELD_COUNT, { NULL }, false },
	{ "webserver", NULL, BIT(EVENT_HTTP), FIELD_COUNT, { NULL }, false },
	{ "tls", NULL, BIT(EVENT_TLS), FIELD_COUNT, { NULL }, false },
	{ "docker", NULL, BIT(EVENT_DOCKER), FIELD_COUNT, { NULL }, false },
	{ "authentication", NULL, BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
	{ "agent", NULL, BIT(EVENT_AGENT), FIELD_COUNT, { NULL }, false },
	{ NULL, "auditd", BIT(EVENT_PROCESS) | BIT(EVENT_FILE) |
	    BIT(EVENT_NETWORK) | BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
	{ NULL, "docker", BIT(EVENT_DOCKER), FIELD_COUNT, { NULL }, false },
	{ NULL, "auth", BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
	{ NULL, "sshd", BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
	{ NULL, "sudo", BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
	{ NULL, "pam", BIT(EVENT_AUTH), FIELD_COUNT, { NULL }, false },
};
#define N_ROWS	(sizeof(table) / sizeof(table[0]))
#define EVERYTHING ((BIT(EVENT_DATASETS) - 1) & ~(BIT(EVENT_ALERT) | \
	BIT(EVENT_INCIDENT) | BIT(EVENT_AGENT)))

static const char *const our_products[] = {
	"linux", "tallyman", "docker", "container"
};

static bool
is_ours(const char *product)
{
	size_t i;

	if (product == NULL)
		return true;
	for (i = 0; i < sizeof(our_products) / sizeof(our_products[0]); i++)
		if (strcmp(product, our_products[i]) == 0)
			return true;
	return false;
}

static const struct row *
find(const char *category, const char *service)
{
	size_t i;

	for (i = 0; i < N_ROWS; i++) {
		const char *have = category != NULL ? table[i].category :
		    table[i].service;

		if (have != NULL && strcmp(have, category != NULL ? category :
		    service) == 0)
			return &table[i];
	}
	return NULL;
}

static void
report_unknown(const struct ytree_node *node, bool category,
    struct report *report)
{
	struct report_nearest near;
	char hint[REPORT_HINT];
	size_t i;

	report_nearest_start(&near, node->text);
	for (i = 0; i < N_ROWS; i++) {
		const char *have = category ? table[i].category :
		    table[i].service;

		if (have != NULL)
			report_nearest_try(&near, have, strlen(have));
	}
	report_error(report, node->line, node->column,
	    "logsource: no events of %s %s on this host%s",
	    category ? "category" : "service", node->text,
	    report_nearest_hint(&near, hint));
}

/* One of the three names; they are lower case and short. */
static int
read_name(const struct ytree_node *map, const char *key, const char **out,
    struct report *report)
{
	const struct ytree_node *node = ytree_get(map, key);

	*out = NULL;
	if (node == NULL || ytree_is_null(node))
		return 0;
	if (node->kind != YTREE_TEXT) {
		report_error(report, node->line, node->column,
		    "logsource: %s: expected a text, found %s", key,
		    ytree_kind_name(node));
		return -EINVAL;
	}
	*out = node->text;
	return 0;
}

static int
apply_row(struct sigma_rule *rule, struct arena *arena, const struct row *row)
{
	static const char *const failure[] = { "failure" };
	const struct sigma_expr *both[2];
	size_t n = 0;

	rule->datasets = row->datasets;
	if (row->field == FIELD_COUNT)
		return 0;
	while (n < VALUES && row->values[n] != NULL)
		n++;
	both[0] = expr_texts(arena, row->field, row->values, n);
	both[1] = expr_not(arena,
	    expr_texts(arena, FIELD_EVENT_OUTCOME, failure, 1));
	rule->source = expr_join(arena, SIGMA_AND, both, row->done ? 2 : 1);
	return rule->source == NULL ? -ENOMEM : 0;
}

int
logsource_read(struct sigma_rule *rule, struct arena *arena,
    const struct ytree_node *node, struct report *report)
{
	const struct row *row;
	int rc;

	if (node->kind != YTREE_MAP) {
		report_error(report, node->line, node->column,
		    "logsource: expected a map of category, product, service");
		return -EINVAL;
	}
	rc = read_name(node, "category", &rule->category, report);
	if (rc == 0)
		rc = read_name(node, "product", &rule->product, report);
	if (rc == 0)
		rc = read_name(node, "service", &rule->service, report);
	if (rc != 0)
		return rc;
	rule->foreign = !is_ours(rule->product);
	rule->datasets = EVERYTHING;
	if (rule->foreign)
		return 0;
	if (rule->category == NULL && rule->service == NULL) {
		if (rule->product != NULL &&
		    strcmp(rule->product, "docker") == 0)
			rule->datasets = BIT(EVENT_DOCKER);
		return 0;
	}
	row = find(rule->category, rule->service);
	if (row != NULL)
		return apply_row(rule, arena, row);
	report_unknown(ytree_get(node, rule->category != NULL ? "category" :
	    "service"), rule->category != NULL, report);
	return -EINVAL;
}
