/*
 * sigma: the model of a rule as it is after reading, and the reader.
 *
 * Sigma 2.1: detection rules, correlation rules, filters; several documents
 * in one file. Field names are those of fields.def, ECS or Sigma's; a member
 * of a map is "container.labels.KEY". What we cannot do right is an error
 * that says so, never silently something else.
 *
 * Extensions, in the custom section "tallyman" of a rule:
 *   once-per: [field, ...]   one alert for each combination of these values
 *                            instead of one for each flow, process ...
 * and in a filter, where both are required: "author" and "expires"
 * (YYYY-MM-DD; from that day on the filter lets everything through).
 *
 * Two meanings to know: a field that is unknown (missing) matches nothing
 * but null; lists match when any member does. A rule that a correlation
 * refers to gives no alerts of its own unless the correlation says
 * "generate: true". A rule of level informational never gives alerts.
 *
 * Everything lives in the arena of the set. Threads: one owner while it is
 * read; const after that.
 */
#ifndef RULES_SIGMA_SIGMA_H
#define RULES_SIGMA_SIGMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "lib/arena.h"
#include "lib/ipaddr.h"
#include "lib/mono.h"
#include "rules/sigma/glob.h"
#include "rules/sigma/report.h"

#define SIGMA_RULES_MAX		10000	/* in a set */
#define SIGMA_REFS_MAX		16	/* rules of one correlation */
#define SIGMA_GROUP_MAX		8	/* fields of one group-by */
#define SIGMA_DISTINCT_MAX	1000	/* largest value_count threshold */
#define SIGMA_REGEX_MAX		4096	/* bytes of one expression */

struct sigma_field {
	enum field_id	 id;	/* FIELD_COUNT: any field (keywords) */
	const char	*key;	/* member of a MAP field, or NULL */
};

enum sigma_op {
	SIGMA_TEXT,	/* glob */
	SIGMA_REGEX,	/* text, flags */
	SIGMA_CIDR,	/* cidr */
	SIGMA_IP,	/* cidr.base */
	SIGMA_EXISTS,	/* flag */
	SIGMA_NULL,
	SIGMA_BOOL,	/* flag */
	SIGMA_NUMBER,	/* compare */
	SIGMA_FIELDREF,	/* other */
	SIGMA_SINCE	/* time: the event is not older than this */
};

enum sigma_compare { SIGMA_EQ, SIGMA_LT, SIGMA_LTE, SIGMA_GT, SIGMA_GTE };

#define SIGMA_RE_I	0x1
#define SIGMA_RE_M	0x2
#define SIGMA_RE_S	0x4

/* One field against one value. */
struct sigma_match {
	struct sigma_field	 field;
	enum sigma_op		 op;
	bool			 cased;
	bool			 flag;
	unsigned		 re_flags;
	enum sigma_compare	 compare;
	bool			 whole;	/* number is in num, else in dbl */
	int64_t			 num;
	double			 dbl;
	struct glob		 glob;
	const char		*text;	/* as written; the regular expression */
	size_t			 len;
	struct ipaddr_cidr	 cidr;
	struct sigma_field	 other;
	struct wall		 time;
	unsigned		 line, column;
};

enum sigma_node { SIGMA_AND, SIGMA_OR, SIGMA_NOT, SIGMA_MATCH };

struct sigma_expr {
	enum sigma_node		   node;
	struct sigma_match	  *match;	/* MATCH */
	const struct sigma_expr	 **kids;	/* AND, OR; NOT has one */
	size_t			   n;		/* AND of none is true */
};

enum sigma_level {
	SIGMA_INFORMATIONAL, SIGMA_LOW, SIGMA_MEDIUM, SIGMA_HIGH,
	SIGMA_CRITICAL
};

enum sigma_kind { SIGMA_DETECTION, SIGMA_CORRELATION, SIGMA_FILTER };

struct sigma_names {
	const char	**items;
	size_t		  n;
};

/* A rule that a correlation or a filter refers to. */
struct sigma_ref {
	const char	*name;		/* as written */
	unsigned	 line, column;
	size_t		 rule;		/* index in the set after linking */
};

enum sigma_type {
	SIGMA_EVENT_COUNT, SIGMA_VALUE_COUNT, SIGMA_VALUE_SUM,
	SIGMA_TEMPORAL, SIGMA_TEMPORAL_ORDERED
};

struct sigma_correlation {
	enum sigma_type		type;
	struct sigma_ref	refs[SIGMA_REFS_MAX];
	size_t			n_refs;
	/* [i][r]: the i-th field of group-by, in events of rule r */
	struct sigma_field	group[SIGMA_GROUP_MAX][SIGMA_REFS_MAX];
	size_t			n_group;
	int64_t			span_ns;
	int64_t			low, high;	/* fires from low to high */
	struct sigma_field	value;
	bool			generate;
};

struct sigma_rule {
	enum sigma_kind		 kind;
	const char		*file;	/* path as given */
	unsigned		 line;
	const char		*id, *name, *title, *status, *description;
	const char		*license, *author;	/* NULL when not given */
	struct sigma_names	 references, falsepositives, tags;
	struct sigma_names	 tactics, techniques, subtechniques;
	enum sigma_level	 level;

	const char		*category, *product, *service;
	uint32_t		 datasets;	/* bit per event_dataset */
	bool			 foreign;	/* another product: never runs */
	const struct sigma_expr	*source;	/* of the logsource, or NULL */

	const struct sigma_expr	*condition;
	struct sigma_field	 once_per[SIGMA_GROUP_MAX];
	size_t			 n_once_per;

	struct sigma_correlation *correlation;
	bool			 silent;	/* only feeds correlations */
	bool			 used;		/* a correlation refers to it */

	/* Filter */
	struct sigma_ref	*targets;
	size_t			 n_targets;
	struct wall		 expires;

	/* Of the text of the document, to know an unchanged rule again. */
	uint64_t		 print;
};

struct sigma_set {
	struct arena		 *arena;
	struct sigma_rule	**rules;	/* in the order read */
	size_t			  n, room;
	size_t			  files;
};

struct sigma_set *sigma_new(void);	/* NULL with errno ENOMEM */
void sigma_free(struct sigma_set *);

/*
 * Adds the rules of one file's text; file is the name for errors and for
 * rule.ruleset, copied. Returns 0, -EINVAL (errors in the report; sound
 * rules of the file are added all the same) or -ENOMEM.
 */
int sigma_read(struct sigma_set *, const char *file, const char *text,
    size_t len, struct buf *errors, size_t *n_errors);

/*
 * After the last file: ties correlations and filters to their rules, refuses
 * equal ids and circles. 0, -EINVAL or -ENOMEM.
 */
int sigma_link(struct sigma_set *, struct buf *errors, size_t *n_errors);

const char *sigma_level_name(enum sigma_level);
const char *sigma_type_name(enum sigma_type);
/* Name in an event document, or the keyword "any field". */
const char *sigma_field_name(const struct sigma_field *);

#endif
