/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a caller sees of an event, and what a property is called.
 *
 * Invariant: a string that is handed out is never NULL.
 */
#define _GNU_SOURCE
#pragma GCC visibility push(default)
#include "weir.h"
#pragma GCC visibility pop

#include "event.h"
#include "settings.h"

enum weir_event_type weir_event_type(const struct weir_event *event)
{
	return event->type;
}

const char *weir_event_path(const struct weir_event *event)
{
	return event->path;
}

const char *weir_event_operation(const struct weir_event *event)
{
	return event->operation != NULL ? event->operation : "";
}

const char *weir_event_text(const struct weir_event *event)
{
	return event->text != NULL ? event->text : "";
}

const char *weir_event_other(const struct weir_event *event)
{
	return event->other != NULL ? event->other : "";
}

int weir_event_errno(const struct weir_event *event)
{
	return event->errnum;
}

enum weir_side weir_event_side(const struct weir_event *event)
{
	return event->side;
}

enum weir_action weir_event_action(const struct weir_event *event)
{
	return event->action;
}

int64_t weir_event_offset(const struct weir_event *event)
{
	return event->offset;
}

unsigned weir_event_changes(const struct weir_event *event)
{
	return event->changes;
}

unsigned weir_event_mode(const struct weir_event *event)
{
	return event->mode;
}

enum weir_residue weir_event_residue(const struct weir_event *event)
{
	return event->residue;
}

uint64_t weir_event_bytes(const struct weir_event *event)
{
	return event->bytes;
}

enum weir_property weir_event_property(const struct weir_event *event)
{
	return event->property;
}

enum weir_keep weir_event_keep(const struct weir_event *event)
{
	return event->keep;
}

uint64_t weir_event_count(const struct weir_event *event)
{
	return event->count;
}

uint64_t weir_event_question(const struct weir_event *event)
{
	return event->type == WEIR_EVENT_ASK ? event->count : 0;
}

const char *weir_property_name(enum weir_property property)
{
	static const char *const names[PROPERTY_COUNT] = {
		[WEIR_PROPERTY_MODE] = "mode",	     [WEIR_PROPERTY_OWNER] = "owner",
		[WEIR_PROPERTY_TIMES] = "times",     [WEIR_PROPERTY_ACL] = "acl",
		[WEIR_PROPERTY_XATTR] = "xattr",     [WEIR_PROPERTY_CAPS] = "caps",
		[WEIR_PROPERTY_CONTEXT] = "context", [WEIR_PROPERTY_LINKS] = "links",
		[WEIR_PROPERTY_SYMLINK] = "symlink", [WEIR_PROPERTY_SPECIAL] = "special",
		[WEIR_PROPERTY_FLAGS] = "flags",     [WEIR_PROPERTY_PROJECT] = "project",
	};

	return (unsigned)property < PROPERTY_COUNT ? names[property] : "";
}
