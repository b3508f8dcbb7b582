/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completion files for shells, written from the option table.
 */
#ifndef WEIR_CMD_COMPLETE_H
#define WEIR_CMD_COMPLETE_H

#include "parse.h"

/* Writes the file for SHELL (bash, zsh, fish) to standard output; returns the
 * exit status. */
int complete_show(const struct speaker *speaker, const char *shell);

#endif
