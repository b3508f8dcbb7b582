/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <stdio.h>
#include <string.h>

#include "help.h"
#include "verbs.h"

#define GENERATED "# Written by 'weir --completion=%s' from the option table; do not edit.\n"
#define LICENCE "# SPDX-License-Identifier: LGPL-2.1-or-later\n"

static bool is_shown(const struct option *option, unsigned verb)
{
	return option->group != GROUP_HIDDEN && (option->verbs & verb) != 0;
}

/* True if the next word is its value where none is joined to it. */
static bool needs_value(const struct option *option)
{
	return option->argument != ARGUMENT_NONE && option->otherwise == NULL;
}

static void add_verb_names(struct text *text, const char *between)
{
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		text_addf(text, "%s%s", verb == verbs ? "" : between, verb->name);
}

static void add_choice_names(struct text *text, const struct option *option)
{
	for (const struct choice *choice = option->choices; choice->name != NULL; choice++)
		text_addf(text, "%s%s", choice == option->choices ? "" : " ", choice->name);
}

/* Adds words for single quotes in a shell; the table has no quotes of its own
 * but could. */
static void add_shell_words(struct text *text, const char *words, const char *special)
{
	for (; *words != '\0'; words++) {
		if (strchr(special, *words) != NULL)
			text_add(text, "\\");
		if (*words == '\'')
			text_add(text, "'\\''");
		else
			text_add_bytes(text, words, 1);
	}
}

/* bash: names of all options, then by option what its value may be. */

static void bash_names(struct text *text, unsigned verb)
{
	const char *between = "";

	for (const struct option *option = options; option->name != NULL; option++) {
		if (!is_shown(option, verb))
			continue;
		for (const char *letter = option->letters; *letter != '\0'; letter++) {
			text_addf(text, "%s-%c", between, *letter);
			between = " ";
		}
		text_addf(text, "%s--%s%s", between, option->name, needs_value(option) ? "=" : "");
		between = " ";
	}
}

/* Hands what compgen finds by OPTIONS to the shell, which ends folders with a slash. */
static void bash_names_of(struct text *text, const char *indent, const char *options_of_compgen)
{
	text_addf(text, "%smapfile -t COMPREPLY < <(compgen %s -- \"$current\")\n", indent,
		  options_of_compgen);
	text_addf(text, "%scompopt -o filenames\n", indent);
}

static void bash_value(struct text *text, const struct option *option)
{
	if (option->argument == ARGUMENT_NONE)
		return;
	text_add(text, "\t\t");
	/* One that may go without takes what is joined to it only. */
	for (const char *letter = option->letters; *letter != '\0' && option->otherwise == NULL;
	     letter++)
		text_addf(text, "-%c | ", *letter);
	if (option->otherwise == NULL)
		text_addf(text, "--%s | ", option->name);
	text_addf(text, "--%s=)\n", option->name);
	if (option->choices != NULL) {
		text_add(text, "\t\t\tmapfile -t COMPREPLY < <(compgen -W '");
		add_choice_names(text, option);
		text_add(text, "' -- \"$current\")\n");
	} else if (option->argument == ARGUMENT_FILE) {
		bash_names_of(text, "\t\t\t", "-f");
	} else if (option->argument == ARGUMENT_FOLDER) {
		bash_names_of(text, "\t\t\t", "-d");
	} else {
		text_add(text, "\t\t\tcompopt +o default +o bashdefault\n");
	}
	text_add(text, "\t\t\treturn 0\n\t\t\t;;\n");
}

static bool has_values(unsigned verb)
{
	for (const struct option *option = options; option->name != NULL; option++)
		if (is_shown(option, verb) && option->argument != ARGUMENT_NONE)
			return true;
	return false;
}

/* An option of one name or letter may be another one for another verb. */
static void bash_values(struct text *text)
{
	text_add(text, "# The value of option $2 of verb $1, which begins with $3.\n"
		       "_weir_value()\n{\n\tlocal current=$3\n\n\tcase $1 in\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (!has_values(verb->speaker.verb))
			continue;
		text_addf(text, "\t%s)\n\t\tcase $2 in\n", verb->name);
		for (const struct option *option = options; option->name != NULL; option++)
			if (is_shown(option, verb->speaker.verb))
				bash_value(text, option);
		text_add(text, "\t\tesac\n\t\t;;\n");
	}
	text_add(text, "\tesac\n\treturn 1\n}\n\n");
}

static void bash_verb_names(struct text *text, const char *name, unsigned verb)
{
	text_addf(text, "\t%s)\n\t\twords='", name);
	bash_names(text, verb);
	text_add(text, "'\n\t\t;;\n");
}

/* Without an answer from here the shell completes file names. */
static void bash_operands(struct text *text)
{
	text_add(text, "# An operand of verb $1, or the verb itself, which begins with $2.\n"
		       "_weir_operand()\n{\n\tlocal current=$2\n\n\tcase $1 in\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (verb->operands != OPERANDS_TWO_FOLDERS && verb->operands != OPERANDS_FOLDERS)
			continue;
		text_addf(text, "\t%s)\n", verb->name);
		bash_names_of(text, "\t\t", "-d");
		text_add(text, "\t\t;;\n");
	}
	text_add(text, "\t''");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		if (verb->operands == OPERANDS_VERB)
			text_addf(text, " | %s", verb->name);
	text_add(text, ")\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	add_verb_names(text, " ");
	text_add(text, "' -- \"$current\")\n\t\t;;\n\tesac\n}\n\n");
}

static void bash_file(struct text *text)
{
	text_addf(text, "# shellcheck shell=bash\n" LICENCE GENERATED "\n", "bash");
	bash_values(text);
	text_add(text, "_weir_options()\n{\n\tlocal words\n\n\tcase $1 in\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		bash_verb_names(text, verb->name, verb->speaker.verb);
	bash_verb_names(text, "*", VERB_NONE);
	text_add(text, "\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$2\")\n"
		       "\t[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace\n}\n\n");
	bash_operands(text);
	text_add(text, "_weir()\n{\n"
		       "\tlocal current=${COMP_WORDS[COMP_CWORD]}\n"
		       "\tlocal before=${COMP_WORDS[COMP_CWORD - 1]}\n"
		       "\tlocal verb=${COMP_WORDS[1]}\n\tlocal word joint=''\n\n"
		       "\t# The shell cuts --name=value into three words.\n"
		       "\tif [[ $current == '=' ]]; then\n"
		       "\t\tcurrent='' joint='='\n"
		       "\telif [[ $before == '=' ]]; then\n"
		       "\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]} joint='='\n"
		       "\tfi\n"
		       "\t((COMP_CWORD > 1)) || verb=''\n"
		       "\tCOMPREPLY=()\n"
		       "\tfor word in \"${COMP_WORDS[@]:0:COMP_CWORD}\"; do\n"
		       "\t\tif [[ $word == -- ]]; then\n"
		       "\t\t\t_weir_operand \"$verb\" \"$current\"\n"
		       "\t\t\treturn 0\n"
		       "\t\tfi\n"
		       "\tdone\n"
		       "\tif _weir_value \"$verb\" \"$before$joint\" \"$current\"; then\n"
		       "\t\treturn 0\n\tfi\n"
		       "\tif [[ $current == -* ]]; then\n"
		       "\t\t_weir_options \"$verb\" \"$current\"\n"
		       "\telse\n"
		       "\t\t_weir_operand \"$verb\" \"$current\"\n"
		       "\tfi\n}\n\n"
		       "# Without an answer from above the shell completes file names.\n"
		       "complete -o bashdefault -o default -F _weir weir\n");
}

/* zsh: one _arguments specification for each option. */

static void zsh_value(struct text *text, const struct option *option)
{
	if (option->argument == ARGUMENT_NONE)
		return;
	text_add(text, option->otherwise != NULL ? "::" : ":");
	add_shell_words(text, option->argument_name, ":\\");
	text_add(text, ":");
	if (option->choices != NULL) {
		text_add(text, "(");
		add_choice_names(text, option);
		text_add(text, ")");
	} else if (option->argument == ARGUMENT_FILE) {
		text_add(text, "_files");
	} else if (option->argument == ARGUMENT_FOLDER) {
		text_add(text, "_files -/");
	} else {
		text_add(text, " ");
	}
}

static void zsh_option(struct text *text, const char *name, const char *joint,
		       const struct option *option)
{
	text_addf(text, "\t\t'%s%s[", name, joint);
	add_shell_words(text, option->help, "[]:\\");
	text_add(text, "]");
	if (joint[0] != '\0')
		zsh_value(text, option);
	text_add(text, "'\n");
}

static void zsh_options(struct text *text, unsigned verb)
{
	for (const struct option *option = options; option->name != NULL; option++) {
		char name[64];

		if (!is_shown(option, verb))
			continue;
		for (const char *letter = option->letters; *letter != '\0'; letter++) {
			snprintf(name, sizeof(name), "-%c", *letter);
			zsh_option(text, name, needs_value(option) ? "+" : "", option);
		}
		snprintf(name, sizeof(name), "--%s", option->name);
		zsh_option(text, name,
			   option->otherwise != NULL	       ? "=-"
			   : option->argument != ARGUMENT_NONE ? "="
							       : "",
			   option);
	}
}

static void zsh_operands(struct text *text, const struct verb *verb)
{
	switch (verb->operands) {
	case OPERANDS_FILES:
		text_add(text, "\t\t'*:path:_files'\n");
		break;
	case OPERANDS_TWO_FOLDERS:
		text_add(text, "\t\t'1:source:_files -/'\n\t\t'2:target:_files -/'\n");
		break;
	case OPERANDS_FOLDERS:
		text_add(text, "\t\t'*:folder:_files -/'\n");
		break;
	case OPERANDS_VERB:
		text_add(text, "\t\t'*:verb:_weir_verbs'\n");
		break;
	}
}

static void zsh_file(struct text *text)
{
	text_addf(text, "#compdef weir\n" LICENCE GENERATED "\n", "zsh");
	text_add(text, "_weir_verbs() {\n\tlocal -a names=(\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		text_addf(text, "\t\t'%s:%s'\n", verb->name, verb->summary);
	text_add(text, "\t)\n\t_describe -t verbs verb names\n}\n\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		text_addf(text, "_weir_%s() {\n\tlocal -a specs=(\n", verb->name);
		zsh_options(text, verb->speaker.verb);
		zsh_operands(text, verb);
		text_add(text, "\t)\n\t_arguments -s -S \"$specs[@]\"\n}\n\n");
	}
	text_add(text, "_weir() {\n\tlocal context state state_descr line\n"
		       "\ttypeset -A opt_args\n\tlocal -a specs=(\n");
	zsh_options(text, VERB_NONE);
	text_add(text, "\t\t'1:verb:_weir_verbs'\n\t\t'*::operand:->operands'\n\t)\n"
		       "\t_arguments -s -S \"$specs[@]\" && return\n"
		       "\t[[ $state == operands ]] || return\n\tcase $line[1] in\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		text_addf(text, "\t%s) _weir_%s ;;\n", verb->name, verb->name);
	text_add(text, "\tesac\n}\n\n_weir \"$@\"\n");
}

/* fish: one command for each option. */

static void fish_option(struct text *text, const char *condition, const struct option *option)
{
	text_addf(text, "complete -c weir -n '%s'", condition);
	for (const char *letter = option->letters; *letter != '\0'; letter++)
		text_addf(text, " -s %c", *letter);
	text_addf(text, " -l %s", option->name);
	if (option->choices != NULL) {
		text_addf(text, " %s-a '", option->otherwise != NULL ? "" : "-x ");
		add_choice_names(text, option);
		text_add(text, "'");
	} else if (option->argument == ARGUMENT_FILE) {
		text_add(text, " -r -F");
	} else if (option->argument == ARGUMENT_FOLDER) {
		text_add(text, " -x -a '(__fish_complete_directories)'");
	} else if (option->argument != ARGUMENT_NONE) {
		text_add(text, " -x");
	}
	text_add(text, " -d '");
	add_shell_words(text, option->help, "");
	text_add(text, "'\n");
}

static void fish_options(struct text *text, const char *condition, unsigned verb)
{
	for (const struct option *option = options; option->name != NULL; option++)
		if (is_shown(option, verb))
			fish_option(text, condition, option);
}

static void fish_operands(struct text *text, const char *condition, const struct verb *verb)
{
	if (verb->operands == OPERANDS_FILES)
		return; /* what it completes by itself */
	text_addf(text, "complete -c weir -n '%s' -f -a '", condition);
	if (verb->operands == OPERANDS_VERB)
		add_verb_names(text, " ");
	else
		text_add(text, "(__fish_complete_directories)");
	text_add(text, "'\n");
}

static void fish_file(struct text *text)
{
	text_addf(text, LICENCE GENERATED "\n", "fish");
	text_add(text, "# The verb is the first word; a later one of that name is an operand.\n"
		       "function __weir_verb_is\n"
		       "    set -l words (commandline -opc)\n"
		       "    test (count $words) -gt 1; and test \"$words[2]\" = $argv[1]\n"
		       "end\n\n");
	text_add(text, "complete -c weir -n __fish_use_subcommand -f\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		text_addf(text, "complete -c weir -n __fish_use_subcommand -a %s -d '%s'\n",
			  verb->name, verb->summary);
	fish_options(text, "__fish_use_subcommand", VERB_NONE);
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		char condition[64];

		snprintf(condition, sizeof(condition), "__weir_verb_is %s", verb->name);
		text_add(text, "\n");
		fish_operands(text, condition, verb);
		fish_options(text, condition, verb->speaker.verb);
	}
}

static const struct shell {
	const char *name;
	void (*file)(struct text *text);
} shells[] = {
	{ "bash", bash_file },
	{ "zsh", zsh_file },
	{ "fish", fish_file },
};

int complete_show(const struct speaker *speaker, const char *shell)
{
	struct text text = { 0 };
	int status;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) != 0)
			continue;
		shells[i].file(&text);
		status = help_write(&text);
		text_free(&text);
		return status;
	}
	return usage_error_name(speaker, "--completion takes bash, zsh or fish, not", shell);
}
