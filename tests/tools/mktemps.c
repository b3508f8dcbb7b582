// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mktemps: makes names of temporary entries as weir makes them.
 *
 *   mktemps N    prints N names, one a line
 *
 * A name is `.weir.` and 24 characters of base 32 in lower case: 20 by chance, and 4
 * that are FNV-1a over these, of 32 bits, folded to 20 and written from the low end.
 * This is no code of weir: it proves the form that is documented.
 *
 * Exit: 0; 125: could not be done.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define CHANCE 20
#define CHECK 4

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void
print_name(void)
{
	unsigned char bytes[CHANCE];
	uint32_t hash = 2166136261U;
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		exit(125);
	printf(".weir.");
	for (i = 0; i < CHANCE; i++) {
		hash = (hash ^ (unsigned char)digits[bytes[i] % 32]) * 16777619U;
		putchar(digits[bytes[i] % 32]);
	}
	hash ^= hash >> 20;
	for (i = 0; i < CHECK; i++)
		putchar(digits[hash >> (5 * i) & 31]);
	putchar('\n');
}

int
main(int argc, char **argv)
{
	long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	if (count <= 0) {
		fprintf(stderr, "usage: mktemps N\n");
		return 125;
	}
	while (count-- > 0)
		print_name();
	return fflush(stdout) == 0 ? 0 : 125;
}
