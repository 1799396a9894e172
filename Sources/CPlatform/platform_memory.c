#define _GNU_SOURCE
#include "platform_memory.h"
#include "platform_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

int mayfly_map_view(size_t bytes, int file, uint64_t file_offset, void **address) {
    int error = injected(MAYFLY_CALL_MMAP);
    if (error) return error;
    void *result = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, (off_t)file_offset);
    if (result == MAP_FAILED) return errno;
    *address = result;
    return 0;
}

int mayfly_map_growth(void *address, size_t bytes, int file, int is_shared) {
    int error = injected(MAYFLY_CALL_MMAP);
    if (error) return error;
    int flags = MAP_FIXED | MAP_NORESERVE | (is_shared ? MAP_SHARED : MAP_PRIVATE);
    return mmap(address, bytes, PROT_READ | PROT_WRITE, flags, file, 0) == MAP_FAILED ? errno : 0;
}

int mayfly_unmap(void *address, size_t bytes) { return munmap(address, bytes) ? errno : 0; }

static int protect(void *address, size_t bytes, int protection) {
    int error = injected(MAYFLY_CALL_MPROTECT);
    if (error) return error;
    return mprotect(address, bytes, protection) ? errno : 0;
}

int mayfly_make_accessible(void *address, size_t bytes) { return protect(address, bytes, PROT_READ | PROT_WRITE); }

int mayfly_make_read_only(void *address, size_t bytes) { return protect(address, bytes, PROT_READ); }

int mayfly_make_inaccessible(void *address, size_t bytes) { return protect(address, bytes, PROT_NONE); }

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

int mayfly_discard(void *address, size_t bytes) {
    int error = injected(MAYFLY_CALL_MADVISE);
    if (error) return error;
    if (madvise(address, bytes, MADV_DONTNEED) == 0) return 0;
    // EINVAL is what there is for memory that mlockall(2) has locked. Linux 5.18 can give that back too.
    return errno == EINVAL && madvise(address, bytes, MADV_DONTNEED_LOCKED) == 0 ? 0 : errno;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int mayfly_populate(void *address, size_t bytes) {
    int error = injected(MAYFLY_CALL_MADVISE);
    if (error) return error;
    return madvise(address, bytes, MADV_POPULATE_WRITE) ? errno : 0;
}

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

int mayfly_guard(void *address, size_t bytes) {
    int error = injected(MAYFLY_CALL_MADVISE);
    if (error) return error;
    return madvise(address, bytes, MADV_GUARD_INSTALL) ? errno : 0;
}

void mayfly_touch_pages(void *address, size_t pages) {
    // A read-modify-write in one instruction: the fault is a write's at once, and maps no neighbours for reading. Written
    // out, because a compiler knows that such an operation changes nothing.
    for (size_t i = 0; i < pages; i++) __asm__ volatile("lock orb $0, %0" : "+m"(((char *)address)[i * 4096]));
}

int mayfly_forbid_huge_pages(void *address, size_t bytes) {
    if (madvise(address, bytes, MADV_NOHUGEPAGE) == 0) return 0;
    return errno == EINVAL ? 0 : errno;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int create_file(const char *name, int *file) {
    int error = injected(MAYFLY_CALL_MEMFD);
    if (error) return error;
    int result = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    // MFD_NOEXEC_SEAL is refused before Linux 6.3; it only silences the kernel's warning about executable memfds.
    if (result < 0 && errno == EINVAL) result = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (result < 0) return errno;
    *file = result;
    return 0;
}

int mayfly_image_create(const char *name, uint64_t bytes, int *file) {
    int result;
    int error = create_file(name, &result);
    if (error) return error;
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

// MARK: Growth files

int mayfly_growth_create(int *file) { return create_file("mayfly-growth", file); }

int mayfly_growth_truncate(int file, uint64_t bytes) {
    int error = injected(MAYFLY_CALL_TRUNCATE);
    if (error) return error;
    return ftruncate(file, (off_t)bytes) ? errno : 0;
}

uint64_t mayfly_growth_size(int file) {
    struct stat status;
    return fstat(file, &status) ? UINT64_MAX : (uint64_t)status.st_size;
}

int mayfly_growth_next_data(int file, uint64_t from, uint64_t *start, uint64_t *end) {
    off_t data = lseek(file, (off_t)from, SEEK_DATA);
    if (data < 0) {
        if (errno != ENXIO) return errno;
        *start = *end = from;
        return 0;
    }
    off_t hole = lseek(file, data, SEEK_HOLE);
    if (hole < 0) return errno;
    *start = (uint64_t)data;
    *end = (uint64_t)hole;
    return 0;
}

struct guarded_range {
    struct guarded_range *next;
    void *address;
    size_t bytes;
};
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static int guard_error;
static struct guarded_range *guarded_ranges;

// Held for reading by threads of this library's own while they work, so that none of them holds a lock or has half done
// something when the process forks. Before the other lock, which they may need for their work.
static pthread_rwlock_t background_gate = PTHREAD_RWLOCK_INITIALIZER;

static void prepare_fork(void) {
    pthread_rwlock_wrlock(&background_gate);
    pthread_mutex_lock(&guard_lock);
}

static void resume_parent(void) {
    pthread_mutex_unlock(&guard_lock);
    pthread_rwlock_unlock(&background_gate);
}

static void resume_child(void) {
    for (struct guarded_range *range = guarded_ranges; range; range = range->next) {
        void *result = mmap(range->address, range->bytes, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        // Going on would let the child's guests write into the parent's.
        if (result == MAP_FAILED) _exit(127);
    }
    pthread_mutex_unlock(&guard_lock);
    // Not unlocked: the C library tells a writer by its thread's number, which is another one here.
    pthread_rwlock_init(&background_gate, NULL);
}

static void install_guards(void) { guard_error = pthread_atfork(prepare_fork, resume_parent, resume_child); }

void mayfly_background_begin(void) {
    pthread_once(&guard_once, install_guards);
    pthread_rwlock_rdlock(&background_gate);
}

void mayfly_background_end(void) { pthread_rwlock_unlock(&background_gate); }

int mayfly_growth_guard(void *address, size_t bytes) {
    pthread_once(&guard_once, install_guards);
    if (guard_error) return guard_error;
    struct guarded_range *range = malloc(sizeof *range);
    if (!range) return ENOMEM;
    range->address = address;
    range->bytes = bytes;
    pthread_mutex_lock(&guard_lock);
    range->next = guarded_ranges;
    guarded_ranges = range;
    pthread_mutex_unlock(&guard_lock);
    return 0;
}

void mayfly_growth_unguard(void *address) {
    pthread_mutex_lock(&guard_lock);
    struct guarded_range **link = &guarded_ranges;
    while (*link && (*link)->address != address) link = &(*link)->next;
    struct guarded_range *range = *link;
    if (range) *link = range->next;
    pthread_mutex_unlock(&guard_lock);
    free(range);
}

// MARK: Finding private pages

// PAGEMAP_SCAN, Linux 6.7 (include/uapi/linux/fs.h); declared here because older headers lack it.
struct scan_argument {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_argument)
enum { SCAN_IS_FILE = 1 << 2, SCAN_IS_PRESENT = 1 << 3, SCAN_IS_SWAPPED = 1 << 4 };

// /proc/self/pagemap belongs to the process that opened it: after fork(2) the child must open its own, or it would look
// at its parent. The generation (upper half) says whose the descriptor (lower half) is; 0 is none.
static _Atomic uint64_t pagemap_file;

// Without a lock: another thread may have held it when the process forked.
static int open_pagemap(int *file) {
    uint32_t generation = mayfly_process_generation();
    uint64_t current = atomic_load_explicit(&pagemap_file, memory_order_acquire);
    while (!current || (uint32_t)(current >> 32) != generation) {
        int opened = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        if (opened < 0) return errno;
        uint64_t ours = (uint64_t)generation << 32 | (uint32_t)opened;
        // The parent's stays open in a child: the number may be another file's by now.
        if (atomic_compare_exchange_strong(&pagemap_file, &current, ours)) {
            current = ours;
        } else {
            close(opened);
        }
    }
    *file = (int)(uint32_t)current;
    return 0;
}

int mayfly_scan_pages(
    void *address, size_t bytes, struct mayfly_page_region *regions, size_t capacity, size_t *count, void **next) {
    int error = injected(MAYFLY_CALL_SCAN);
    if (error) return error;
    int pagemap = -1;
    error = open_pagemap(&pagemap);
    if (error) return error;
    struct scan_argument argument = {
        .size = sizeof argument,
        .start = (uint64_t)(uintptr_t)address,
        .end = (uint64_t)(uintptr_t)address + bytes,
        .vec = (uint64_t)(uintptr_t)regions,
        .vec_len = capacity,
        .category_inverted = SCAN_IS_FILE,
        .category_mask = SCAN_IS_FILE,
        .category_anyof_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED,
        .return_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED | MAYFLY_PAGE_IS_ZERO,
    };
    int found = ioctl(pagemap, SCAN_REQUEST, &argument);
    if (found < 0) return errno;
    *count = (size_t)found;
    *next = (void *)(uintptr_t)argument.walk_end;
    // A call that gets nowhere would be made for ever.
    return argument.walk_end <= argument.start && bytes > 0 ? EIO : 0;
}

// From the file itself, without the scan that a reset relies on: one 64-bit word per page. Bit 63: present. 62: swapped. 61: the page is a file's.
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
    int error = read_pagemap(pagemap, start, start + bytes, &where);
    close(pagemap);
    *found = (const void *)(uintptr_t)where;
    return error;
}

int mayfly_read_any(const void *address, void *target, size_t bytes) {
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (memory < 0) return errno;
    int error = mayfly_image_read(memory, target, bytes, (uint64_t)(uintptr_t)address);
    close(memory);
    return error;
}

int mayfly_processor_count(void) {
    cpu_set_t processors;
    if (sched_getaffinity(0, sizeof processors, &processors) == 0) return CPU_COUNT(&processors);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
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
