#include "outputs/explain.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/method.h"
#include "outputs/doctext.h"
#include "outputs/termtext.h"

/* One answer: whose is it, and how is that known? Texts are safe. */
struct claim {
	const char		*of;		/* "container", ... */
	const char		*missing;	/* fields that begin so */
	enum method_kind	 kind;
	const char		*method;	/* raw; "" the document has none */
	const char		*confidence;	/* raw, or "" */
	bool			 implied;	/* no field says it */
	bool			 is_owner;	/* an end that is the container */
	struct buf		 who, rests;	/* rests: a line each */
};

const char *
explain_text(const struct explain *x, const char *path)
{
	return json_str(json_get(x->doc, path), NULL);
}

bool
explain_has(const struct explain *x, const char *path)
{
	return json_get(x->doc, path) != NULL;
}

/* Words of safe text, from the column where the cursor stands. */
static void
put_words(const struct explain *x, const char *text)
{
	size_t at = EXPLAIN_INDENT, len, n;

	while (*text != '\0') {
		len = strcspn(text, " ");
		n = len;
		if (at > EXPLAIN_INDENT && at + 1 + n > x->width) {
			fprintf(x->env->out, "\n%*s", EXPLAIN_INDENT, "");
			at = EXPLAIN_INDENT;
		} else if (at > EXPLAIN_INDENT) {
			fputc(' ', x->env->out);
			at++;
		}
		fwrite(text, 1, len, x->env->out);
		at += n;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', x->env->out);
}

void
explain_put_row(const struct explain *x, const char *label, const char *text)
{
	fprintf(x->env->out, "  %-*s", EXPLAIN_INDENT - 2, label);
	put_words(x, text);
}

static void
put_raw_row(const struct explain *x, const char *label, const char *raw)
{
	struct buf safe;

	buf_init(&safe, 0);
	(void)termtext_add(&safe, raw, strlen(raw));
	explain_put_row(x, label, buf_text(&safe));
	buf_fini(&safe);
}

/* Names of fields that were asked for and are not known. "" is any that no
 * claim has taken. */
static bool
is_missing_of(const char *name, const char *prefix)
{
	static const char *const taken[] = { "container.", "process.",
		"tallyman.entry.", "tallyman.source.container.",
		"tallyman.destination.container." };
	size_t i;

	if (prefix[0] != '\0')
		return strncmp(name, prefix, strlen(prefix)) == 0;
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strncmp(name, taken[i], strlen(taken[i])) == 0)
			return false;
	return true;
}

void
explain_list_missing(const struct explain *x, const char *prefix, struct buf *out)
{
	const struct json *all = json_get(x->doc, "tallyman.missing");
	const char *name;
	size_t i, len;

	for (i = 0; i < json_count(all); i++) {
		name = json_str(json_at(all, i), &len);
		if (!is_missing_of(name, prefix))
			continue;
		if (out->len > 0)
			buf_add_str(out, ", ");
		(void)termtext_add(out, name, len);
	}
}

void
explain_put_key(struct explain *x, const char *key, const char *text)
{
	json_key_str(&x->w, key);
	json_put_cstr(&x->w, text);
}

static void
write_claim(struct explain *x, const struct claim *c,
    const struct method *m, const char *missing)
{
	const char *p, *end;

	json_open(&x->w, '{');
	explain_put_key(x, "of", c->of);
	explain_put_key(x, "who", buf_text(&c->who));
	explain_put_key(x, "method", c->method);
	explain_put_key(x, "confidence", c->confidence);
	json_key_str(&x->w, "implied");
	json_put_bool(&x->w, c->implied);
	explain_put_key(x, "means", m == NULL ? "" : m->means);
	explain_put_key(x, "doubt", m == NULL ? "" : m->doubt);
	json_key_str(&x->w, "rests_on");
	json_open(&x->w, '[');
	for (p = buf_text(&c->rests); (end = strchr(p, '\n')) != NULL;
	    p = end + 1)
		json_put_str(&x->w, p, (size_t)(end - p));
	json_close(&x->w, ']');
	explain_put_key(x, "missing", missing);
	json_close(&x->w, '}');
}

static void
print_claim(const struct explain *x, struct claim *c, const struct method *m,
    const char *missing)
{
	const char *p, *label = "rests on";
	char *end;

	fprintf(x->env->out, "\n%s: %s\n", c->of, buf_text(&c->who));
	if (c->is_owner) {
		explain_put_row(x, "method", "as of the container above");
		return;
	}
	if (c->method[0] == '\0')
		explain_put_row(x, "method", "the document names none");
	else if (c->implied)
		explain_put_row(x, "method", "address (implied: a document names a "
		    "method only for its owner)");
	else
		put_raw_row(x, "method", c->method);
	if (!c->implied && c->kind != METHOD_NAT && c->kind != METHOD_SCOPE)
		put_raw_row(x, "confidence", c->confidence[0] == '\0' ?
		    "the document names none" : c->confidence);
	if (m != NULL) {
		explain_put_row(x, "means", m->means);
		explain_put_row(x, "doubt", m->doubt);
	} else if (c->method[0] != '\0')
		explain_put_row(x, "means", "this version of tallyman has no text "
		    "about that method");
	for (p = buf_text(&c->rests); (end = strchr(p, '\n')) != NULL;
	    p = end + 1, label = "") {
		*end = '\0';
		explain_put_row(x, label, p);
	}
	if (missing[0] != '\0')
		explain_put_row(x, "missing", missing);
}

/* Says it and frees it. */
static void
say(struct explain *x, struct claim *c)
{
	const struct method *m = method_find(c->kind, c->method);
	struct buf missing;

	buf_init(&missing, 0);
	explain_list_missing(x, c->missing, &missing);
	if (x->json)
		write_claim(x, c, m, buf_text(&missing));
	else
		print_claim(x, c, m, buf_text(&missing));
	buf_fini(&missing);
	buf_fini(&c->who);
	buf_fini(&c->rests);
}

static struct claim
claim_of(const char *of, enum method_kind kind, const char *missing)
{
	struct claim c = { .of = of, .kind = kind, .missing = missing,
	    .method = "", .confidence = "" };

	buf_init(&c.who, 0);
	buf_init(&c.rests, 0);
	return c;
}

/* "name (id, image)", of "container" or "tallyman.source.container". */
static bool
add_container(const struct explain *x, struct buf *out, const char *at)
{
	size_t before = out->len;
	char path[80];

	snprintf(path, sizeof(path), "%s.name", at);
	if (!doctext_add(out, x->doc, path))
		buf_add_str(out, "container without a known name");
	snprintf(path, sizeof(path), "%s.id", at);
	if (!explain_has(x, path)) {
		out->len = before;
		if (out->data != NULL)
			out->data[before] = '\0';
		return false;
	}
	buf_add_str(out, " (");
	(void)doctext_add_id(out, x->doc, path);
	snprintf(path, sizeof(path), "%s.image.name", at);
	if (explain_has(x, path)) {
		buf_add_str(out, ", image ");
		(void)doctext_add(out, x->doc, path);
	}
	buf_add_char(out, ')');
	return true;
}

/* "curl -T x y (pid 12, entity 0af..)", of "process", "process.parent". */
static bool
add_process(const struct explain *x, struct buf *out, const char *at)
{
	size_t before = out->len;
	char path[80];
	int64_t pid;

	snprintf(path, sizeof(path), "%s.command_line", at);
	if (!doctext_add(out, x->doc, path)) {
		snprintf(path, sizeof(path), "%s.executable", at);
		(void)doctext_add(out, x->doc, path);
	}
	snprintf(path, sizeof(path), "%s.pid", at);
	pid = json_int(json_get(x->doc, path));
	if (pid > 0)
		buf_printf(out, "%s(pid %lld)", out->len > before ? " " : "",
		    (long long)pid);
	return out->len > before;
}

static void
rest(struct claim *c, const char *text)
{
	buf_add_str(&c->rests, text);
	buf_add_char(&c->rests, '\n');
}

static void
rest_on_process(const struct explain *x, struct claim *c, const char *words,
    const char *at)
{
	size_t before = c->rests.len;

	buf_add_str(&c->rests, words);
	if (!add_process(x, &c->rests, at)) {
		if (c->rests.data != NULL)
			c->rests.data[before] = '\0';
		c->rests.len = before;
		return;
	}
	buf_add_char(&c->rests, '\n');
}

static void
rest_on_address(const struct explain *x, struct claim *c, const char *end)
{
	char path[48];

	buf_add_str(&c->rests, "its address ");
	(void)doctext_add_end(&c->rests, x->doc, end);
	snprintf(path, sizeof(path), "%s.nat.ip", end);
	if (explain_has(x, path)) {
		buf_add_str(&c->rests, ", translated ");
		(void)doctext_add(&c->rests, x->doc, path);
	}
	if (explain_has(x, "network.name")) {
		buf_add_str(&c->rests, "; network ");
		(void)doctext_add(&c->rests, x->doc, "network.name");
	}
	buf_add_char(&c->rests, '\n');
}

/* What the document holds that this method had to go by. */
static void
rest_container(const struct explain *x, struct claim *c)
{
	if (strcmp(c->method, "runtime") == 0)
		rest_on_process(x, c, "its parent by then (the runtime, or "
		    "who adopts its children): ", "process.parent");
	else if (strcmp(c->method, "parent") == 0)
		rest_on_process(x, c, "its parent: ", "process.parent");
	else if (strcmp(c->method, "address") == 0)
		rest_on_address(x, c, doctext_owner_answers(x->doc) ?
		    "destination" : "source");
	else if (strcmp(c->method, "docker") == 0 &&
	    explain_has(x, "tallyman.docker.action")) {
		buf_add_str(&c->rests, "Docker's event: ");
		(void)doctext_add(&c->rests, x->doc, "tallyman.docker.action");
		buf_add_char(&c->rests, '\n');
	}
	rest_on_process(x, c, "the process: ", "process");
	if (explain_has(x, "tallyman.audit.serial")) {
		buf_add_str(&c->rests, "audit record ");
		(void)doctext_add(&c->rests, x->doc, "tallyman.audit.serial");
		if (explain_has(x, "tallyman.audit.syscall")) {
			buf_add_str(&c->rests, ", system call ");
			(void)doctext_add(&c->rests, x->doc,
			    "tallyman.audit.syscall");
		}
		buf_add_char(&c->rests, '\n');
	}
}

void
explain_container(struct explain *x)
{
	struct claim c = claim_of("container", METHOD_CONTAINER, "container.");

	c.method = explain_text(x, "tallyman.container.attribution.method");
	c.confidence = explain_text(x, "tallyman.container.attribution.confidence");
	if (!add_container(x, &c.who, "container"))
		buf_add_str(&c.who, strcmp(c.method, "host") == 0 ?
		    "none, it is the host's" : strcmp(c.method, "none") == 0 ?
		    "unknown" : "none");
	if (c.method[0] != '\0')
		rest_container(x, &c);
	say(x, &c);
}

/* Others that are possible too. */
static void
rest_candidates(const struct explain *x, struct claim *c, const char *path,
    const char *what)
{
	const struct json *all = json_get(x->doc, path);
	size_t i, len;
	const char *id;

	for (i = 0; i < json_count(all); i++) {
		id = json_str(json_at(all, i), &len);
		buf_printf(&c->rests, "candidate: %s ", what);
		(void)termtext_add(&c->rests, id, len);
		buf_add_char(&c->rests, '\n');
	}
}

void
explain_end(struct explain *x, const char *end)
{
	char at[48], path[96], id[96], missing[64];
	struct claim c;

	snprintf(at, sizeof(at), "tallyman.%s.container", end);
	snprintf(id, sizeof(id), "%s.id", at);
	snprintf(missing, sizeof(missing), "%s.", at);
	snprintf(path, sizeof(path), "tallyman.%s.scope", end);
	if (!explain_has(x, id) && !explain_has(x, path))
		return;
	c = claim_of(end, METHOD_CONTAINER, missing);
	if (!add_container(x, &c.who, at)) {
		(void)doctext_add(&c.who, x->doc, path);
		buf_add_char(&c.who, ' ');
		(void)doctext_add_end(&c.who, x->doc, end);
	}
	snprintf(path, sizeof(path), "%s.attribution.method", at);
	c.method = explain_text(x, path);
	snprintf(path, sizeof(path), "%s.attribution.confidence", at);
	c.confidence = explain_text(x, path);
	if (c.method[0] == '\0' && explain_has(x, id) &&
	    strcmp(explain_text(x, id), explain_text(x, "container.id")) == 0) {
		c.method = explain_text(x, "tallyman.container.attribution.method");
		c.confidence = explain_text(x,
		    "tallyman.container.attribution.confidence");
		c.is_owner = true;
	} else if (c.method[0] == '\0' && explain_has(x, id)) {
		c.method = "address";
		c.implied = true;
	} else if (c.method[0] == '\0') {
		c.kind = METHOD_SCOPE;
		snprintf(path, sizeof(path), "tallyman.%s.scope", end);
		c.method = explain_text(x, path);
	}
	rest_on_address(x, &c, end);
	snprintf(path, sizeof(path), "%s.candidates", at);
	rest_candidates(x, &c, path, "container");
	say(x, &c);
}

void
explain_process(struct explain *x)
{
	struct claim c = claim_of("process", METHOD_PROCESS, "process.");

	c.method = explain_text(x, "tallyman.flow.process.method");
	c.confidence = explain_text(x, "tallyman.flow.process.confidence");
	if (!add_process(x, &c.who, "process"))
		buf_add_str(&c.who, "unknown");
	if (c.method[0] != '\0') {
		buf_add_str(&c.rests, "a call towards ");
		(void)doctext_add_end(&c.rests, x->doc, "destination");
		buf_add_str(&c.rests, ", the flow's first packet at ");
		(void)doctext_add(&c.rests, x->doc, "event.start");
		rest(&c, "");
	}
	rest_candidates(x, &c, "tallyman.flow.process.candidates",
	    "process.entity_id");
	say(x, &c);
}

void
explain_nat(struct explain *x)
{
	struct claim c;

	if (!explain_has(x, "tallyman.flow.nat.method"))
		return;
	c = claim_of("translation", METHOD_NAT, "source.nat.");
	c.method = explain_text(x, "tallyman.flow.nat.method");
	(void)doctext_add_end(&c.who, x->doc, "source");
	buf_add_str(&c.who, " to ");
	(void)doctext_add_end(&c.who, x->doc, "destination");
	buf_add_str(&c.who, " is outside ");
	(void)doctext_add_end(&c.who, x->doc, explain_has(x, "source.nat.ip") ?
	    "source.nat" : "source");
	buf_add_str(&c.who, " to ");
	(void)doctext_add_end(&c.who, x->doc,
	    explain_has(x, "destination.nat.ip") ? "destination.nat" :
	    "destination");
	say(x, &c);
}

void
explain_relay(struct explain *x)
{
	struct buf id;

	if (!explain_has(x, "tallyman.flow.relay_of"))
		return;
	if (x->json) {
		explain_put_key(x, "relay_of", explain_text(x,
		    "tallyman.flow.relay_of"));
		return;
	}
	buf_init(&id, 0);
	(void)doctext_add(&id, x->doc, "tallyman.flow.relay_of");
	fprintf(x->env->out, "\nrelay: this flow carries on flow %s, see "
	    "tallyman explain %s\n", buf_text(&id), buf_text(&id));
	buf_fini(&id);
}

/* A login, its session and its terminal, as audit has them. */
static void
rest_on_login(const struct explain *x, struct claim *c)
{
	static const char *const parts[][2] = {
		{ "login uid ", "tallyman.entry.by.auid" },
		{ ", session ", "tallyman.entry.by.ses" },
		{ ", terminal ", "tallyman.entry.by.tty" },
	};
	size_t i;

	for (i = 0; i < 3; i++)
		if (explain_has(x, parts[i][1])) {
			buf_add_str(&c->rests, parts[i][0]);
			(void)doctext_add(&c->rests, x->doc, parts[i][1]);
			if (strcmp(explain_text(x, parts[i][1]), "-1") == 0)
				buf_add_str(&c->rests, " (unset)");
		}
	rest(c, "");
}

void
explain_entry(struct explain *x)
{
	struct claim c;

	if (json_get(x->doc, "tallyman.entry") == NULL)
		return;
	c = claim_of("who asked Docker", METHOD_ENTRY, "tallyman.entry.");
	c.method = explain_text(x, "tallyman.entry.kind");
	if (c.method[0] == '\0')
		c.method = "request";
	c.confidence = explain_text(x, "tallyman.entry.confidence");
	if (doctext_add(&c.who, x->doc, "tallyman.entry.by.user"))
		buf_add_str(&c.who, " by ");
	else if (explain_has(x, "tallyman.entry.by.pid"))
		buf_add_str(&c.who, "an unknown user by ");
	if (explain_has(x, "tallyman.entry.by.pid")) {
		if (!doctext_add(&c.who, x->doc,
		    "tallyman.entry.by.command_line"))
			buf_add_str(&c.who, "an unknown command");
		buf_printf(&c.who, " (pid %lld)", (long long)json_int(
		    json_get(x->doc, "tallyman.entry.by.pid")));
		rest_on_login(x, &c);
	} else
		buf_add_str(&c.who, "unknown");
	if (explain_has(x, "tallyman.entry.exec_id")) {
		buf_add_str(&c.rests, "Docker's exec ");
		(void)doctext_add_id(&c.rests, x->doc,
		    "tallyman.entry.exec_id");
		rest(&c, "");
	}
	say(x, &c);
}
