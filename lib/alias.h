/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instead of a copy, another name: a hard link to the source, or a symbolic link
 * that says where it is.
 */
#ifndef WEIR_ALIAS_H
#define WEIR_ALIAS_H

#include "job.h"

/* For an entry of any type but a folder, WEIR_MAKE_LINK. */
extern const struct step alias_link_recipe[];

/* The same, WEIR_MAKE_SYMLINK. */
extern const struct step alias_symlink_recipe[];

#endif
