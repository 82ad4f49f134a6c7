#include "collectors/audit/rules_table.h"

#include <string.h>

#define BOTH	(AUDIT_RULES_B64 | AUDIT_RULES_B32)

/* Names that one of the architectures lacks are left out there. */
#define SECURITY							\
	"execve,execveat,capset,mount,move_mount,umount,umount2,"	\
	"pivot_root,chroot,setns,unshare,init_module,finit_module,"	\
	"delete_module,memfd_create,keyctl,kexec_load,kexec_file_load,"	\
	"open_by_handle_at,process_vm_writev,"				\
	"setuid,setgid,setreuid,setregid,setresuid,setresgid,"		\
	"setuid32,setgid32,setreuid32,setregid32,setresuid32,setresgid32"

/* What a debugger does all the time: TRACEME and the calls that change or
 * attach are left. linux/ptrace.h. */
#define PTRACE								\
	"-F a0!=1 -F a0!=2 -F a0!=3 -F a0!=7 -F a0!=8 -F a0!=9 "	\
	"-F a0!=12 -F a0!=14 -F a0!=17 -F a0!=18 -F a0!=24 "		\
	"-F a0!=0x4200 -F a0!=0x4201 -F a0!=0x4202 -F a0!=0x4204 "	\
	"-F a0!=0x4207 -F a0!=0x4208 -F a0!=0x4209 -F a0!=0x420a "	\
	"-F a0!=0x420e"

#define KEY(name)	" -F key=tallyman_" name

const struct audit_rules_row audit_rules_rows[] = {
	{ BOTH, "-S " SECURITY KEY("process"), NULL },
	{ BOTH, "-S ptrace " PTRACE KEY("ptrace"), NULL },
	{ BOTH, "-S bpf -F a0=5" KEY("bpf"), NULL },		/* PROG_LOAD */
	{ BOTH, "-S socket -F a0=17" KEY("network"), NULL },	/* AF_PACKET */
	/* Datagrams and raw packets go without a connect: who made the socket
	 * is one record, where a rule for sendto would be one each. The bit is
	 * that of SOCK_DGRAM and SOCK_RAW, not of SOCK_STREAM. */
	{ BOTH, "-S socket -F a0=2 -F a1&2" KEY("network"), NULL },
	{ BOTH, "-S socket -F a0=10 -F a1&2" KEY("network"), NULL },

	/* AF_INET, AF_INET6, and AF_PACKET and what came after it; not
	 * AF_UNIX and AF_NETLINK. Without the condition (old kernels) the
	 * engine sorts them out. */
	{ BOTH, "-S connect,bind -F saddr_fam=2" KEY("network"),
	  "-S connect,bind" KEY("network") },
	{ BOTH, "-S connect,bind -F saddr_fam=10" KEY("network"), NULL },
	{ BOTH, "-S connect,bind -F saddr_fam>=17" KEY("network"), NULL },
	{ BOTH, "-S accept,accept4 -F success=1 -F saddr_fam=2" KEY("network"),
	  "-S accept,accept4 -F success=1" KEY("network") },
	{ BOTH, "-S accept,accept4 -F success=1 -F saddr_fam=10"
	  KEY("network"), NULL },

	/* socketcall(2): bind, connect, accept; the engine reads a0. */
	{ AUDIT_RULES_B32, "-S socketcall -F a0>=2 -F a0<=5 -F saddr_fam=2"
	  KEY("network"), "-S socketcall -F a0>=2 -F a0<=5" KEY("network") },
	{ AUDIT_RULES_B32, "-S socketcall -F a0>=2 -F a0<=5 -F saddr_fam=10"
	  KEY("network"), NULL },
};
const size_t audit_rules_n_rows =
    sizeof(audit_rules_rows) / sizeof(audit_rules_rows[0]);

const char *const audit_rules_plain[] = {
	/* Nothing of io_uring is seen by the other lists (kernel 5.16). */
	"-a always,io_uring -S connect,bind" KEY("uring"),
};
const size_t audit_rules_n_plain =
    sizeof(audit_rules_plain) / sizeof(audit_rules_plain[0]);

const char *
audit_rules_perm_calls(char letter)
{
	switch (letter) {
	case 'r':
		return "open,openat,openat2,readlink,readlinkat,getxattr,"
		    "lgetxattr,fgetxattr,listxattr,llistxattr,flistxattr";
	case 'w':
		return "open,openat,openat2,creat,rename,renameat,renameat2,"
		    "mkdir,mkdirat,rmdir,mknod,mknodat,link,linkat,symlink,"
		    "symlinkat,unlink,unlinkat,truncate,truncate64,ftruncate,"
		    "ftruncate64,fallocate,acct,swapon";
	case 'x':
		return "execve,execveat";
	case 'a':
		return "chmod,fchmod,fchmodat,fchmodat2,chown,fchown,lchown,"
		    "fchownat,chown32,fchown32,lchown32,setxattr,lsetxattr,"
		    "fsetxattr,setxattrat,removexattr,lremovexattr,"
		    "fremovexattr,removexattrat,link,linkat";
	}
	return "";
}

/* enum io_uring_op of linux/io_uring.h. */
static const struct { const char *name; int op; } uring_ops[] = {
	{ "sendmsg", 9 }, { "accept", 13 }, { "connect", 16 },
	{ "openat", 18 }, { "openat2", 28 }, { "renameat", 35 },
	{ "unlinkat", 36 }, { "mkdirat", 37 }, { "symlinkat", 38 },
	{ "linkat", 39 }, { "bind", 56 },
};

int
audit_rules_uring_op(const char *name)
{
	for (size_t i = 0; i < sizeof(uring_ops) / sizeof(uring_ops[0]); i++)
		if (strcmp(uring_ops[i].name, name) == 0)
			return uring_ops[i].op;
	return -1;
}
