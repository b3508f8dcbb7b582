/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions to the person at the terminal.
 */
#ifndef WEIR_CMD_QUESTION_H
#define WEIR_CMD_QUESTION_H

#include <stdbool.h>

#include "output.h"

struct question {
	int fd;		 /* what is read from; -1: not opened yet, -2: there is nobody to ask */
	bool from_input; /* standard input and standard error instead of /dev/tty */
};

/* IS_WANTED: there may be something to ask, so the terminal is opened while it may be. */
void question_open(struct question *question, bool from_input, bool is_wanted);
void question_close(struct question *question);

/* Asks whether PATH may be replaced; true: yes.  A signal is a no.  Where nobody
 * can be asked, that is said once, and the answer is no. */
bool question_replace(struct question *question, struct output *output, const char *path);

#endif
