/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of pairs of folders: any bytes are one or none, quickly; what is read from one
 * is what another one made of it says; and facts survive being written and read.
 *
 * Input: a byte and the rest.  0: the rest is a whole file.  1: it is one without its
 * last line, the digest, which is added.  2: it is facts: time, entries, twelve texts.
 *
 * Fuzz: -max_len=600
 */
#include "lib/record.h"

#include "fuzz.h"
#include "lib/digest.h"

static bool same_site(const struct site *a, const struct site *b)
{
	return strcmp(a->path, b->path) == 0 && strcmp(a->place, b->place) == 0 &&
	       strcmp(a->mount, b->mount) == 0 && strcmp(a->type, b->type) == 0 &&
	       strcmp(a->uuid, b->uuid) == 0 && strcmp(a->source, b->source) == 0;
}

static void check_same(const struct record_facts *a, const struct record_facts *b)
{
	FUZZ_CHECK(a->time_s == b->time_s && a->entries == b->entries);
	FUZZ_CHECK(same_site(&a->source, &b->source) && same_site(&a->target, &b->target));
}

/* Writes FACTS, reads them and compares. */
static void check_written(const struct record_facts *facts)
{
	struct record_facts again;
	char *text = record_make(facts);
	const char *why;

	FUZZ_CHECK(text != NULL);
	for (const char *at = text; *at != '\0'; at++)
		FUZZ_CHECK(*at == '\n' || ((unsigned char)*at >= ' ' && *at != 0x7f));
	why = record_parse(text, strlen(text), &again);
	FUZZ_CHECK(why == NULL);
	check_same(facts, &again);
	record_facts_free(&again);
	free(text);
}

static void check_parsed(const char *text, size_t bytes)
{
	struct record_facts facts;
	const char *why = record_parse(text, bytes, &facts);

	if (why == NULL) {
		FUZZ_CHECK(facts.time_s >= 0);
		check_written(&facts);
		/* One byte less is none. */
		record_facts_free(&facts);
		FUZZ_CHECK(record_parse(text, bytes - 1, &facts) != NULL);
	}
	record_facts_free(&facts);
}

static void parse_lines(struct fuzz_input *input)
{
	char digest[DIGEST_TEXT_BYTES];
	char *text = fuzz_alloc(input->left + 64);
	char *whole;
	size_t bytes = input->left;

	text[0] = '\0';
	if (bytes > 0)
		memcpy(text, input->at, bytes);
	digest_text(text, bytes, digest);
	bytes += (size_t)sprintf(text + bytes, "checksum %s\n", digest);
	/* Its own size, and no NUL behind it. */
	whole = fuzz_alloc(bytes);
	memcpy(whole, text, bytes);
	check_parsed(whole, bytes);
	free(whole);
	free(text);
}

static void read_site(struct fuzz_input *input, struct site *site)
{
	char **texts[] = { &site->path, &site->place, &site->mount,
			   &site->type, &site->uuid,  &site->source };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = fuzz_text(input);
}

static void write_facts(struct fuzz_input *input)
{
	struct record_facts facts = {
		.time_s = (int64_t)(fuzz_number(input, 5) % 253402300800ULL),
		.entries = fuzz_number(input, 8),
	};

	read_site(input, &facts.source);
	read_site(input, &facts.target);
	check_written(&facts);
	record_facts_free(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };

	switch (fuzz_byte(&input) % 3) {
	case 0:
		check_parsed((const char *)input.at, input.left);
		break;
	case 1:
		parse_lines(&input);
		break;
	default:
		write_facts(&input);
	}
	return 0;
}
