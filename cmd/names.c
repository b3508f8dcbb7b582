/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "output.h"
#include "trust.h"

struct names {
	const struct speaker *speaker;
	const char *file;
	bool ends_with_nul;
	bool strips;
	bool are_chosen; /* they are not sources, but what is synced of the one source */
	size_t count;
};

/* "weir copy: --files-from: 'FILE', line 3: DETAIL" */
static int refuse_line(const struct names *names, const char *detail, const char *hint)
{
	struct text text = usage_begin(names->speaker, "--files-from");

	escape_quoted(&text, names->file, escape_locale_is_utf8());
	text_addf(&text, ", %s %zu: %s", names->ends_with_nul ? "name" : "line", names->count,
		  detail);
	return usage_end(names->speaker, &text, hint);
}

int names_add_source(struct weir_run *run, const char *name, bool strips)
{
	size_t length = strlen(name);
	char *stripped;
	int result;

	if (!strips)
		return weir_run_add_source(run, AT_FDCWD, name);
	while (length > 1 && name[length - 1] == '/') /* "/" is a folder, "" is none */
		length--;
	stripped = strndup(name, length);
	result = stripped != NULL ? weir_run_add_source(run, AT_FDCWD, stripped) : -ENOMEM;
	free(stripped);
	return result;
}

static int add_name(struct names *names, struct weir_run *run, char *name, size_t length)
{
	char end = names->ends_with_nul ? '\0' : '\n';
	int result;

	names->count++;
	if (length > 0 && name[length - 1] == end)
		name[--length] = '\0';
	if (length == 0)
		return refuse_line(names, "the name is empty", NULL);
	if (strlen(name) != length)
		return refuse_line(names, "a NUL inside a name",
				   "names that end with NUL need -0 (--null)");
	result = names->are_chosen ? weir_run_add_name(run, name)
				   : names_add_source(run, name, names->strips);
	if (result == -EINVAL && names->are_chosen)
		return refuse_line(names, "the name does not lie below SOURCE",
				   "names begin in SOURCE, without a slash, and have no '..'");
	if (result < 0)
		return output_fail("use list", names->file, -result);
	return 0;
}

static int read_names(struct names *names, struct weir_run *run, FILE *stream)
{
	char *name = NULL;
	size_t capacity = 0;
	int status = 0;

	while (status == 0) {
		ssize_t length =
			getdelim(&name, &capacity, names->ends_with_nul ? '\0' : '\n', stream);

		if (length < 0) {
			if (!feof(stream))
				status = output_fail("read list", names->file, errno);
			break;
		}
		status = add_name(names, run, name, (size_t)length);
	}
	free(name);
	return status;
}

static int read_list(struct names *names, struct weir_run *run)
{
	const char *file = names->file;
	bool is_stdin = strcmp(file, "-") == 0;
	FILE *stream;
	int status = is_stdin ? 0 : trust_list(file);

	if (status != 0)
		return output_fail("trust list", file, status);
	stream = is_stdin ? stdin : fopen(file, "re");
	if (stream == NULL)
		return output_fail("open list", file, errno);
	status = read_names(names, run, stream);
	if (!is_stdin)
		fclose(stream);
	return status;
}

int names_add_sources(const struct speaker *speaker, struct weir_run *run, const char *file,
		      bool ends_with_nul, bool strips, size_t *count)
{
	struct names names = {
		.speaker = speaker, .file = file, .ends_with_nul = ends_with_nul, .strips = strips
	};
	int status = read_list(&names, run);

	*count = names.count;
	return status;
}

int names_choose(const struct speaker *speaker, struct weir_run *run, const char *file,
		 bool ends_with_nul, size_t *count)
{
	struct names names = {
		.speaker = speaker, .file = file, .ends_with_nul = ends_with_nul, .are_chosen = true
	};
	int status = read_list(&names, run);

	*count = names.count;
	return status;
}
