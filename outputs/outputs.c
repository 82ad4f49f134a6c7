#include "outputs/outputs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "outputs/elasticsearch.h"
#include "outputs/file.h"
#include "outputs/termtext.h"

/* Every kind of output, in the order of the manual. */
static const struct output_ops *const kinds[] = {
	&file_output,
	&elasticsearch_output,
};
#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

struct outputs {
	struct output	*list;
	size_t		 n;
};

struct common {
	char	*name, *datasets;
};
static const struct option_key common_options[] = {
	{ "name", OPTION_STR, offsetof(struct common, name), "", 0, 0, NULL,
	    "How the output is called in messages; unique. Default: its "
	    "type." },
	{ "datasets", OPTION_STR, offsetof(struct common, datasets),
	    "alert incident", 0, 0, NULL,
	    "What goes there: names such as alert, flow, process, dns, or "
	    "all, with spaces or commas between." },
};
#define N_COMMON	(sizeof(common_options) / sizeof(common_options[0]))

const char *
output_verdict_name(enum output_verdict v)
{
	static const char *const names[] = {
		"ok", "duplicate", "retry item", "retry batch", "split",
		"dead letter", "hold"
	};

	return names[v];
}

bool
output_wants(const struct output *o, enum event_dataset d)
{
	return (o->datasets & 1u << d) != 0;
}

static const struct output_ops *
find_kind(const char *type)
{
	size_t i;

	for (i = 0; i < KINDS; i++)
		if (strcmp(kinds[i]->type, type) == 0 ||
		    (kinds[i]->alias != NULL &&
		    strcmp(kinds[i]->alias, type) == 0))
			return kinds[i];
	return NULL;
}

/* "tallyman.flow" and "flow" are the same. */
static unsigned
dataset_bits(const char *word, size_t len)
{
	const char *name;
	unsigned d;

	if (len == 3 && memcmp(word, "all", 3) == 0)
		return (1u << EVENT_DATASETS) - 1;
	for (d = 0; d < EVENT_DATASETS; d++) {
		name = event_dataset_name(d);
		if (strlen(name) == len && memcmp(name, word, len) == 0)
			return 1u << d;
		name += strlen("tallyman.");
		if (strlen(name) == len && memcmp(name, word, len) == 0)
			return 1u << d;
	}
	return 0;
}

static const char *
nearest_dataset(const char *word)
{
	const char *names[EVENT_DATASETS + 1];
	unsigned d;

	for (d = 0; d < EVENT_DATASETS; d++)
		names[d] = event_dataset_name(d) + strlen("tallyman.");
	names[d] = "all";
	return option_nearest(word, names, d + 1);
}

static unsigned
read_datasets(const char *text, const struct conf_entry *e, const char *file,
    unsigned *out, struct buf *errors)
{
	static const char between[] = " ,\t[]\"'";
	unsigned wrong = 0, bits;
	char word[64];
	const char *near;
	size_t len;

	*out = 0;
	for (text += strspn(text, between); *text != '\0';
	    text += len, text += strspn(text, between)) {
		len = strcspn(text, between);
		if ((bits = dataset_bits(text, len)) != 0) {
			*out |= bits;
			continue;
		}
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		near = nearest_dataset(word);
		buf_printf(errors, "%s:%u:%u: datasets: no dataset is called "
		    "\"%s\"%s%s%s\n", file, e->line, e->column, word,
		    near == NULL ? "" : ": did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
		wrong++;
	}
	return wrong;
}

static unsigned
say_kind(const struct conf_entry *e, const char *type, const char *file,
    struct buf *errors)
{
	const char *names[KINDS], *near;
	size_t i;

	for (i = 0; i < KINDS; i++)
		names[i] = kinds[i]->type;
	near = type == NULL ? NULL : option_nearest(type, names, KINDS);
	buf_printf(errors, "%s:%u:%u: ", file, e->line, e->column);
	if (type == NULL)
		buf_add_str(errors, "type: must be given:");
	else
		buf_printf(errors, "type: no output is called \"%s\":", type);
	if (near != NULL)
		buf_printf(errors, " did you mean \"%s\"?", near);
	else
		for (i = 0; i < KINDS; i++)
			buf_printf(errors, "%s %s", i == 0 ? "" : ",",
			    kinds[i]->type);
	buf_add_char(errors, '\n');
	return 1;
}

/* Both tables at once, so that an unknown key is said once. */
static unsigned
read_entry(struct output *o, struct common *c, const struct conf_entry *e,
    const char *file, struct buf *errors)
{
	const char *common_names[N_COMMON + 2] = { "type" };
	const char *own_names[65];
	unsigned wrong;
	struct buf scrap;
	size_t i;

	for (i = 0; i < N_COMMON; i++)
		common_names[i + 1] = common_options[i].name;
	common_names[N_COMMON + 1] = NULL;
	for (i = 0; i < e->n && i < 64; i++)
		own_names[i] = e->pairs[i].key;
	own_names[i] = NULL;
	buf_init(&scrap, 0);
	(void)option_read(common_options, N_COMMON, e, own_names, file, c,
	    &scrap);
	buf_fini(&scrap);
	wrong = option_read(o->ops->options, o->ops->n_options, e,
	    common_names, file, o->self, errors);
	return wrong + read_datasets(c->datasets == NULL ? "" : c->datasets, e,
	    file, &o->datasets, errors);
}

static unsigned
init_kind(struct output *o, const struct conf_entry *e, const char *file,
    struct buf *errors)
{
	struct buf why;
	int err;

	buf_init(&why, 0);
	err = o->ops->init(o->self, &why);
	if (err != 0)
		buf_printf(errors, "%s:%u:%u: output %s: %s\n", file, e->line,
		    e->column, o->name, buf_ok(&why) && why.len > 0 ?
		    buf_text(&why) : strerror(-err));
	buf_fini(&why);
	return err != 0;
}

static void
free_output(struct output *o)
{
	if (o->self != NULL) {
		o->ops->fini(o->self);
		option_fini(o->ops->options, o->ops->n_options, o->self);
	}
	free(o->self);
	free((char *)o->name);
	free(o->stage);
}

static unsigned
check_name(const struct outputs *outs, const struct output *o,
    const struct conf_entry *e, const char *file, struct buf *errors)
{
	size_t i;

	for (i = 0; i < outs->n; i++)
		if (strcmp(outs->list[i].name, o->name) == 0) {
			buf_printf(errors, "%s:%u:%u: name: two outputs are "
			    "called \"%s\": give each a name of its own\n",
			    file, e->line, e->column, o->name);
			return 1;
		}
	return 0;
}

/* Appends the entry's output; returns the number of errors. */
static unsigned
add_output(struct outputs *outs, const struct conf_entry *e, const char *file,
    struct buf *errors)
{
	const char *type = conf_entry_get(e, "type");
	struct output o = { 0 };
	struct common c = { 0 };
	unsigned wrong = 0;

	if (type == NULL || (o.ops = find_kind(type)) == NULL)
		return say_kind(e, type, file, errors);
	if ((o.self = calloc(1, o.ops->size)) == NULL)
		goto fail;
	wrong = read_entry(&o, &c, e, file, errors);
	if ((o.name = strdup(c.name != NULL ? c.name : type)) == NULL ||
	    asprintf(&o.stage, "output.%s", o.name) == -1) {
		o.stage = NULL;
		goto fail;
	}
	wrong += check_name(outs, &o, e, file, errors);
	if (wrong == 0)
		wrong = init_kind(&o, e, file, errors);
	option_fini(common_options, N_COMMON, &c);
	if (wrong == 0)
		outs->list[outs->n++] = o;
	else
		free_output(&o);
	return wrong;
fail:
	buf_printf(errors, "%s:%u:%u: %s\n", file, e->line, e->column,
	    strerror(ENOMEM));
	option_fini(common_options, N_COMMON, &c);
	free_output(&o);
	return wrong + 1;
}

struct outputs *
outputs_new(const struct conf *conf, const char *file, struct buf *errors)
{
	struct outputs *outs;
	unsigned wrong = 0;
	size_t i;

	if ((outs = calloc(1, sizeof(*outs))) == NULL)
		return NULL;
	outs->list = calloc(conf->n_outputs + 1, sizeof(*outs->list));
	if (outs->list == NULL) {
		free(outs);
		return NULL;
	}
	for (i = 0; i < conf->n_outputs; i++)
		wrong += add_output(outs, &conf->outputs[i], file, errors);
	if (wrong > 0) {
		outputs_free(outs);
		errno = EINVAL;
		return NULL;
	}
	return outs;
}

void
outputs_free(struct outputs *outs)
{
	size_t i;

	if (outs == NULL)
		return;
	for (i = 0; i < outs->n; i++)
		free_output(&outs->list[i]);
	free(outs->list);
	free(outs);
}

size_t
outputs_count(const struct outputs *outs)
{
	return outs == NULL ? 0 : outs->n;
}

struct output *
outputs_at(struct outputs *outs, size_t i)
{
	return &outs->list[i];
}

void
outputs_reopen(struct outputs *outs)
{
	size_t i;

	for (i = 0; i < outs->n; i++)
		if (outs->list[i].ops->reopen != NULL)
			outs->list[i].ops->reopen(outs->list[i].self);
}

void
outputs_endpoints(struct outputs *outs, output_endpoint_fn fn, void *ctx)
{
	size_t i;

	for (i = 0; i < outs->n; i++)
		if (outs->list[i].ops->endpoints != NULL)
			outs->list[i].ops->endpoints(outs->list[i].self, fn,
			    ctx);
}

static void
add_endpoint(void *ctx, const struct ipaddr *ip, uint16_t port)
{
	struct buf *out = ctx;
	char text[IPADDR_TEXT];

	buf_printf(out, "%s(host %s and port %u)", out->len == 0 ? "" : " or ",
	    ipaddr_format(ip, text), port);
}

void
outputs_write_filter(struct outputs *outs, struct buf *out)
{
	struct buf ends;

	buf_init(&ends, 8192);
	outputs_endpoints(outs, add_endpoint, &ends);
	if (ends.len > 0)
		buf_printf(out, "tcp and portrange %u-%u and (%s)",
		    OUTPUT_PORT_FIRST, OUTPUT_PORT_FIRST + OUTPUT_PORTS - 1,
		    buf_text(&ends));
	buf_fini(&ends);
}

/* An alert like any other, that says what it is. */
static int
make_test_alert(struct buf *doc, char *id, size_t id_size)
{
	static const struct mono_clock real;
	struct wall now = mono_wall(&real);
	char host[256] = "", mark[96];
	struct event *e;
	int err;

	if ((e = event_new(EVENT_ALERT, now)) == NULL)
		return -ENOMEM;
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(id, id_size, "test-%lld", (long long)now.ns);
	snprintf(mark, sizeof(mark),
	    "Tallyman test alert: sent by hand, nothing happened");
	event_set_cstr(e, FIELD_EVENT_ID, id);
	event_set_cstr(e, FIELD_EVENT_KIND, "alert");
	event_set_cstr(e, FIELD_EVENT_MODULE, "tallyman");
	event_set_cstr(e, FIELD_EVENT_ACTION, "output_test");
	event_set_cstr(e, FIELD_EVENT_REASON, mark);
	event_set_cstr(e, FIELD_MESSAGE, mark);
	event_set_num(e, FIELD_EVENT_SEVERITY, 21);
	event_set_cstr(e, FIELD_RULE_ID, "tallyman-output-test");
	event_set_cstr(e, FIELD_RULE_NAME, "Test of an output");
	event_set_cstr(e, FIELD_DATA_STREAM_TYPE, "logs");
	event_set_cstr(e, FIELD_DATA_STREAM_NAMESPACE, "default");
	event_set_cstr(e, FIELD_ECS_VERSION, "9.4.0");
	event_set_cstr(e, FIELD_AGENT_TYPE, "tallyman");
	event_set_cstr(e, FIELD_HOST_NAME, host);
	event_seal(e);
	err = event_write_json(e, doc);
	event_unref(e);
	return err;
}

/* In the words of whoever answered. */
static void
print_answer(const char *text, FILE *out)
{
	struct buf safe;

	if (text[0] == '\0')
		return;
	buf_init(&safe, 0);
	(void)termtext_add(&safe, text, strlen(text));
	fprintf(out, ": %s", buf_text(&safe));
	buf_fini(&safe);
}

static int
test_one(struct output *o, FILE *out)
{
	struct output_doc doc = { .dataset = "tallyman.alert" };
	struct output_answer answer = { 0 };
	enum output_verdict v;
	struct buf text;
	char id[64];
	bool good;

	buf_init(&text, 0);
	if (make_test_alert(&text, id, sizeof(id)) != 0) {
		fprintf(out, "%s: no memory\n", o->name);
		buf_fini(&text);
		return 1;
	}
	doc.id = id;
	doc.text = buf_text(&text);
	doc.len = text.len;
	v = o->ops->deliver(o->self, &doc, 1, &answer);
	if (v == OUTPUT_OK)
		v = doc.verdict;
	good = v == OUTPUT_OK || v == OUTPUT_DUPLICATE;
	fprintf(out, "%s (%s): %s: test alert %s", o->name, o->ops->type,
	    good ? "ok" : output_verdict_name(v), id);
	print_answer(answer.text, out);
	print_answer(doc.reason, out);
	fputc('\n', out);
	buf_fini(&text);
	return good ? 0 : 1;
}

int
outputs_test(struct outputs *outs, const char *name, FILE *out)
{
	int bad = 0;
	size_t i, tried = 0;

	for (i = 0; i < outs->n; i++) {
		if (name != NULL && strcmp(name, outs->list[i].name) != 0)
			continue;
		bad += test_one(&outs->list[i], out);
		tried++;
	}
	return tried == 0 && name != NULL ? -ENOENT : bad;
}

static void
write_option(struct buf *out, const struct option_key *o)
{
	buf_printf(out, ".It Cm %s\n", o->name);
	conf_write_mdoc_text(out, o->help);
	if (o->preset == NULL)
		buf_add_str(out, "Must be given.\n");
	else if (o->preset[0] != '\0')
		buf_printf(out, "Default:\n.Cm \"\\&%s\" .\n", o->preset);
}

void
outputs_write_mdoc(struct buf *out)
{
	size_t i, j;

	buf_add_str(out, ".Bl -tag -width 4n\n");
	for (i = 0; i < N_COMMON; i++)
		write_option(out, &common_options[i]);
	buf_add_str(out, ".El\n");
	for (i = 0; i < KINDS; i++) {
		buf_printf(out, ".Pp\nType\n.Cm %s", kinds[i]->type);
		if (kinds[i]->alias != NULL)
			buf_printf(out, "\nor\n.Cm %s", kinds[i]->alias);
		buf_add_str(out, " :\n.Bl -tag -width 4n\n");
		for (j = 0; j < kinds[i]->n_options; j++)
			write_option(out, &kinds[i]->options[j]);
		buf_add_str(out, ".El\n");
	}
}
