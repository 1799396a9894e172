#define _GNU_SOURCE
#include "platform_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// Fault injection is per thread: tests run in parallel in one process.
static _Thread_local int fail_after[MAYFLY_CALL_KINDS];
static _Thread_local int fail_times[MAYFLY_CALL_KINDS];
static _Thread_local int fail_error[MAYFLY_CALL_KINDS];
static _Thread_local uint64_t call_count[MAYFLY_CALL_KINDS];

void mayfly_test_fail_next(int kind, int after, int times, int error) {
    if (kind < 0 || kind >= MAYFLY_CALL_KINDS) return;
    fail_after[kind] = after;
    fail_times[kind] = times;
    fail_error[kind] = error;
}

uint64_t mayfly_test_call_count(int kind) {
    return kind < 0 || kind >= MAYFLY_CALL_KINDS ? 0 : call_count[kind];
}

// Counts a call; nonzero is the error a test wants to see instead of the call.
static int injected(int kind) {
    call_count[kind]++;
    if (__builtin_expect(fail_times[kind] == 0, 1)) return 0;
    if (fail_after[kind] > 0) {
        fail_after[kind]--;
        return 0;
    }
    fail_times[kind]--;
    return fail_error[kind];
}

static int map(void *hint, size_t bytes, int protection, int flags, int file, uint64_t offset, void **address) {
    int error = injected(MAYFLY_CALL_MMAP);
    if (error) return error;
    void *result = mmap(hint, bytes, protection, flags | MAP_PRIVATE | MAP_NORESERVE, file, (off_t)offset);
    if (result == MAP_FAILED) return errno;
    if (address) *address = result;
    return 0;
}

int mayfly_map_reserve(size_t bytes, void **address) {
    return map(NULL, bytes, PROT_NONE, MAP_ANONYMOUS, -1, 0, address);
}

int mayfly_map_inaccessible(void *address, size_t bytes) {
    return map(address, bytes, PROT_NONE, MAP_ANONYMOUS | MAP_FIXED, -1, 0, NULL);
}

int mayfly_map_zero(void *address, size_t bytes) {
    return map(address, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_FIXED, -1, 0, NULL);
}

int mayfly_map_image(void *address, size_t bytes, int file, uint64_t file_offset) {
    return map(address, bytes, PROT_READ | PROT_WRITE, MAP_FIXED, file, file_offset, NULL);
}

int mayfly_unmap(void *address, size_t bytes) { return munmap(address, bytes) ? errno : 0; }

static int protect(void *address, size_t bytes, int protection) {
    int error = injected(MAYFLY_CALL_MPROTECT);
    if (error) return error;
    return mprotect(address, bytes, protection) ? errno : 0;
}

int mayfly_make_accessible(void *address, size_t bytes) { return protect(address, bytes, PROT_READ | PROT_WRITE); }

int mayfly_make_inaccessible(void *address, size_t bytes) { return protect(address, bytes, PROT_NONE); }

int mayfly_discard(void *address, size_t bytes) {
    int error = injected(MAYFLY_CALL_MADVISE);
    if (error) return error;
    return madvise(address, bytes, MADV_DONTNEED) ? errno : 0;
}

int mayfly_forbid_huge_pages(void *address, size_t bytes) {
    if (madvise(address, bytes, MADV_NOHUGEPAGE) == 0) return 0;
    return errno == EINVAL ? 0 : errno;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int mayfly_image_create(const char *name, uint64_t bytes, int *file) {
    int error = injected(MAYFLY_CALL_MEMFD);
    if (error) return error;
    int result = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    // MFD_NOEXEC_SEAL is refused before Linux 6.3; it only silences the kernel's warning about executable memfds.
    if (result < 0 && errno == EINVAL) result = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (result < 0) return errno;
    if (ftruncate(result, (off_t)bytes)) {
        error = errno;
        close(result);
        return error;
    }
    *file = result;
    return 0;
}

int mayfly_image_write(int file, const void *source, size_t bytes, uint64_t file_offset) {
    int error = injected(MAYFLY_CALL_PWRITE);
    if (error) return error;
    const char *from = source;
    while (bytes > 0) {
        ssize_t written = pwrite(file, from, bytes, (off_t)file_offset);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        if (written == 0) return EIO;
        from += written;
        bytes -= (size_t)written;
        file_offset += (uint64_t)written;
    }
    return 0;
}

int mayfly_image_read(int file, void *target, size_t bytes, uint64_t file_offset) {
    char *to = target;
    while (bytes > 0) {
        ssize_t count = pread(file, to, bytes, (off_t)file_offset);
        if (count < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        if (count == 0) return EIO;
        to += count;
        bytes -= (size_t)count;
        file_offset += (uint64_t)count;
    }
    return 0;
}

int mayfly_image_seal(int file) {
    int error = injected(MAYFLY_CALL_SEAL);
    if (error) return error;
    int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    return fcntl(file, F_ADD_SEALS, seals) ? errno : 0;
}

int mayfly_image_close(int file) { return close(file) ? errno : 0; }

// PAGEMAP_SCAN, Linux 6.7 (include/uapi/linux/fs.h); declared here because older headers lack it.
struct scan_region {
    uint64_t start, end, categories;
};
struct scan_argument {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_argument)
enum { SCAN_IS_FILE = 1 << 2, SCAN_IS_PRESENT = 1 << 3, SCAN_IS_SWAPPED = 1 << 4 };

static int scan(int pagemap, uint64_t start, uint64_t end, uint64_t *found) {
    struct scan_region region;
    struct scan_argument argument = {
        .size = sizeof argument,
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)&region,
        .vec_len = 1,
        .max_pages = 1,
        .category_inverted = SCAN_IS_FILE,
        .category_mask = SCAN_IS_FILE,
        .category_anyof_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED,
        .return_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED,
    };
    int count = ioctl(pagemap, SCAN_REQUEST, &argument);
    if (count < 0) return errno;
    *found = count > 0 ? region.start : 0;
    return 0;
}

// The same from the file itself: one 64-bit word per page. Bit 63: present. 62: swapped. 61: the page is a file's.
static int read_pagemap(int pagemap, uint64_t start, uint64_t end, uint64_t *found) {
    const uint64_t page = 4096, present = 1ull << 63, swapped = 1ull << 62, from_file = 1ull << 61;
    uint64_t words[512];
    *found = 0;
    for (uint64_t first = start / page; first < end / page && !*found;) {
        uint64_t count = end / page - first < 512 ? end / page - first : 512;
        int error = mayfly_image_read(pagemap, words, count * 8, first * 8);
        if (error) return error;
        for (uint64_t i = 0; i < count && !*found; i++)
            if ((words[i] & swapped) || ((words[i] & present) && !(words[i] & from_file))) *found = (first + i) * page;
        first += count;
    }
    return 0;
}

int mayfly_find_private_page(const void *address, size_t bytes, const void **found) {
    *found = NULL;
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) return errno == ENOENT || errno == EACCES ? ENOSYS : errno;
    uint64_t start = (uint64_t)(uintptr_t)address, where = 0;
    int error = bytes ? scan(pagemap, start, start + bytes, &where) : 0;
    if (error) error = read_pagemap(pagemap, start, start + bytes, &where);
    close(pagemap);
    *found = (const void *)(uintptr_t)where;
    return error;
}

size_t mayfly_minimum_signal_stack(void) {
#ifdef AT_MINSIGSTKSZ
    unsigned long value = getauxval(AT_MINSIGSTKSZ);
#else
    unsigned long value = getauxval(51);
#endif
    // Kernels before 5.14 do not say; this covers AVX-512 state.
    return value ? value : 4096;
}

uint64_t mayfly_address_space_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    return limit.rlim_cur;
}

const char *mayfly_error_message(int error, char *buffer, size_t bytes) { return strerror_r(error, buffer, bytes); }
