// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * launch: runs a command under limits, with descriptors closed, or with no
 * arguments at all.
 *
 *   launch [OPTIONS] -- COMMAND [ARGUMENT...]
 *     --limit=NAME:SOFT[:HARD]  memlock nofile fsize as nproc core data stack;
 *                               bytes or counts, or "unlimited"
 *     --close=FD                close this descriptor
 *     --ignore=SIGNAL           by number; ignored in the command
 *     --no-arguments            argc 0, not even a name
 *     --sparse-fds              leave one descriptor open at 100 and at 200
 *
 * Exit: that of the command; 125: a setting was refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "memlock", RLIMIT_MEMLOCK }, { "nofile", RLIMIT_NOFILE }, { "fsize", RLIMIT_FSIZE },
	{ "as", RLIMIT_AS }, { "nproc", RLIMIT_NPROC }, { "core", RLIMIT_CORE },
	{ "data", RLIMIT_DATA }, { "stack", RLIMIT_STACK },
};

static rlim_t
limit_value(const char *text)
{
	char *end;
	unsigned long long value;

	if (strncmp(text, "unlimited", 9) == 0)
		return RLIM_INFINITY;
	value = strtoull(text, &end, 10);
	if (end == text || (*end != 0 && *end != ':')) {
		fprintf(stderr, "launch: number '%s'\n", text);
		exit(125);
	}
	return (rlim_t)value;
}

static void
set_limit(const char *text)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t bytes = strlen(limits[i].name);
		const char *hard;

		if (strncmp(text, limits[i].name, bytes) != 0 || text[bytes] != ':')
			continue;
		hard = strchr(text + bytes + 1, ':');
		limit.rlim_cur = limit_value(text + bytes + 1);
		limit.rlim_max = hard == NULL ? limit.rlim_cur : limit_value(hard + 1);
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) == 0)
			return;
		fprintf(stderr, "launch: limit '%s': %s\n", text, strerror(errno));
		exit(125);
	}
	fprintf(stderr, "launch: limit '%s' is not known\n", text);
	exit(125);
}

static void
keep_sparse_fds(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0 || dup2(fd, 100) != 100 || dup2(fd, 200) != 200) {
		perror("launch: descriptors");
		exit(125);
	}
	close(fd);
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "limit", required_argument, NULL, 'l' },
		{ "close", required_argument, NULL, 'c' },
		{ "ignore", required_argument, NULL, 'i' },
		{ "no-arguments", no_argument, NULL, 'n' },
		{ "sparse-fds", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	char *const nothing[] = { NULL };
	bool no_arguments = false;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'l')
			set_limit(optarg);
		else if (option == 'c')
			close(atoi(optarg));
		else if (option == 'i')
			signal(atoi(optarg), SIG_IGN);
		else if (option == 'n')
			no_arguments = true;
		else if (option == 's')
			keep_sparse_fds();
		else
			return 125;
	}
	if (optind >= argc)
		return 125;
	if (no_arguments)
		execv(argv[optind], nothing);
	else
		execvp(argv[optind], argv + optind);
	fprintf(stderr, "launch: %s: %s\n", argv[optind], strerror(errno));
	return 127;
}
