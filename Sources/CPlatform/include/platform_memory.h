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
    MAYFLY_CALL_SCAN = 6,
    MAYFLY_CALL_TRUNCATE = 7,
    MAYFLY_CALL_KINDS = 8,
};

/// Reserves address space: inaccessible, without swap reservation, at an address the kernel chooses.
int mayfly_map_reserve(size_t bytes, void **address);
/// Replaces what is mapped at `address` by inaccessible fresh memory.
int mayfly_map_inaccessible(void *address, size_t bytes);
/// Replaces what is mapped at `address` by readable and writable fresh zero pages.
int mayfly_map_zero(void *address, size_t bytes);
/// Maps a part of an image file copy-on-write, readable and writable, over `address`.
int mayfly_map_image(void *address, size_t bytes, int file, uint64_t file_offset);
/// Maps a part of an image file for reading: the source that pages are restored from.
int mayfly_map_view(size_t bytes, int file, uint64_t file_offset, void **address);
/// Maps a growth file from its beginning over `address`, readable and writable, copy-on-write or shared.
int mayfly_map_growth(void *address, size_t bytes, int file, int is_shared);
int mayfly_unmap(void *address, size_t bytes);
/// Makes mapped pages readable and writable.
int mayfly_make_accessible(void *address, size_t bytes);
/// Makes mapped pages readable, and writing to them a fault.
int mayfly_make_read_only(void *address, size_t bytes);
/// Makes mapped pages inaccessible. Their contents stay: discard them too.
int mayfly_make_inaccessible(void *address, size_t bytes);
/// Drops private pages: the range reads as its file, or as zero, again. `MADV_DONTNEED`.
int mayfly_discard(void *address, size_t bytes);
/// Makes pages of an accessible private range fault, with a marker in the page table that splits no mapping and that
/// `mayfly_discard` leaves in place. `MADV_GUARD_INSTALL`, Linux 6.13; EINVAL before.
int mayfly_guard(void *address, size_t bytes);
/// Makes every page of an accessible private range present and its own, contents unchanged. `MADV_POPULATE_WRITE`,
/// Linux 5.14; EINVAL before.
int mayfly_populate(void *address, size_t bytes);
/// Makes each of some accessible private pages present and its own by writing to it, contents unchanged.
void mayfly_touch_pages(void *address, size_t pages);
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

/// Creates an empty anonymous file that a memory grows into.
int mayfly_growth_create(int *file);
/// Sets the growth file's size. What lies beyond is gone, also from mappings, and touching it there raises SIGBUS.
int mayfly_growth_truncate(int file, uint64_t bytes);
/// The growth file's size; UINT64_MAX if it cannot be told.
uint64_t mayfly_growth_size(int file);
/// The next piece of a growth file that has pages, from `from` on: `*start..<*end`, empty if there is none. 0 or an errno.
int mayfly_growth_next_data(int file, uint64_t from, uint64_t *start, uint64_t *end);
/// In a child that fork(2) makes, these addresses become inaccessible: a growth file has one set of pages, and the
/// parent's guests write to it. 0 or an errno.
int mayfly_growth_guard(void *address, size_t bytes);
void mayfly_growth_unguard(void *address);

/// A thread of the library's own works from the one call to the other. fork(2) waits for the end of such work, so that a
/// child finds no lock taken by a thread it does not have.
void mayfly_background_begin(void);
void mayfly_background_end(void);

/// Whether any page of a range holds contents of its own: present in memory or swapped out. Files' pages that were only
/// read do not count. Needs no access permission on the range. ENOSYS when the kernel cannot tell.
int mayfly_find_private_page(const void *address, size_t bytes, const void **found);

/// Reads memory of this process whatever its protection, for tests. EIO where nothing is mapped.
int mayfly_read_any(const void *address, void *target, size_t bytes);

/// Pages, and what `PAGEMAP_SCAN` says of them.
struct mayfly_page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};
enum {
    /// The shared page of zeroes, mapped where only reads have been.
    MAYFLY_PAGE_IS_ZERO = 1 << 5,
};
/// Finds the pages of a range that are no file's: present in memory or swapped out. One call looks at as much of the range
/// as `capacity` regions can describe; `*next` is where the following call has to start, the range's end when all is
/// done. 0 or an errno; ENOTTY before Linux 6.7. Looks at the process it is called in, after fork(2) too.
int mayfly_scan_pages(
    void *address, size_t bytes, struct mayfly_page_region *regions, size_t capacity, size_t *count, void **next);

/// Processors that the calling thread may run on, at least 1.
int mayfly_processor_count(void);

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
