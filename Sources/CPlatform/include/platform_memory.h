// System calls of the pool: reservations, copy-on-write images, permissions, discarding.
//
// Each returns 0 or an errno value, so that Swift neither reads errno after the fact nor meets MAP_FAILED. Each that
// can make a slot unsafe when it fails can be made to fail by a test (mayfly_test_fail_next).
#ifndef MAYFLY_PLATFORM_MEMORY_H
#define MAYFLY_PLATFORM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/// Kinds of calls that a test can make fail.
enum {
    MAYFLY_CALL_MMAP = 0,
    MAYFLY_CALL_MPROTECT = 1,
    MAYFLY_CALL_MADVISE = 2,
    MAYFLY_CALL_MEMFD = 3,
    MAYFLY_CALL_PWRITE = 4,
    MAYFLY_CALL_SEAL = 5,
    MAYFLY_CALL_KINDS = 6,
};

/// Reserves address space: inaccessible, without swap reservation, at an address the kernel chooses.
int mayfly_map_reserve(size_t bytes, void **address);
/// Replaces what is mapped at `address` by inaccessible fresh memory.
int mayfly_map_inaccessible(void *address, size_t bytes);
/// Replaces what is mapped at `address` by readable and writable fresh zero pages.
int mayfly_map_zero(void *address, size_t bytes);
/// Maps a part of an image file copy-on-write, readable and writable, over `address`.
int mayfly_map_image(void *address, size_t bytes, int file, uint64_t file_offset);
int mayfly_unmap(void *address, size_t bytes);
/// Makes mapped pages readable and writable.
int mayfly_make_accessible(void *address, size_t bytes);
/// Makes mapped pages inaccessible. Their contents stay: discard them too.
int mayfly_make_inaccessible(void *address, size_t bytes);
/// Drops private pages: the range reads as its file, or as zero, again. `MADV_DONTNEED`.
int mayfly_discard(void *address, size_t bytes);
/// Keeps transparent huge pages out of a range. A kernel without them counts as success. `MADV_NOHUGEPAGE`.
int mayfly_forbid_huge_pages(void *address, size_t bytes);

/// Creates an anonymous file of `bytes` zero bytes that can be sealed and is closed on exec.
int mayfly_image_create(const char *name, uint64_t bytes, int *file);
/// Writes all of `bytes` at `file_offset`.
int mayfly_image_write(int file, const void *source, size_t bytes, uint64_t file_offset);
/// Reads all of `bytes` at `file_offset`; EIO when the file ends before.
int mayfly_image_read(int file, void *target, size_t bytes, uint64_t file_offset);
/// Forbids every further change of the file's bytes and size.
int mayfly_image_seal(int file);
int mayfly_image_close(int file);

/// Whether any page of a range holds contents of its own: present in memory or swapped out. Files' pages that were only
/// read do not count. Needs no access permission on the range. ENOSYS when the kernel cannot tell.
int mayfly_find_private_page(const void *address, size_t bytes, const void **found);

/// Bytes the kernel needs on a stack to deliver a signal (AT_MINSIGSTKSZ).
size_t mayfly_minimum_signal_stack(void);
/// The soft limit on the process's address space in bytes; UINT64_MAX when there is none. RLIMIT_AS.
uint64_t mayfly_address_space_limit(void);

/// The system's text for an errno value, in `buffer` or static.
const char *mayfly_error_message(int error, char *buffer, size_t bytes);

/// Tests only: on the calling thread, lets `after` calls of this kind pass and makes the next `times` fail with
/// `error`.
void mayfly_test_fail_next(int kind, int after, int times, int error);
/// Tests only: system calls of this kind made by the calling thread so far.
uint64_t mayfly_test_call_count(int kind);

#endif
