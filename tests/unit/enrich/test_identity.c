/* Command lines and files as recorded on real hosts (runc 1.1, crun 1.8). */
#include "tests/support/unit.h"

#include <string.h>

#include "enrich/container.h"
#include "enrich/identity.h"
#include "enrich/procfile.h"

#define ID	"41e7cb0f5bc39db089241f10bc9b6601f97066016d25238b2a50a36ca0dfba73"
#define OTHER	"46e72529a467dfe3393bdea9f3fd70ab51b2dad8ec4dff8d07515a4a6de4904a"
#define EXEC	"b2bbdb82b9aed6320625df95f8e306f884dcd7212abbd96fc44784796b846fa8"
#define TASK	"/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/"

struct line { struct event_str args[24]; struct identity_exec x; };

static struct identity_exec *
line(struct line *l, const char *exe, const char *cwd,
    const char *const args[])
{
	size_t n;

	for (n = 0; args[n] != NULL; n++)
		l->args[n] = (struct event_str){ args[n], strlen(args[n]) };
	l->x = (struct identity_exec){ exe, cwd, l->args, n };
	return &l->x;
}

static void
assert_id(const uint8_t id[static 32], const char *want)
{
	char text[65];

	container_id_format(id, text);
	assert_string_equal(text, want);
}

static void
reads_runtimes(void **state)
{
	struct identity_runtime r;
	struct line l;

	(void)state;
	assert_true(identity_read_runtime(line(&l, "/usr/sbin/runc", TASK ID,
	    (const char *const[]){ "runc", "--root",
	    "/var/run/docker/runtime-runc/moby", "--log", TASK ID "/log.json",
	    "--log-format", "json", "exec", "--process",
	    "/tmp/runc-process2418051335", "--detach", "--pid-file",
	    TASK ID "/" EXEC ".pid", ID, NULL }), &r));
	assert_int_equal(r.verb, IDENTITY_EXEC);
	assert_id(r.id, ID);
	assert_string_equal(r.exec_id, EXEC);

	assert_true(identity_read_runtime(line(&l, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", "--root", "create", "create",
	    "--bundle", "/x/" OTHER, "--pid-file", "/x/init.pid", ID, NULL }),
	    &r));
	assert_int_equal(r.verb, IDENTITY_CREATE);
	assert_id(r.id, ID);
	assert_string_equal(r.exec_id, "");

	/* podman and crun */
	assert_true(identity_read_runtime(line(&l, "/usr/bin/crun", "/",
	    (const char *const[]){ "/usr/bin/crun", "--systemd-cgroup",
	    "--root=/run/crun", "run", "--bundle", "/b", ID, NULL }), &r));
	assert_int_equal(r.verb, IDENTITY_RUN);

	/* Only the bundle's directory names it (buildkit keeps its own). */
	assert_true(identity_read_runtime(line(&l, "/usr/bin/runc", TASK ID,
	    (const char *const[]){ "runc", "create", "short", NULL }), &r));
	assert_id(r.id, ID);
}

static void
refuses_others(void **state)
{
	struct identity_runtime r;
	struct line l;

	(void)state;
	assert_false(identity_read_runtime(line(&l, "/tmp/runc", TASK ID,
	    (const char *const[]){ "runc", "exec", ID, "sh", NULL }), &r));
	assert_false(identity_read_runtime(line(&l, "/usr/bin/runcx", "/",
	    (const char *const[]){ "runc", "exec", ID, "sh", NULL }), &r));
	assert_false(identity_read_runtime(line(&l, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", "delete", "--force", ID, NULL }),
	    &r));
	assert_false(identity_read_runtime(line(&l, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", "create", "--bundle", "/b", NULL }),
	    &r));
	assert_false(identity_read_runtime(line(&l, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", "create", "mi/ne", NULL }), &r));
	assert_false(identity_read_runtime(line(&l, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", NULL }), &r));
	assert_false(identity_is_runtime_path("runc"));
	assert_false(identity_is_runtime_path("/usr/bin/../../tmp/runc"));
	assert_false(identity_is_runtime_path("/var/usr/bin/runc"));
}

/* containerd without Docker, and buildkit. */
static void
reads_names(void **state)
{
	const char *const ctr[] = { "runc", "--root",
	    "/run/containerd/runc/default", "--log", "/l", "--log-format",
	    "json", "create", "--bundle", "/run/x/default/my.box_1",
	    "--pid-file", "/run/x/init.pid", "my.box_1", NULL };
	const char *const exec[] = { "runc", "exec", "--process", "/tmp/p",
	    "--detach", "--pid-file", "/run/x/a.pid", "my.box_1", NULL };
	const char *const shim[] = { "/usr/bin/containerd-shim-runc-v2",
	    "-namespace", "default", "-id", "my.box_1", NULL };
	const char *const docker[] = { "/usr/bin/containerd-shim-runc-v2",
	    "-id", ID, NULL };
	const char *const more[] = { "runc", "run", "--bundle", "/b/x",
	    "abcdefghijklmnopqrstuvwxyz0123456789", NULL };
	struct identity_runtime r;
	uint8_t id[32];
	struct line l;

	(void)state;
	assert_true(identity_read_runtime(line(&l, "/usr/bin/runc", "/", ctr),
	    &r));
	assert_int_equal(r.verb, IDENTITY_CREATE);
	assert_true(identity_is_name(r.id));
	assert_string_equal((const char *)r.id, "my.box_1");
	assert_true(identity_in_path("/run/x/default/my.box_1", r.id));
	assert_false(identity_in_path("/run/x/default/my.box_12", r.id));
	assert_true(identity_read_runtime(line(&l, "/usr/sbin/runc", "/",
	    exec), &r));
	assert_int_equal(r.verb, IDENTITY_EXEC);
	assert_string_equal((const char *)r.id, "my.box_1");
	assert_true(identity_read_runtime(line(&l, "/usr/bin/buildkit-runc",
	    "/", more), &r));
	assert_string_equal((const char *)r.id,
	    "abcdefghijklmnopqrstuvwxyz01234");
	line(&l, shim[0], "/", shim);
	assert_true(identity_read_shim(l.x.exe, l.x.args, l.x.n_args, id));
	assert_string_equal((const char *)id, "my.box_1");
	assert_false(identity_read_shim("/tmp/containerd-shim-runc-v2",
	    l.x.args, l.x.n_args, id));
	line(&l, docker[0], "/", docker);
	assert_false(identity_read_shim(l.x.exe, l.x.args, l.x.n_args, id));
	assert_true(identity_find_id(ID, 64, id));
	assert_false(identity_is_name(id));
	assert_true(identity_in_path(TASK ID, id));
	assert_false(identity_in_path(TASK OTHER, id));
	assert_false(identity_pack_name("", 0, id));
}

static void
knows_stages(void **state)
{
	const char *const init[] = { "runc", "init", NULL };
	const char merged[] = "/var/lib/docker/overlay2/" OTHER "/merged";
	struct line l;

	(void)state;
	assert_true(identity_is_stage(line(&l, "/usr/sbin/runc", merged,
	    init)));
	assert_true(identity_is_stage(line(&l, "/", merged, init)));
	assert_true(identity_is_stage(line(&l,
	    "/memfd:runc_cloned:/proc/self/exe", "/x/rootfs", init)));
	/* A program of the container that looks like it. */
	assert_false(identity_is_stage(line(&l, "/usr/sbin/runc", "/",
	    init)));
	assert_false(identity_is_stage(line(&l, "/bin/busybox", merged,
	    init)));
	assert_false(identity_is_stage(line(&l, "/usr/sbin/runc", merged,
	    (const char *const[]){ "sh", NULL })));
}

static void
reads_cgroups(void **state)
{
	static const struct { const char *text; int rc; } files[] = {
		{ "9:name=systemd:/docker/" ID "\n0::/\n", 1 },
		{ "0::/system.slice/docker-" ID ".scope\n", 1 },
		{ "0::/user.slice/user-1000.slice/user@1000.service/"
		    "user.slice/libpod-" ID ".scope/container\n", 2 },
		{ "0::/kubepods.slice/kubepods-burstable.slice/"
		    "kubepods-burstable-pod0a1b.slice/cri-containerd-" ID
		    ".scope\n", 1 },
		{ "4:memory:/docker/" ID "/docker/" OTHER "\n", 1 },
		/* A name that a container or a user made. */
		{ "0::/system.slice/docker-" ID ".scope/docker-" OTHER
		    ".scope\n", 1 },
		{ "1:name=systemd:/user.slice/docker-" OTHER ".scope\n"
		    "0::/docker/" ID "\n", 1 },
		{ "1:name=systemd:/user.slice/docker-" ID ".scope\n"
		    "0::/\nnonsense", 2 },
		{ "0::/docker/x" ID "\n", 0 },
		{ "0::/system.slice/docker-" ID ".service\n", 0 },
		{ "0::/docker/" ID ".x/y\n", 0 },
		{ "0::/system.slice/containerd.service/kubepods-burstable-"
		    "pod0a1b.slice:cri-containerd:" ID "\n", 1 },
		{ "9:cpu:/\n0::/docker/" ID "\n", 1 },
		/* Version 2 only: Docker with cgroupfs, rootless, systemd in a
		 * container, read from inside of a cgroup namespace. */
		{ "0::/docker/" ID "\n", 1 },
		{ "0::/user.slice/user-1000.slice/user@1000.service/"
		    "user.slice/docker-" ID ".scope\n", 2 },
		{ "0::/system.slice/docker-" ID ".scope/init.scope\n", 1 },
		{ "0::/../docker-" ID ".scope\n", 1 },
		{ "0::/machine.slice/libpod-" ID ".scope/container\n", 1 },
		{ "0::/libpod_parent/libpod-" ID "\n", 1 },
		/* userns-remap changes nothing here; the systemd driver of
		 * version 1 does. */
		{ "12:pids:/system.slice/docker-" ID ".scope\n"
		    "1:name=systemd:/system.slice/docker-" ID ".scope\n", 1 },
		/* On the host's side. */
		{ "0::/machine.slice/libpod-conmon-" ID ".scope\n", 0 },
		{ "0::/machine.slice/crio-conmon-" ID ".scope\n", 0 },
		/* ctr's names are no ids. */
		{ "0::/default/box\n", 0 },
		{ "9:name=systemd:/\n0::/\n", 0 },
		{ "0::/system.slice/ssh.service\n", 0 },
		/* Too long, too short: no id. */
		{ "0::/docker/" ID "0\n", 0 },
		{ "0::/docker/41e7cb0f5bc3\n", 0 },
		{ "", -1 }, { "nonsense", -1 }, { "0::\n", -1 },
	};
	uint8_t id[32];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < UNIT_COUNT(files); i++) {
		rc = identity_read_cgroup(files[i].text,
		    strlen(files[i].text), id);
		assert_int_equal(rc < 0 ? -1 : rc, files[i].rc);
		if (rc > 0)
			assert_id(id, ID);
	}
}

static void
reads_proc(void **state)
{
	static const char stat[] = "4242 (a) (b 1) S 77 4242 4242 34816 4242 "
	    "4194304 152 0 0 0 0 0 0 0 20 0 1 0 123456 2453504 200";
	static const char status[] = "Name:\tsh\nTgid:\t4242\n"
	    "Uid:\t1000\t0\t0\t0\nNSpid:\t4242\t17\t3\nThreads:\t1\n";
	struct procfile_stat s;
	struct event_str args[4];
	uint32_t ruid, euid, vpid;
	size_t i;

	(void)state;
	assert_int_equal(procfile_stat(stat, sizeof(stat) - 1, &s), 0);
	assert_int_equal(s.pid, 4242);
	assert_int_equal(s.ppid, 77);
	assert_string_equal(s.comm, "a) (b 1");
	assert_int_equal(s.tty, 34816);
	assert_int_equal(s.start_ticks, 123456);
	assert_false(s.exiting);
	assert_false(s.kernel);
	/* Cut before the start time, anywhere. */
	for (i = 0; i < (size_t)(strstr(stat, "123456") - stat); i++)
		assert_int_not_equal(procfile_stat(stat, i, &s), 0);
	assert_int_equal(procfile_status(status, sizeof(status) - 1, &ruid,
	    &euid, &vpid), 0);
	assert_int_equal(ruid, 1000);
	assert_int_equal(euid, 0);
	assert_int_equal(vpid, 3);
	assert_int_not_equal(procfile_status("Name:\tx\n", 8, &ruid, &euid,
	    &vpid), 0);
	assert_int_equal(procfile_cmdline("a\0bc\0\0d", 7, args, 4), 4);
	assert_int_equal(args[1].len, 2);
	assert_int_equal(args[2].len, 0);
	assert_memory_equal(args[3].text, "d", 1);
	assert_int_equal(procfile_cmdline("a\0bc\0", 5, args, 1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_runtimes),
		cmocka_unit_test(refuses_others),
		cmocka_unit_test(reads_names),
		cmocka_unit_test(knows_stages),
		cmocka_unit_test(reads_cgroups),
		cmocka_unit_test(reads_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
