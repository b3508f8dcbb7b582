/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process as a run needs it, whoever started it and however.
 */
#ifndef WEIR_CMD_PROCESS_H
#define WEIR_CMD_PROCESS_H

/* Fills descriptors 0 to 2, prepares signals, raises the limit of open files to
 * what is allowed, and reads LC_CTYPE. */
void process_prepare(void);

#endif
