/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the words of a command line to a request.  Options and operands may be
 * mixed (GNU) unless POSIXLY_CORRECT is set; "--" ends the options; letters may
 * be bundled; long options are abbreviated only where the speaker takes it.
 * Nothing is opened here.
 */
#ifndef WEIR_CMD_PARSE_H
#define WEIR_CMD_PARSE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "text.h"

/* An option that adds to a list, as often as it is given. */
struct request_item {
	const struct option *option;
	const char *value;
};

struct request {
	int64_t values[SETTING_COUNT];
	bool given[SETTING_COUNT];
	uint32_t policies;	       /* bits of the properties that --keep named */
	bool letters[UCHAR_MAX + 1];   /* options that were given by their letter */
	const char *texts[TEXT_COUNT]; /* NULL: not given */
	const char **operands;	       /* point into argv */
	size_t operand_count;
	struct request_item *rules; /* in their order, of all such options */
	size_t rule_count;
	struct request_item *earlier; /* the same: folders of earlier copies */
	size_t earlier_count;
};

/* Who speaks in messages: "weir", "weir copy" or "cp". */
struct speaker {
	const char *name;
	unsigned verb;
	bool first_operand_ends; /* what follows is for somebody else */
	bool abbreviates;	 /* words of cp may be shortened */
};

/* Reads WORDS (ended by NULL) into REQUEST.  Returns how many words were read,
 * or a negative exit status after a message.  Stops behind an option that asks
 * for help or the version.  request_free() in either case. */
int parse_words(const struct speaker *speaker, char **words, struct request *request);

/* Reads the variables that equal options not given.  0 or EXIT_USAGE. */
int parse_environment(const struct speaker *speaker, struct request *request);

/* Hands what was given to RUN.  0 or EXIT_USAGE. */
int request_apply(const struct speaker *speaker, const struct request *request,
		  struct weir_run *run);

void request_free(struct request *request);

/* A usage message: "weir copy: SUBJECT: DETAIL; see 'weir copy --help'". */
struct text usage_begin(const struct speaker *speaker, const char *subject);
/* Writes it; HINT stands in for the pointer to the help unless NULL.  Returns
 * EXIT_USAGE and frees TEXT. */
int usage_end(const struct speaker *speaker, struct text *text, const char *hint);
/* Both, for a message that holds no name. */
int usage_error(const struct speaker *speaker, const char *subject, const char *detail);
/* Both, for a value (LENGTH bytes of WORD) that is none of CHOICES. */
int usage_error_choice(const struct speaker *speaker, const char *subject, const char *word,
		       size_t length, const struct choice *choices);
/* Both, for a message that ends with a name in quotes. */
int usage_error_name(const struct speaker *speaker, const char *detail, const char *name);

#endif
