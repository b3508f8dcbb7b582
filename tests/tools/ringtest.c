// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ringtest: does this kernel, for this user, here, give an io_uring ring?
 * Asked by raw system calls, so the answer owes nothing to the library.
 *
 *   ringtest            exit 0: a ring can be made; 1: it is refused
 *   ringtest BYTES      and a buffer of BYTES can be registered with it
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct io_uring_params params;
	struct iovec buffer;
	int ring;

	memset(&params, 0, sizeof(params));
	ring = (int)syscall(__NR_io_uring_setup, 8, &params);
	if (ring < 0) {
		printf("io_uring_setup: %s\n", strerror(errno));
		return 1;
	}
	if (argc < 2)
		return 0;
	buffer.iov_len = strtoul(argv[1], NULL, 10);
	buffer.iov_base = mmap(NULL, buffer.iov_len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer.iov_base == MAP_FAILED) {
		printf("mmap: %s\n", strerror(errno));
		return 1;
	}
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
		printf("register: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
