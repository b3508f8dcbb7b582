/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inodes of the target with several names: whose copy each of them is.
 */
#include "lib/shared.h"

#include "unit.h"

static struct shared shared;

static struct sys_stat inode_of(uint64_t device, uint64_t inode, uint32_t links)
{
	return (struct sys_stat){ .device = device, .inode = inode, .links = links };
}

static bool claim(uint64_t target, uint64_t source, uint32_t source_links)
{
	const struct sys_stat a = inode_of(1, target, 3), b = inode_of(2, source, source_links);

	return shared_claim(&shared, &a, &b);
}

static void test_one_name(void)
{
	REQUIRE(shared_open(&shared) == 0);
	CHECK(claim(100, 7, 1));
	CHECK(!claim(100, 8, 1));
	CHECK(claim(101, 8, 1));
	CHECK(!claim(101, 8, 1)); /* Z2 */
	shared_close(&shared);
}

static void test_several_names(void)
{
	REQUIRE(shared_open(&shared) == 0);
	CHECK(claim(100, 7, 2));
	CHECK(claim(100, 7, 2));
	CHECK(!claim(100, 8, 2));
	CHECK(!claim(100, 9, 1));
	CHECK(claim(101, 9, 1));
	CHECK(!claim(101, 7, 2));
	shared_close(&shared);
}

static void test_alone(void)
{
	const struct sys_stat target = inode_of(1, 100, 1), source = inode_of(2, 7, 1);

	REQUIRE(shared_open(&shared) == 0);
	CHECK(shared_claim(&shared, &target, &source));
	CHECK(shared_claim(&shared, &target, &source));
	CHECK_EQUAL(shared.claimed.slots, 0);
	shared_close(&shared);
}

static void test_devices(void)
{
	const struct sys_stat here = inode_of(1, 100, 2), there = inode_of(3, 100, 2);
	const struct sys_stat source = inode_of(2, 7, 1), other = inode_of(2, 8, 1);

	REQUIRE(shared_open(&shared) == 0);
	CHECK(shared_claim(&shared, &here, &source));
	CHECK(shared_claim(&shared, &there, &other));
	CHECK(!shared_claim(&shared, &there, &source));
	shared_close(&shared);
}

/* A bit for each, where the numbers follow each other. */
static void test_many(void)
{
	REQUIRE(shared_open(&shared) == 0);
	for (uint64_t i = 1; i <= 1000000; i++)
		if (!claim(i, i, 1)) {
			FAIL("one was claimed twice");
			break;
		}
	for (uint64_t i = 1; i <= 1000000; i += 997)
		CHECK(!claim(i, i + 1, 1));
	CHECK(shared.claimed.slots * sizeof(struct inodes_row) < 2U * 1024 * 1024);
	CHECK_EQUAL(shared.count, 0);
	for (uint64_t i = 0; i < 5000; i++)
		CHECK(claim(2000000 + i * 1000, i, 2));
	for (uint64_t i = 0; i < 5000; i++)
		CHECK(claim(2000000 + i * 1000, i, 2));
	CHECK_EQUAL(shared.count, 5000);
	shared_close(&shared);
}

static const struct unit_test tests[] = {
	{ "an inode is the copy of one source that has one name", test_one_name },
	{ "a source with several names claims an inode for each of them", test_several_names },
	{ "an inode with one name is anybody's", test_alone },
	{ "equal numbers on two devices are two inodes", test_devices },
	{ "a million inodes take two MiB at most", test_many },
};

UNIT_MAIN(tests)
