/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program around a fuzz target where no fuzzer is: runs the files that are given,
 * and those of folders that are given, and ends at the first one that fails.
 *
 *   replay FILE|FOLDER...
 *
 * The last line says how many inputs were run.  The status is 1 if there was none or one
 * could not be read; a check that does not hold ends by SIGABRT, one input of ten seconds
 * by SIGALRM, and the input is named on standard error.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

#define SECONDS_MOST 10

/* Of the sanitizers: they end a program without a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* Some targets have to prepare something, or look at how they were started. */
int LLVMFuzzerInitialize(int *count, char ***arguments) __attribute__((weak));

static char input_path[4096];
static unsigned inputs;

static void tell(const char *text)
{
	ssize_t written = write(STDERR_FILENO, text, strlen(text));

	(void)written;
}

static void tell_input(void)
{
	tell("the input is ");
	tell(input_path);
	tell("\n");
}

static void end_by(int number)
{
	if (number == SIGALRM)
		tell("an input takes too long\n");
	tell_input();
	signal(number, SIG_DFL);
	raise(number);
}

static bool run_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *data = NULL;
	size_t bytes = 0, got;
	bool good;

	if (file == NULL) {
		perror(path);
		return false;
	}
	do {
		data = realloc(data, bytes + 4096);
		FUZZ_CHECK(data != NULL);
		got = fread(data + bytes, 1, 4096, file);
		bytes += got;
	} while (got > 0);
	good = ferror(file) == 0;
	fclose(file);
	/* No more than the bytes there are, so that a sanitizer sees where they end. */
	data = realloc(data, bytes > 0 ? bytes : 1);
	FUZZ_CHECK(data != NULL);
	snprintf(input_path, sizeof(input_path), "%s", path);
	alarm(SECONDS_MOST);
	if (good)
		LLVMFuzzerTestOneInput(data, bytes);
	alarm(0);
	inputs++;
	free(data);
	return good;
}

static bool run_folder(const char *path, DIR *folder)
{
	const struct dirent *entry;
	bool good = true;

	while ((entry = readdir(folder)) != NULL) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		good = run_file(name) && good;
	}
	closedir(folder);
	return good;
}

int main(int count, char **arguments)
{
	static const int ends[] = { SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV };
	bool good = true;

	/* A sanitizer says more of a fault than its signal does. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (__sanitizer_set_death_callback == NULL || ends[i] == SIGALRM ||
		    ends[i] == SIGABRT)
			signal(ends[i], end_by);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(tell_input);
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&count, &arguments);
	for (int i = 1; i < count; i++) {
		DIR *folder = opendir(arguments[i]);

		good = (folder != NULL ? run_folder(arguments[i], folder)
				       : run_file(arguments[i])) &&
		       good;
	}
	printf("%u inputs\n", inputs);
	return good && inputs > 0 ? 0 : 1;
}
