#include "collectors/audit/syscalls.h"

#include <stdlib.h>
#include <string.h>

#include <libaudit.h>

#define NUMBERS		512	/* of one architecture */
#define X32_BIT		0x40000000u
#define X32_FIRST	512
#define X32_COUNT	36

static const struct audit_syscall known[] = {
#define S(name, action, class, arg, dirfd)				\
	{ name, action, AUDIT_CLASS_##class, arg, dirfd }
	S("execve", "exec", EXEC, -1, -1),
	S("execveat", "exec", EXEC, -1, 0),
	S("connect", "connect", CONNECT, -1, -1),
	S("bind", "bind", BIND, -1, -1),
	S("accept", "accept", ACCEPT, -1, -1),
	S("accept4", "accept", ACCEPT, -1, -1),
	S("sendto", "sendto", SEND, -1, -1),
	S("sendmsg", "sendmsg", SEND, -1, -1),
	S("sendmmsg", "sendmmsg", SEND, -1, -1),
	S("socket", "socket", SOCKET, 0, -1),
	S("open", "open", OPEN, 1, -1),
	S("openat", "open", OPEN, 2, 0),
	S("openat2", "open", OPEN, -1, 0),
	S("creat", "open", OPEN, -1, -1),
	S("open_by_handle_at", "open_by_handle_at", PROCESS, -1, -1),
	S("mkdir", "mkdir", CREATE, -1, -1),
	S("mkdirat", "mkdir", CREATE, -1, 0),
	S("mknod", "mknod", CREATE, -1, -1),
	S("mknodat", "mknod", CREATE, -1, 0),
	S("rename", "rename", RENAME, -1, -1),
	S("renameat", "rename", RENAME, -1, 0),
	S("renameat2", "rename", RENAME, -1, 0),
	S("unlink", "unlink", UNLINK, -1, -1),
	S("unlinkat", "unlink", UNLINK, -1, 0),
	S("rmdir", "rmdir", UNLINK, -1, -1),
	S("link", "link", LINK, -1, -1),
	S("linkat", "link", LINK, -1, 0),
	S("symlink", "symlink", SYMLINK, -1, -1),
	S("symlinkat", "symlink", SYMLINK, -1, 1),
	S("chmod", "chmod", CHMOD, 1, -1),
	S("fchmod", "chmod", CHMOD, 1, -1),
	S("fchmodat", "chmod", CHMOD, 2, 0),
	S("fchmodat2", "chmod", CHMOD, 2, 0),
	S("chown", "chown", CHOWN, -1, -1),
	S("chown32", "chown", CHOWN, -1, -1),
	S("fchown", "chown", CHOWN, -1, -1),
	S("fchown32", "chown", CHOWN, -1, -1),
	S("lchown", "chown", CHOWN, -1, -1),
	S("lchown32", "chown", CHOWN, -1, -1),
	S("fchownat", "chown", CHOWN, -1, 0),
	S("setxattr", "setxattr", XATTR, -1, -1),
	S("lsetxattr", "setxattr", XATTR, -1, -1),
	S("fsetxattr", "setxattr", XATTR, -1, -1),
	S("setxattrat", "setxattr", XATTR, -1, 0),
	S("removexattr", "removexattr", XATTR, -1, -1),
	S("lremovexattr", "removexattr", XATTR, -1, -1),
	S("fremovexattr", "removexattr", XATTR, -1, -1),
	S("truncate", "truncate", TRUNCATE, -1, -1),
	S("truncate64", "truncate", TRUNCATE, -1, -1),
	S("ftruncate", "truncate", TRUNCATE, -1, -1),
	S("ftruncate64", "truncate", TRUNCATE, -1, -1),
	S("setuid", "setuid", IDENTITY, 0, -1),
	S("setuid32", "setuid", IDENTITY, 0, -1),
	S("setreuid", "setuid", IDENTITY, 1, -1),
	S("setreuid32", "setuid", IDENTITY, 1, -1),
	S("setresuid", "setuid", IDENTITY, 1, -1),
	S("setresuid32", "setuid", IDENTITY, 1, -1),
	S("setfsuid", "setuid", IDENTITY, 0, -1),
	S("setfsuid32", "setuid", IDENTITY, 0, -1),
	S("setgid", "setgid", IDENTITY, -1, -1),
	S("setgid32", "setgid", IDENTITY, -1, -1),
	S("setregid", "setgid", IDENTITY, -1, -1),
	S("setregid32", "setgid", IDENTITY, -1, -1),
	S("setresgid", "setgid", IDENTITY, -1, -1),
	S("setresgid32", "setgid", IDENTITY, -1, -1),
	S("setgroups", "setgroups", IDENTITY, -1, -1),
	S("capset", "capset", PROCESS, -1, -1),
	S("ptrace", "ptrace", PROCESS, 0, -1),
	S("process_vm_writev", "process_vm_writev", PROCESS, -1, -1),
	S("mount", "mount", PROCESS, -1, -1),
	S("move_mount", "mount", PROCESS, -1, -1),
	S("umount", "umount", PROCESS, -1, -1),
	S("umount2", "umount", PROCESS, -1, -1),
	S("pivot_root", "pivot_root", PROCESS, -1, -1),
	S("chroot", "chroot", PROCESS, -1, -1),
	S("setns", "setns", PROCESS, -1, -1),
	S("unshare", "unshare", PROCESS, -1, -1),
	S("bpf", "bpf", PROCESS, 0, -1),
	S("memfd_create", "memfd_create", PROCESS, -1, -1),
	S("keyctl", "keyctl", PROCESS, -1, -1),
	S("kexec_load", "kexec", PROCESS, -1, -1),
	S("kexec_file_load", "kexec", PROCESS, -1, -1),
	S("io_uring_setup", "io_uring_setup", PROCESS, -1, -1),
	S("kill", "kill", PROCESS, -1, -1),
	S("tkill", "kill", PROCESS, -1, -1),
	S("tgkill", "kill", PROCESS, -1, -1),
	S("init_module", "load_module", MODULE, -1, -1),
	S("finit_module", "load_module", MODULE, -1, -1),
	S("delete_module", "unload_module", MODULE, -1, -1),
#undef S
};
#define N_KNOWN	(sizeof(known) / sizeof(known[0]))

static const struct audit_syscall nothing = { NULL, NULL, AUDIT_CLASS_OTHER,
    -1, -1 };

/* Numbers of the i386 call's first argument: net.h of the kernel. */
static const char *const socketcall[] = {
	[1] = "socket", [2] = "bind", [3] = "connect", [5] = "accept",
	[11] = "sendto", [16] = "sendmsg", [18] = "accept4", [20] = "sendmmsg"
};

/* x32 calls with numbers of their own: syscall_64.tbl of the kernel. */
static const struct { uint16_t number; const char *name; } x32[] = {
	{ 520, "execve" }, { 521, "ptrace" }, { 518, "sendmsg" },
	{ 528, "kexec_load" }, { 538, "sendmmsg" }, { 545, "execveat" }
};

/* Operations that the io_uring filter list can report: IORING_OP_ numbers,
 * written out since older headers lack the newer ones. */
static const struct { uint16_t op; const char *name; } uring_ops[] = {
	{ 9, "sendmsg" }, { 13, "accept4" }, { 16, "connect" },
	{ 18, "openat" }, { 28, "openat2" }, { 35, "renameat" },
	{ 36, "unlinkat" }, { 37, "mkdirat" }, { 38, "symlinkat" },
	{ 39, "linkat" },
	{ 41, "fsetxattr" }, { 42, "setxattr" }, { 47, "sendto" },
	{ 55, "ftruncate" }, { 56, "bind" }
};
#define URING_OPS	64

struct audit_syscalls {
	struct audit_syscall	x86_64[NUMBERS], i386[NUMBERS];
	struct audit_syscall	aarch64[NUMBERS];
	struct audit_syscall	x32[X32_COUNT];
	struct audit_syscall	uring[URING_OPS];
	struct audit_syscall	socketcall[32];
	int			socketcall_number;
};

static struct audit_syscall
describe(const char *name)
{
	for (size_t i = 0; name != NULL && i < N_KNOWN; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i];
	return nothing;
}

/* Numbers of names, not names of numbers: the calls of no interest need
 * neither. */
static void
fill(struct audit_syscall *table, int machine)
{
	int number;

	for (size_t i = 0; i < N_KNOWN; i++) {
		number = audit_name_to_syscall(known[i].name, machine);
		if (number >= 0 && number < NUMBERS)
			table[number] = known[i];
	}
}

struct audit_syscalls *
audit_syscalls_new(void)
{
	struct audit_syscalls *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->socketcall_number = audit_name_to_syscall("socketcall",
	    audit_name_to_machine("i386"));
	fill(s->x86_64, audit_name_to_machine("x86_64"));
	fill(s->i386, audit_name_to_machine("i386"));
	fill(s->aarch64, audit_name_to_machine("aarch64"));
	for (size_t i = 0; i < sizeof(x32) / sizeof(x32[0]); i++)
		s->x32[x32[i].number - X32_FIRST] = describe(x32[i].name);
	for (size_t i = 0; i < sizeof(uring_ops) / sizeof(uring_ops[0]); i++)
		s->uring[uring_ops[i].op] = describe(uring_ops[i].name);
	for (size_t i = 0; i < sizeof(socketcall) / sizeof(socketcall[0]); i++)
		s->socketcall[i] = describe(socketcall[i]);
	return s;
}

void
audit_syscalls_free(struct audit_syscalls *s)
{
	free(s);
}

static const struct audit_syscall *
find_x86_64(const struct audit_syscalls *s, uint32_t number)
{
	if (number & X32_BIT) {
		number &= ~X32_BIT;
		if (number >= X32_FIRST && number < X32_FIRST + X32_COUNT)
			return &s->x32[number - X32_FIRST];
	}
	return number < NUMBERS ? &s->x86_64[number] : &nothing;
}

static const struct audit_syscall *
find_i386(const struct audit_syscalls *s, const struct audit_actor *who)
{
	if (who->syscall >= NUMBERS)
		return &nothing;
	if ((int)who->syscall == s->socketcall_number &&
	    who->a[0] < sizeof(s->socketcall) / sizeof(s->socketcall[0]))
		return &s->socketcall[who->a[0]];
	return &s->i386[who->syscall];
}

const struct audit_syscall *
audit_syscalls_find(const struct audit_syscalls *s,
    const struct audit_actor *who)
{
	switch (who->arch) {
	case AUDIT_ARCH_X86_64:
		return find_x86_64(s, who->syscall);
	case AUDIT_ARCH_I386:
		return find_i386(s, who);
	case AUDIT_ARCH_AARCH64:
		return who->syscall < NUMBERS ? &s->aarch64[who->syscall] :
		    &nothing;
	}
	return &nothing;
}

const struct audit_syscall *
audit_syscalls_uring(const struct audit_syscalls *s, uint32_t op)
{
	return op < URING_OPS ? &s->uring[op] : &nothing;
}
