/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of properties: --preserve=LIST with cp's words, --no-preserve=LIST, and
 * --keep=PROPERTY:POLICY; and of words that are bits of one setting.
 */
#ifndef WEIR_CMD_KEEP_H
#define WEIR_CMD_KEEP_H

#include "parse.h"

/* Keeps a property that is not kept yet; a stricter policy stays. */
void keep_raise(struct request *request, int setting);

/* Takes the words of --preserve or --no-preserve, or the pairs of --keep.  0, or
 * EXIT_USAGE after a message. */
int keep_take_words(const struct speaker *speaker, struct request *request,
		    const struct option *option, const char *subject, const char *value);
int keep_take_policies(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value);

/* Adds the bits of the words to the setting. */
int keep_take_bits(const struct speaker *speaker, struct request *request,
		   const struct option *option, const char *subject, const char *value);

#endif
