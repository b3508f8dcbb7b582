/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * version VERSION: the library says that it is this version, and which
 * features it has, one "name value" a line.
 */
#include <stdio.h>
#include <string.h>

#include <weir.h>

int main(int argc, char **argv)
{
	const char *line = weir_features();

	if (argc != 2 || strcmp(weir_version(), argv[1]) != 0) {
		fprintf(stderr, "weir_version() is %s\n", weir_version());
		return 1;
	}
	if (*line == '\0') {
		fputs("weir_features() is empty\n", stderr);
		return 1;
	}
	while (*line != '\0') {
		const char *end = strchr(line, '\n');
		const char *space = strchr(line, ' ');

		if (end == NULL || space == NULL || space == line || space > end) {
			fprintf(stderr, "not \"name value\": %s\n", line);
			return 1;
		}
		line = end + 1;
	}
	return 0;
}
