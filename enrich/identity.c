#include <errno.h>
#include <string.h>

#include "enrich/identity.h"

/* Where Debian, Red Hat, Docker's own packages, static bundles and podman
 * put their runtimes. */
static const char *const runtime_dirs[] = {
	"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/",
	"/usr/local/sbin/", "/usr/libexec/", "/usr/lib/docker/",
	"/usr/libexec/docker/", "/opt/containerd/bin/",
	"/usr/libexec/podman/", "/snap/docker/current/bin/",
};
static const char *const runtime_names[] = {
	"runc", "crun", "youki", "docker-runc", "buildkit-runc",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID_DIGITS	64

bool
identity_is_runtime_path(const char *exe)
{
	const char *slash = strrchr(exe, '/');
	size_t i, dir;

	if (slash == NULL)
		return false;
	dir = (size_t)(slash - exe) + 1;
	for (i = 0; i < COUNT(runtime_names); i++)
		if (strcmp(slash + 1, runtime_names[i]) == 0)
			break;
	if (i == COUNT(runtime_names))
		return false;
	for (i = 0; i < COUNT(runtime_dirs); i++)
		if (strlen(runtime_dirs[i]) == dir &&
		    memcmp(runtime_dirs[i], exe, dir) == 0)
			return true;
	return false;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Where the first id begins, or NULL. */
static const char *
find_id(const char *text, size_t len, uint8_t id[static 32])
{
	size_t i, run = 0, k;

	for (i = 0; i <= len; i++) {
		if (i < len && digit(text[i]) >= 0) {
			run++;
			continue;
		}
		if (run == 64) {
			const char *s = text + i - 64;

			for (k = 0; k < 32; k++)
				id[k] = (uint8_t)(digit(s[2 * k]) << 4 |
				    digit(s[2 * k + 1]));
			return s;
		}
		run = 0;
	}
	return NULL;
}

bool
identity_find_id(const char *text, size_t len, uint8_t id[static 32])
{
	return find_id(text, len, id) != NULL;
}

static bool
is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || (c != '\0' &&
	    strchr("_+-.", c) != NULL);
}

bool
identity_pack_name(const char *text, size_t len, uint8_t id[static 32])
{
	size_t i;

	if (len == 0)
		return false;
	for (i = 0; i < len; i++)
		if (!is_name_char(text[i]))
			return false;
	memset(id, 0, 32);
	memcpy(id, text, len < 31 ? len : 31);
	return true;
}

bool
identity_is_name(const uint8_t id[static 32])
{
	size_t i = 0;

	while (i < 32 && is_name_char((char)id[i]))
		i++;
	if (i == 0 || i == 32)
		return false;
	while (i < 32 && id[i] == 0)
		i++;
	return i == 32;
}

bool
identity_in_path(const char *path, const uint8_t id[static 32])
{
	uint8_t part[32];
	size_t len;

	if (!identity_is_name(id))
		return identity_find_id(path, strlen(path), part) &&
		    memcmp(part, id, sizeof(part)) == 0;
	for (; *path != '\0'; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (identity_pack_name(path, len, part) &&
		    memcmp(part, id, sizeof(part)) == 0)
			return true;
	}
	return false;
}

static bool
arg_is(const struct event_str *arg, const char *text)
{
	return arg->len == strlen(text) && memcmp(arg->text, text,
	    arg->len) == 0;
}

static bool
has_prefix(const struct event_str *arg, const char *prefix)
{
	size_t len = strlen(prefix);

	return arg->len >= len && memcmp(arg->text, prefix, len) == 0;
}

/* Global options of runc and crun whose value is the next argument. */
static bool
takes_value(const struct event_str *arg)
{
	static const char *const options[] = {
		"--root", "--log", "--log-format", "--log-level", "--criu",
		"--rootless", "--cgroup-manager",
	};
	size_t i;

	for (i = 0; i < COUNT(options); i++)
		if (arg_is(arg, options[i]))
			return true;
	return false;
}

/* Options of create, run, restore and exec whose value is the next argument:
 * runc(8), crun(1). */
static bool
verb_takes_value(const struct event_str *arg)
{
	static const char *const options[] = {
		"--bundle", "-b", "--console-socket", "--pid-file",
		"--preserve-fds", "--process", "-p", "--cwd", "--env", "-e",
		"--user", "-u", "--additional-gids", "-g", "--process-label",
		"--apparmor", "--cap", "-c", "--cgroup", "--image-path",
		"--work-path", "--manage-cgroups-mode", "--config", "-f",
	};
	size_t i;

	for (i = 0; i < COUNT(options); i++)
		if (arg_is(arg, options[i]))
			return true;
	return false;
}

/* The first argument of the verb that is no option. */
static bool
read_name(const struct identity_exec *x, size_t from,
    uint8_t id[static 32])
{
	size_t i;

	for (i = from; i < x->n_args; i++) {
		if (verb_takes_value(&x->args[i]))
			i++;
		else if (!has_prefix(&x->args[i], "-"))
			return identity_pack_name(x->args[i].text,
			    x->args[i].len, id);
	}
	return false;
}

/* Index of the verb, or n_args. */
static size_t
find_verb(const struct identity_exec *x)
{
	size_t i;

	for (i = 1; i < x->n_args; i++) {
		if (takes_value(&x->args[i]))
			i++;
		else if (!has_prefix(&x->args[i], "-"))
			break;
	}
	return i < x->n_args ? i : x->n_args;
}

static enum identity_verb
read_verb(const struct event_str *arg)
{
	if (arg_is(arg, "create"))
		return IDENTITY_CREATE;
	if (arg_is(arg, "run") || arg_is(arg, "restore"))
		return IDENTITY_RUN;
	if (arg_is(arg, "exec"))
		return IDENTITY_EXEC;
	return IDENTITY_NONE;
}

/* --pid-file ".../CONTAINER/EXEC.pid": containerd names the file after
 * Docker's exec id. */
static void
read_exec_id(const struct identity_exec *x, size_t from,
    char out[static 65])
{
	size_t i;

	out[0] = '\0';
	for (i = from; i + 1 < x->n_args; i++) {
		const struct event_str *a = &x->args[i + 1];
		const char *slash;
		uint8_t id[32];

		if (!arg_is(&x->args[i], "--pid-file"))
			continue;
		slash = memrchr(a->text, '/', a->len);
		if (slash == NULL || a->text + a->len - slash != 69 ||
		    memcmp(slash + 65, ".pid", 4) != 0 ||
		    !identity_find_id(slash + 1, 64, id))
			return;
		memcpy(out, slash + 1, 64);
		out[64] = '\0';
		return;
	}
}

bool
identity_read_runtime(const struct identity_exec *x,
    struct identity_runtime *out)
{
	struct identity_runtime r = { 0 };
	size_t i, verb;

	if (!identity_is_runtime_path(x->exe))
		return false;
	verb = find_verb(x);
	if (verb == x->n_args)
		return false;
	r.verb = read_verb(&x->args[verb]);
	if (r.verb == IDENTITY_NONE)
		return false;
	if (r.verb == IDENTITY_EXEC)
		read_exec_id(x, verb + 1, r.exec_id);
	/* The id stands alone; in paths it may be another's. */
	for (i = verb + 1; i < x->n_args; i++)
		if (x->args[i].len == 64 &&
		    identity_find_id(x->args[i].text, 64, r.id))
			goto found;
	if (identity_find_id(x->cwd, strlen(x->cwd), r.id))
		goto found;
	for (i = verb + 1; i + 1 < x->n_args; i++)
		if (arg_is(&x->args[i], "--bundle") && identity_find_id(
		    x->args[i + 1].text, x->args[i + 1].len, r.id))
			goto found;
	if (!read_name(x, verb + 1, r.id))
		return false;
found:
	*out = r;
	return true;
}

bool
identity_read_shim(const char *exe, const struct event_str *args,
    size_t n_args, uint8_t id[static 32])
{
	const char *slash = strrchr(exe, '/');
	uint8_t hex[32];
	size_t i, dir;

	if (slash == NULL || strncmp(slash + 1, "containerd-shim", 15) != 0)
		return false;
	dir = (size_t)(slash - exe) + 1;
	for (i = 0; i < COUNT(runtime_dirs); i++)
		if (strlen(runtime_dirs[i]) == dir &&
		    memcmp(runtime_dirs[i], exe, dir) == 0)
			break;
	if (i == COUNT(runtime_dirs))
		return false;
	for (i = 1; i + 1 < n_args; i++)
		if (arg_is(&args[i], "-id"))
			return !identity_find_id(args[i + 1].text,
			    args[i + 1].len, hex) && identity_pack_name(
			    args[i + 1].text, args[i + 1].len, id);
	return false;
}

/*
 * The runtime starts its second stage in the root directory of the container
 * as the host sees it, so the stage's directory is a path that no program of
 * the container has: .../merged, .../rootfs, or one with a 64-digit id.
 */
static bool
is_host_rootfs(const char *cwd)
{
	size_t len = strlen(cwd);
	uint8_t id[32];

	return (len > 7 && strcmp(cwd + len - 7, "/merged") == 0) ||
	    (len > 7 && strcmp(cwd + len - 7, "/rootfs") == 0) ||
	    identity_find_id(cwd, len, id);
}

static bool
is_copy(const char *exe)
{
	/* A sealed copy in memory, or a read-only bind of itself, which has
	 * no path. */
	return strncmp(exe, "/memfd:", 7) == 0 || strcmp(exe, "/") == 0 ||
	    strncmp(exe, "memfd:", 6) == 0;
}

bool
identity_is_stage(const struct identity_exec *x)
{
	const char *slash;
	size_t i;

	if (!identity_is_runtime_path(x->exe) && !is_copy(x->exe))
		return false;
	if (x->n_args < 1 || x->args[0].len == 0)
		return false;
	slash = memrchr(x->args[0].text, '/', x->args[0].len);
	for (i = 0; i < COUNT(runtime_names); i++)
		if (strcmp(slash == NULL ? x->args[0].text : slash + 1,
		    runtime_names[i]) == 0)
			break;
	if (i == COUNT(runtime_names))
		return false;
	return is_host_rootfs(x->cwd);
}

/*
 * One part of a path: ID, or RUNTIME-ID.scope and RUNTIME-ID, with a colon
 * where containerd was given systemd's form without its driver. podman and
 * CRI-O put conmon, which watches a container from the host, into
 * libpod-conmon-ID.scope and crio-conmon-ID.scope.
 */
static bool
part_names(const char *part, size_t len, uint8_t id[static 32])
{
	static const char watcher[] = "conmon-", scope[] = ".scope";
	const size_t n = sizeof(watcher) - 1, m = sizeof(scope) - 1;
	const char *at;

	if (len > m && memcmp(part + len - m, scope, m) == 0)
		len -= m;
	if (len < ID_DIGITS)
		return false;
	at = part + len - ID_DIGITS;
	if (find_id(at, ID_DIGITS, id) == NULL)
		return false;
	return at == part || ((at[-1] == '-' || at[-1] == ':') &&
	    !((size_t)(at - part) >= n && memcmp(at - n, watcher, n) == 0));
}

/* The outermost part that names one: what is below it, the container may have
 * made itself. */
static bool
names_container(const char *path, size_t len, uint8_t id[static 32])
{
	const char *slash;
	size_t part;

	for (; len > 0; path += part, len -= part) {
		slash = memchr(path, '/', len);
		part = slash == NULL ? len : (size_t)(slash - path);
		if (part_names(path, part, id))
			return true;
		part += slash != NULL;
	}
	return false;
}

/* Below here a user without rights may make cgroups of any name (systemd
 * delegates them); containers without root live there too. */
static bool
is_of_users(const char *path, size_t len)
{
	static const char users[] = "/user.slice/";

	return len >= sizeof(users) - 1 &&
	    memcmp(path, users, sizeof(users) - 1) == 0;
}

/* One line: "ID:CONTROLLERS:PATH". */
static bool
read_line(const char *line, size_t len, uint8_t id[static 32], int *found)
{
	const char *first = memchr(line, ':', len), *second;
	size_t rest;

	if (first == NULL)
		return false;
	rest = (size_t)(line + len - first - 1);
	second = memchr(first + 1, ':', rest);
	if (second == NULL)
		return false;
	second++;
	rest = (size_t)(line + len - second);
	*found = !names_container(second, rest, id) ? 0 :
	    is_of_users(second, rest) ? 2 : 1;
	return rest > 0 && second[0] == '/';
}

int
identity_read_cgroup(const char *text, size_t len, uint8_t id[static 32])
{
	uint8_t said[32];
	int found, best = 0;
	size_t lines = 0;

	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl == NULL ? len : (size_t)(nl - text);

		if (n > 0) {
			if (!read_line(text, n, said, &found))
				return best != 0 ? best : -EINVAL;
			lines++;
			if (found != 0 && (best == 0 || found == 1))
				memcpy(id, said, sizeof(said));
			if (found == 1)
				return 1;
			best |= found;
		}
		n = nl == NULL ? n : n + 1;
		text += n;
		len -= n;
	}
	return lines == 0 ? -EINVAL : best;
}
