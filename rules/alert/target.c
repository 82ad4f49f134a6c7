#include "rules/alert/target.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Arguments after the program's own name. */
struct words {
	const struct event_str	*items;
	size_t			 n;
	size_t			 at;
	const char		*valued;	/* options that take a value */
};

typedef bool (*find_fn)(struct words *, struct target *);

static bool
is_host_byte(char c)
{
	return isalnum((unsigned char)c) || strchr(".-_:%", c) != NULL;
}

static bool
set_host(struct target *t, const char *host, size_t len)
{
	const char *at = memrchr(host, '@', len);
	size_t i;

	if (at != NULL) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len == 0 || len > TARGET_HOST_MAX || host[0] == '-')
		return false;
	for (i = 0; i < len; i++)
		if (!is_host_byte(host[i]))
			return false;
	memcpy(t->host, host, len);
	t->host[len] = '\0';
	return true;
}

static bool
set_port(struct target *t, const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || port == 0 || port > 65535 ||
	    (*end != '\0' && *end != '/' && *end != ',' && *end != '?'))
		return false;
	t->port = (uint16_t)port;
	return true;
}

/* "host", "host:port", "[v6]:port" of len bytes. */
static bool
set_authority(struct target *t, const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len), *colon;
	size_t host;

	if (at != NULL) {
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	colon = memrchr(text, ':', len);
	if (colon != NULL && memchr(colon, ']', (size_t)(text + len - colon)))
		colon = NULL;
	host = colon == NULL ? len : (size_t)(colon - text);
	if (colon != NULL)
		(void)set_port(t, colon + 1);
	return set_host(t, text, host);
}

static bool
set_url(struct target *t, const char *text)
{
	static const struct { const char *scheme; uint16_t port; } ports[] = {
		{ "http", 80 }, { "https", 443 }, { "ftp", 21 },
		{ "ftps", 990 }, { "scp", 22 }, { "sftp", 22 },
		{ "rsync", 873 }, { "tftp", 69 }, { "smb", 445 },
		{ "smtp", 25 }, { "telnet", 23 }
	};
	const char *rest = strstr(text, "://");
	size_t i, len;

	if (rest == NULL)
		return false;
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		len = strlen(ports[i].scheme);
		if (len == (size_t)(rest - text) &&
		    strncasecmp(text, ports[i].scheme, len) == 0)
			t->port = ports[i].port;
	}
	rest += 3;
	return set_authority(t, rest, strcspn(rest, "/?#"));
}

/* The next argument that is no option and no option's value. */
static const char *
next_plain(struct words *w)
{
	const char *arg;
	size_t k;

	while (w->at < w->n) {
		arg = w->items[w->at++].text;
		if (arg[0] != '-' || arg[1] == '\0')
			return arg;
		if (arg[1] == '-')
			continue;
		/* -P22 holds its value, -P has it next; -vP is both. */
		for (k = 1; arg[k] != '\0'; k++) {
			if (strchr(w->valued, arg[k]) == NULL)
				continue;
			if (arg[k + 1] == '\0')
				w->at++;
			break;
		}
	}
	return NULL;
}

/* The value of a short option, or NULL. */
static const char *
option(const struct words *w, char letter)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		const char *arg = w->items[i].text;

		if (arg[0] != '-' || arg[1] != letter)
			continue;
		if (arg[2] != '\0')
			return arg + 2;
		return i + 1 < w->n ? w->items[i + 1].text : NULL;
	}
	return NULL;
}

/* host:path, with the colon before the first slash. */
static bool
set_remote(struct target *t, const char *arg)
{
	const char *colon = arg[0] == '[' ? strstr(arg, "]:") :
	    strchr(arg, ':');
	const char *at = strchr(arg, '@'), *slash = strchr(arg, '/');

	if (at != NULL && at[1] == '[')
		colon = strstr(at, "]:");
	if (colon != NULL && *colon == ']')
		colon++;
	if (colon == NULL || colon == arg ||
	    (slash != NULL && slash < colon))
		return false;
	return set_host(t, arg, (size_t)(colon - arg));
}

static bool
find_copy(struct words *w, struct target *t, uint16_t port)
{
	const char *arg, *given = option(w, 'P');

	while ((arg = next_plain(w)) != NULL) {
		t->port = port;
		if (set_url(t, arg))
			return true;
		if (!set_remote(t, arg))
			continue;
		if (strstr(arg, "::") != NULL && arg[0] != '[' && port == 0)
			t->port = 873;
		if (given != NULL)
			(void)set_port(t, given);
		return true;
	}
	return false;
}

static bool
find_scp(struct words *w, struct target *t)
{
	w->valued = "cDFiJloPSX";
	return find_copy(w, t, 22);
}

/* The transport of rsync may be anything: its port is not known. */
static bool
find_rsync(struct words *w, struct target *t)
{
	w->valued = "efBTM";
	return find_copy(w, t, 0);
}

static bool
find_ssh(struct words *w, struct target *t)
{
	const char *given = option(w, 'p'), *arg;

	w->valued = "BbcDEeFIiJLlmOoPpQRSWw";
	arg = next_plain(w);
	t->port = 22;
	if (arg == NULL)
		return false;
	if (strstr(arg, "://") != NULL)
		return set_url(t, arg);
	if (given != NULL)
		(void)set_port(t, given);
	return set_host(t, arg, strlen(arg));
}

static bool
find_sftp(struct words *w, struct target *t)
{
	const char *given = option(w, 'P'), *arg;

	w->valued = "BbcDFiJloPRSs";
	arg = next_plain(w);
	t->port = 22;
	if (arg == NULL)
		return false;
	if (set_url(t, arg))
		return true;
	if (given != NULL)
		(void)set_port(t, given);
	return set_remote(t, arg) || set_host(t, arg, strlen(arg));
}

/* A URL anywhere; without a scheme the last argument is it. */
static bool
find_url(struct words *w, struct target *t)
{
	const char *last;
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->items[i].text[0] != '-' && set_url(t, w->items[i].text))
			return true;
	if (w->n == 0)
		return false;
	last = w->items[w->n - 1].text;
	t->port = 80;
	return last[0] != '-' && strchr(last, '.') != NULL &&
	    set_authority(t, last, strcspn(last, "/?#"));
}

static bool
find_pipe(struct words *w, struct target *t)
{
	const char *host, *port;

	w->valued = "ceGgIiMmOopqsTVWwXx";
	host = next_plain(w);
	port = next_plain(w);
	return host != NULL && port != NULL && set_port(t, port) &&
	    set_host(t, host, strlen(host));
}

static bool
find_socat(struct words *w, struct target *t)
{
	static const char *const kinds[] = {
		"TCP:", "TCP4:", "TCP6:", "TCP-CONNECT:", "TCP4-CONNECT:",
		"TCP6-CONNECT:", "OPENSSL:", "OPENSSL-CONNECT:", "SSL:",
		"UDP:", "UDP4:", "UDP6:", "UDP-SENDTO:", "UDP-CONNECT:",
		"SCTP:", "SCTP-CONNECT:"
	};
	const char *arg;
	size_t i, len;

	w->valued = "dlL";
	while ((arg = next_plain(w)) != NULL) {
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			len = strlen(kinds[i]);
			if (strncasecmp(arg, kinds[i], len) == 0)
				return set_authority(t, arg + len,
				    strcspn(arg + len, ",!"));
		}
	}
	return false;
}

static bool
find_ftp(struct words *w, struct target *t)
{
	const char *arg;

	w->valued = "cPpu";
	arg = next_plain(w);
	return arg != NULL && (set_url(t, arg) ||
	    set_host(t, arg, strlen(arg)));
}

static const struct { const char *name; find_fn find; } programs[] = {
	{ "scp", find_scp }, { "sshfs", find_scp }, { "sftp", find_sftp },
	{ "ssh", find_ssh }, { "rsync", find_rsync }, { "curl", find_url },
	{ "wget", find_url }, { "wget2", find_url }, { "nc", find_pipe },
	{ "nc.openbsd", find_pipe }, { "nc.traditional", find_pipe },
	{ "netcat", find_pipe }, { "ncat", find_pipe },
	{ "telnet", find_pipe }, { "socat", find_socat },
	{ "socat1", find_socat }, { "ftp", find_ftp }, { "tftp", find_ftp },
	{ "lftp", find_ftp }
};

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

bool
target_find(const struct event *e, struct target *out)
{
	const struct event_value *v = event_get(e, FIELD_PROCESS_ARGS);
	const char *name = event_str(e, FIELD_PROCESS_NAME);
	struct words w = { .valued = "" };
	struct target t = { .port = 0 };
	size_t i, skip = 1;

	if (v == NULL || v->count < 2)
		return false;
	if (strcmp(name, "busybox") == 0) {
		name = base(v->strs[0].text);
		if (strcmp(name, "busybox") == 0) {
			name = v->strs[1].text;
			skip = 2;
		}
	}
	w.items = v->strs + skip;
	w.n = v->count - skip;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(programs[i].name, name) != 0)
			continue;
		if (!programs[i].find(&w, &t))
			return false;
		*out = t;
		return true;
	}
	return false;
}
