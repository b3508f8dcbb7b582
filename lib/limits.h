/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every budget of the library, related by static asserts.  Numbers that were
 * settled by measurement say so (2 cores, virtio disk, Linux 6.18).
 *
 * WEIR_TINY builds run the whole suite with every budget at its minimum, so
 * that the rare paths (full queue, no free slot, group of one) are common.  A
 * number of WEIR_TINY above 1 is how many jobs and slots a worker has.
 */
#ifndef WEIR_LIMITS_H
#define WEIR_LIMITS_H

#include <stdint.h>

#define KIB(n) ((unsigned)(n) << 10)
#define MIB(n) ((unsigned)(n) << 20)

#ifdef WEIR_TINY
#define LIMIT_JOBS (WEIR_TINY + 0U)
#define LIMIT_CHUNK_BYTES KIB(4)
#define LIMIT_OFFLOAD_BYTES KIB(64)
#define LIMIT_LARGE_SLOTS (WEIR_TINY + 0U)
#define LIMIT_SMALL_BYTES KIB(4)
#define LIMIT_SMALL_SLOTS (WEIR_TINY + 0U)
#define LIMIT_BATCH_NAMES 1U
#define LIMIT_QUEUE_BATCHES 1U
#define LIMIT_GROUP_UNITS 2U
#define LIMIT_GROUP_WORTH_UNITS 2U
#define LIMIT_EVENTS 1U
#define LIMIT_NAMING_UNITS 1U
#define LIMIT_LIST_BYTES KIB(1)
#define LIMIT_FOLDER_FDS 4U
#define LIMIT_NAMES_BYTES KIB(1)
#define LIMIT_SPILL_BYTES 64U
#define LIMIT_RENAMES 64U
#define LIMIT_CONTENT_BYTES KIB(1)
#define LIMIT_DIRECT_MIN_BYTES KIB(8)
#define LIMIT_SPELLINGS 64U
#else
/* Jobs of one worker: 64 sources read ahead keep a cold disk busy (45,000
 * small files: 2.6-2.8 s with 64, 3.0 s with 16 threads of plain calls). */
#define LIMIT_JOBS 64U
/* 4 GiB cold, direct: 256 KiB x 16 4.06 s, 512 KiB x 12 4.17, 1 MiB x 16 3.84,
 * 1 MiB x 32 3.88, 2 MiB x 8 3.86.  512 KiB x 32 is as fast as any and keeps
 * more files of 128 KiB in flight. */
#define LIMIT_CHUNK_BYTES KIB(512)
/* One copy_file_range: kernels refuse huge ones, and 1 GiB is what all take; less, so
 * that a cancel and other files need not wait for it. */
#define LIMIT_OFFLOAD_BYTES MIB(128)
#define LIMIT_LARGE_SLOTS 32U
#define LIMIT_SMALL_BYTES KIB(32)
#define LIMIT_SMALL_SLOTS 64U
#define LIMIT_BATCH_NAMES 64U
#define LIMIT_QUEUE_BATCHES 1024U
#define LIMIT_GROUP_UNITS 4096U
/* An idle committer takes a group of so many.  45,000 small files, ext4, warm:
 * 1.79 s without, 1.59 with 1024, 1.57 with 512, 1.66 with 2048; XFS the same
 * with all. */
#define LIMIT_GROUP_WORTH_UNITS 1024U
#define LIMIT_EVENTS 1024U
#define LIMIT_NAMING_UNITS 32U
#define LIMIT_LIST_BYTES KIB(32)
#define LIMIT_FOLDER_FDS 4096U
/* Names of a folder of the source that are remembered while that of the target is listed;
 * more are looked up one by one. */
#define LIMIT_NAMES_BYTES KIB(128)
/* A block of the delete plan: one of them is kept in memory. */
#define LIMIT_SPILL_BYTES MIB(1)
/* New files that are looked for under other names: about 500 bytes each. */
#define LIMIT_RENAMES 65536U
/* What is read of each of two files at a time to compare them. */
#define LIMIT_CONTENT_BYTES KIB(256)
/* 8,000 files of 128 KiB: direct 1.4-1.6 s, buffered 1.5-2.8 s. */
#define LIMIT_DIRECT_MIN_BYTES KIB(128)
/* Names of a folder that are remembered where it may fold some: 2 MiB. */
#define LIMIT_SPELLINGS 262144U
#endif

#define LIMIT_NAME_BYTES 1025U /* with NUL: vfat has 765 bytes, FUSE 1024 */
/* Two for each CPU, up to this: opening and listing block, whatever the ring
 * does.  45,000 small files cold on 2 CPUs: ext4 2.9 s with 2, 2.5 with 3, 2.3
 * with 4; XFS 3.76, 3.69, 3.69; warm 2 to 9 % better with 4. */
#define LIMIT_WORKERS_DEFAULT 4U
#define LIMIT_WORKERS_MAX 64U
/* Threads that give names beside the committer, which helps when it would wait.
 * The same files: ext4 1.98 s without, 1.72 with one, 1.85 with two; XFS 2.61,
 * 2.50, 2.75; btrfs 3.75, 3.78, 3.77. */
#define LIMIT_NAMERS 1U
#define LIMIT_OPS 512U	      /* operations of one worker, all kinds */
#define LIMIT_SQ_ENTRIES 256U /* each is charged to the memory that may be locked */
#define LIMIT_SUBMIT_AT 16U   /* SQ entries that wait before they are handed over */
#define LIMIT_CONFINE_SOURCES 64U /* with more operands all may be read */
#define LIMIT_SLOTS_MAX 192U
#define LIMIT_DEPTH_MAX 128U
#define LIMIT_CHUNK_BYTES_MAX MIB(64)
#define LIMIT_HUGE_PAGE_BYTES MIB(2)
#define LIMIT_BATCH_BYTES KIB(4) /* names of one batch */
#define LIMIT_ALIGN_BYTES KIB(4)
#define LIMIT_ZERO_BYTES KIB(4) /* smallest hole: a block of the usual file systems */
#define LIMIT_RANGE_BYTES (1024ULL * 1024 * 1024) /* one registered buffer */
#define LIMIT_WAIT_MS 100			  /* T3: nobody sleeps longer without looking */
/* A limit of bytes a second: the longest transfer, and what somebody who woke too
 * late makes up for. */
#define LIMIT_PACE_NS (250ULL * 1000 * 1000)
/* A run in the background, in percent of the time in which somebody waits for
 * storage: starting points.  300 MiB that were copied alone in 0.3 s were waited for
 * all of that time, so a run makes an average of 20 over ten seconds in little more
 * than two.  To measure what others make it then keeps quiet for 400 ms of every
 * 3.4 s. */
#define LIMIT_PRESSURE_HIGH 20U
#define LIMIT_PRESSURE_LOW 10U
#define LIMIT_PRESSURE_LOOK_NS (500ULL * 1000 * 1000)	 /* between samples */
#define LIMIT_PRESSURE_GO_NS (3000ULL * 1000 * 1000)	 /* between pauses */
#define LIMIT_PRESSURE_END_NS (100ULL * 1000 * 1000)	 /* for what was begun to end */
#define LIMIT_PRESSURE_MEASURE_NS (300ULL * 1000 * 1000) /* for others to show */
#define LIMIT_STOP_AFTER_NS (3650ULL * 24 * 3600 * 1000 * 1000 * 1000) /* ten years */
#define LIMIT_BYTES_PER_SECOND (1ULL << 50)
#define LIMIT_WAIT_LOCK_MS (366LL * 24 * 60 * 60 * 1000)
#define LIMIT_LEASE_S 45U      /* the kernel's lease-break-time if it cannot be read */
#define LIMIT_LEASE_MORE_S 5U  /* A13: beyond it, for whoever takes the next lease */
#define LIMIT_TOLD 32U	       /* errors remembered so that none is told twice */
#define LIMIT_TRIES 8U	       /* EAGAIN and EINTR of one transfer */
#define LIMIT_LINK_HOPS 40U    /* links followed in an operand, as the kernel's */
#define LIMIT_INLINE_FILES 16U /* so few small operands need no thread and no ring */
#ifdef WEIR_THREADED /* none has data, so that all that copies bytes has threads */
#define LIMIT_INLINE_BYTES 0U
#else
#define LIMIT_INLINE_BYTES KIB(512)
#endif
#define LIMIT_SYNC_AT_BYTES (8ULL * 1024 * 1024)      /* G9: write-back is started */
#define LIMIT_DIRTY_BYTES (64ULL * 1024 * 1024)	      /* G9: buffered bytes not on disk... */
#define LIMIT_DIRTY_MOST_BYTES (512ULL * 1024 * 1024) /* ... or a second's worth, up to this */
#define LIMIT_GROWING_BYTES (256ULL * 1024 * 1024)    /* G9: synced as it grows */
#define LIMIT_GROWING_NS (5000ULL * 1000 * 1000)
#define LIMIT_GROUP_BYTES (1024ULL * 1024 * 1024)
#define LIMIT_GROUP_NS (2000ULL * 1000 * 1000) /* G1: people watch */
/* G3: what syncfs may write for strangers before an fsync of each of our files
 * is cheaper: 1 GiB, and 256 KiB for each of the fsyncs (1,800 of them took
 * 3.4 s where a stranger's 400 MiB take 0.5).  The kernel tells the dirty bytes
 * of all file systems together, so half of them was much too strict. */
#define LIMIT_STRANGE_BYTES (1024ULL * 1024 * 1024)
#define LIMIT_FSYNC_WORTH_BYTES KIB(256)
#define LIMIT_HANDFUL 4U	   /* G3: so few files are synced one by one */
#define LIMIT_SWEEP_NAMES 65536U   /* names looked at for what a killed run left */
#define LIMIT_CHECKPOINT_DEPTH 64U /* folders whose descriptor is kept longest */
#define LIMIT_TEMP_FOLDER_S 60	   /* how long a folder may have the name of a temp */
#define LIMIT_SAME_NUMBERS 1024U   /* I10: folders above one with its inode number */
#define LIMIT_WRITE_ERRORS 16U	   /* E05: EIO on writing, then the run stops */
#define LIMIT_SMALL_TOTAL_SHIFT 3U /* all arenas: 1/8 of the memory at hand */
/* A name is compared with each rule, which takes 10 to 50 ns: so many rules take
 * about as long as the copy of a small file. */
#define LIMIT_RULES 65536U
#define LIMIT_PATTERN_BYTES KIB(4) /* with NUL, as PATH_MAX: longer ones match nothing */
#define LIMIT_RULES_BYTES MIB(64)  /* all rules: a list from elsewhere takes no more */

_Static_assert(2 * LIMIT_NAME_BYTES + 9 <= LIMIT_BATCH_BYTES, "one entry fits a batch");
_Static_assert(LIMIT_CHUNK_BYTES % LIMIT_ALIGN_BYTES == 0, "chunks are whole blocks");
/* NOLINTNEXTLINE(misc-redundant-expression): they are equal today */
_Static_assert(LIMIT_ZERO_BYTES % LIMIT_ALIGN_BYTES == 0, "holes are whole blocks");
_Static_assert(LIMIT_SMALL_BYTES % LIMIT_ALIGN_BYTES == 0, "slots are whole blocks");
_Static_assert(LIMIT_OPS <= 2 * LIMIT_SQ_ENTRIES, "every completion finds its place");
_Static_assert(LIMIT_SUBMIT_AT < LIMIT_SQ_ENTRIES, "an op finds an SQ entry");
_Static_assert(LIMIT_DEPTH_MAX + LIMIT_SMALL_SLOTS <= LIMIT_SLOTS_MAX, "all slots fit");
/* A slot has two ops at most, where it is a pair (contrast.h); a job has one beside
 * its chunks' ops, and one sync of a growing file. */
_Static_assert(2 * LIMIT_SLOTS_MAX + 2 * LIMIT_JOBS <= LIMIT_OPS, "ops suffice for all");
_Static_assert(LIMIT_CHUNK_BYTES_MAX <= LIMIT_RANGE_BYTES, "a slot lies in one range");
_Static_assert(1000000000ULL % LIMIT_PACE_NS == 0, "a second is a number of transfers");
_Static_assert(LIMIT_PRESSURE_LOW < LIMIT_PRESSURE_HIGH, "it does not waver (R3)");
_Static_assert(LIMIT_SLOTS_MAX < 65536U && LIMIT_OPS < 65536U, "user_data holds both");

#endif
