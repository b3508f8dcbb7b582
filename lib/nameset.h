/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of one folder, as long as they are few enough to be remembered.
 */
#ifndef WEIR_NAMESET_H
#define WEIR_NAMESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nameset {
	char *names; /* each with its NUL, owned */
	size_t bytes;
	size_t room;
	uint32_t *slots; /* where names begin, plus 1; 0: free; owned */
	size_t slot_count;
	size_t count;
	bool overflowed; /* too many, or no memory: nothing can be said */
};

void nameset_open(struct nameset *set);
void nameset_close(struct nameset *set);

void nameset_add(struct nameset *set, const char *name);

/* Only of one that did not overflow. */
bool nameset_has(const struct nameset *set, const char *name);

#endif
