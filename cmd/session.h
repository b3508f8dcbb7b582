/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the verbs that make a run share: the run, its events, its report.
 */
#ifndef WEIR_CMD_SESSION_H
#define WEIR_CMD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "output.h"
#include "parse.h"
#include "progress.h"
#include "question.h"
#include "report.h"
#include "rules.h"
#include "verbs.h"

struct session {
	const struct verb *verb;
	const struct speaker *speaker;
	struct request request;
	struct weir_run *run;
	struct rules rules;
	size_t source_count;
	const char *first_line; /* of -v and of a dry run, or NULL */
	struct output output;
	struct log log;
	struct report report;
	struct progress progress;
	struct question question;
	uint64_t flush_due_ms; /* CLOCK_MONOTONIC */
	bool finishing_told;
	bool dropping_told;
	int status;
};

/* Reads WORDS.  True: the request is there; else session->status is the exit status,
 * help and version included. */
bool session_begin(struct session *session, const struct verb *verb, char **words);

/* Frees all; the exit status. */
int session_end(struct session *session);

/* True if the option of this text was given. */
bool session_has(const struct session *session, enum setting_text text);

/* How many lists are read from FILE, or from any file if it is NULL. */
size_t session_count_lists(const struct session *session, const char *file);

/* -0 and standard input are for lists.  0 or EXIT_USAGE. */
int session_check_lists(const struct session *session);

/* No operand is empty.  0 or EXIT_USAGE. */
int session_check_operands(const struct session *session);

/* A file that is written into is not there for a backup, and its blocks are its own.
 * After the environment and backup_settle().  0 or EXIT_USAGE. */
int session_check_inplace(const struct session *session);

/* What is reserved is not shared and not full of holes, and is synced before it has its
 * name.  After the environment.  0 or EXIT_USAGE. */
int session_check_preallocate(const struct session *session);

/* Makes the run with its options and rules.  0 or an exit status. */
int session_make_run(struct session *session, enum weir_kind kind);

/* Opens the log and writes the command line WORDS to it.  0 or an exit status. */
int session_open_log(struct session *session, char **words);

/* Runs to the end, and tells it. */
void session_run(struct session *session);

#endif
