// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * refuse: runs a command in which chosen system calls fail.
 *
 *   refuse CALL=ERRNO... -- COMMAND [ARGUMENT...]
 *
 * CALL is a name of the table below; a few stand for a call with one flag
 * (tmpfile: openat with O_TMPFILE).  ERRNO is a name such as EPERM, or "kill".
 * The filter sees direct calls only, never what goes through a ring.
 *
 * Exit: that of the command; 125: the filter could not be installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define THIS_ARCH AUDIT_ARCH_RISCV64
#else
#error "name the audit architecture of this machine"
#endif

#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#define FILTER_MAX 256

/* A call, and where FLAG is not 0 only when argument ARGUMENT has all its bits. */
static const struct call {
	const char *name;
	long number;
	unsigned int argument;
	uint32_t flag;
} calls[] = {
	{ "io_uring_setup", __NR_io_uring_setup, 0, 0 },
	{ "io_uring_enter", __NR_io_uring_enter, 0, 0 },
	{ "io_uring_register", __NR_io_uring_register, 0, 0 },
	{ "tmpfile", __NR_openat, 2, O_TMPFILE },
	{ "openat2", __NR_openat2, 0, 0 },
	{ "linkat", __NR_linkat, 0, 0 },
	{ "link_by_fd", __NR_linkat, 4, AT_EMPTY_PATH },
	{ "renameat2", __NR_renameat2, 0, 0 },
	{ "rename_noreplace", __NR_renameat2, 4, RENAME_NOREPLACE },
	{ "statx", __NR_statx, 0, 0 },
	{ "cachestat", __NR_cachestat, 0, 0 },
	{ "fallocate", __NR_fallocate, 0, 0 },
	{ "copy_file_range", __NR_copy_file_range, 0, 0 },
	{ "fsync", __NR_fsync, 0, 0 },
	{ "fdatasync", __NR_fdatasync, 0, 0 },
	{ "syncfs", __NR_syncfs, 0, 0 },
	{ "sync_file_range", __NR_sync_file_range, 0, 0 },
	{ "fchown", __NR_fchown, 0, 0 },
	{ "fchownat", __NR_fchownat, 0, 0 },
	{ "fchmod", __NR_fchmod, 0, 0 },
	{ "fchmodat2", __NR_fchmodat2, 0, 0 },
	{ "utimensat", __NR_utimensat, 0, 0 },
	{ "utimensat_by_fd", __NR_utimensat, 3, AT_EMPTY_PATH },
	{ "mknodat", __NR_mknodat, 0, 0 },
	{ "symlinkat", __NR_symlinkat, 0, 0 },
	{ "mkdirat", __NR_mkdirat, 0, 0 },
	{ "flock", __NR_flock, 0, 0 },
	{ "clone", __NR_clone, 0, 0 },
	{ "clone3", __NR_clone3, 0, 0 },
	{ "mlock", __NR_mlock, 0, 0 },
	{ "madvise", __NR_madvise, 0, 0 },
	{ "getfsuuid", __NR_ioctl, 1, 0x80111500U },
	{ "getfslabel", __NR_ioctl, 1, 0x81009431U },
	{ "btrfs_info", __NR_ioctl, 1, 0x8400941fU },
};

static const struct {
	const char *name;
	int value;
} errnos[] = {
	{ "E2BIG", E2BIG },
	{ "EPERM", EPERM }, { "ENOSYS", ENOSYS }, { "ENOMEM", ENOMEM }, { "EMFILE", EMFILE },
	{ "EINVAL", EINVAL }, { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
	{ "EACCES", EACCES }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EXDEV", EXDEV },
	{ "EAGAIN", EAGAIN }, { "EROFS", EROFS }, { "EISDIR", EISDIR }, { "ENOENT", ENOENT },
	{ "EMLINK", EMLINK }, { "ENOLCK", ENOLCK },
};

static struct sock_filter filter[FILTER_MAX];
static unsigned short length;

static void
emit(uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	if (length == FILTER_MAX)
		exit(125);
	filter[length++] = (struct sock_filter)BPF_JUMP(code, k, if_true, if_false);
}

static uint32_t
action(const char *name)
{
	size_t i;

	if (strcmp(name, "kill") == 0)
		return SECCOMP_RET_KILL_PROCESS;
	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (strcmp(errnos[i].name, name) == 0)
			return SECCOMP_RET_ERRNO | (uint32_t)errnos[i].value;
	fprintf(stderr, "refuse: no errno '%s' here\n", name);
	exit(125);
}

static const struct call *
find_call(const char *text, size_t bytes)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strlen(calls[i].name) == bytes && memcmp(calls[i].name, text, bytes) == 0)
			return &calls[i];
	fprintf(stderr, "refuse: no call '%.*s' here\n", (int)bytes, text);
	exit(125);
}

static void
add_rule(const char *rule)
{
	const char *equals = strchr(rule, '=');
	const struct call *call;
	uint32_t then;

	if (equals == NULL) {
		fprintf(stderr, "refuse: '%s' is not CALL=ERRNO\n", rule);
		exit(125);
	}
	call = find_call(rule, (size_t)(equals - rule));
	then = action(equals + 1);
	emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (call->flag == 0) {
		emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 1);
	} else {
		/* Arguments are 64 bits; the flags are in the low half. */
		uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * call->argument);

		emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 4);
		emit(BPF_LD | BPF_W | BPF_ABS, at, 0, 0);
		emit(BPF_ALU | BPF_AND | BPF_K, call->flag, 0, 0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, call->flag, 0, 1);
	}
	emit(BPF_RET | BPF_K, then, 0, 0);
}

int
main(int argc, char *argv[])
{
	struct sock_fprog program;
	int i;

	emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		add_rule(argv[i]);
	emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	if (i + 1 >= argc) {
		fputs("usage: refuse CALL=ERRNO... -- COMMAND [ARGUMENT...]\n", stderr);
		return 125;
	}
	program.len = length;
	program.filter = filter;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("refuse: seccomp");
		return 125;
	}
	execvp(argv[i + 1], argv + i + 1);
	fprintf(stderr, "refuse: %s: %s\n", argv[i + 1], strerror(errno));
	return 127;
}
