// File system calls that Glibc's module does not give to Swift: variadic functions, and calls without a wrapper.
// Every function returns the result, or the negated errno.
#ifndef MAYFLY_PLATFORM_FILES_H
#define MAYFLY_PLATFORM_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <sys/types.h>
#include <time.h>

// Constants that need _GNU_SOURCE.
extern const int mayfly_o_path;
extern const long mayfly_utime_now;
extern const long mayfly_utime_omit;

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS. `flags` and `mode` as for openat(2).
int mayfly_openat_beneath(int directory, const char *path, int flags, mode_t mode);

// openat(2).
int mayfly_openat(int directory, const char *path, int flags, mode_t mode);

// getdents64(2): fills `buffer` with `struct linux_dirent64` records; 0 at the end of the directory.
int64_t mayfly_getdents(int directory, void *buffer, size_t size);

// fcntl(2) with F_GETFL and F_SETFL.
int mayfly_status_flags(int descriptor);
int mayfly_set_status_flags(int descriptor, int flags);

// ioctl(2) with FIONREAD: bytes that can be read at once.
int64_t mayfly_readable_bytes(int descriptor);

// 1 for a datagram socket, 0 for one of another kind.
int mayfly_is_datagram_socket(int descriptor);

// 1 for a socket that listens.
int mayfly_is_listening_socket(int descriptor);

// accept4(2) with SOCK_CLOEXEC.
int mayfly_accept(int descriptor, int is_nonblocking);

// Whether the process has a limit on the size of files it writes, beyond which the kernel sends it SIGXFSZ.
int mayfly_has_file_size_limit(void);

// fallocate(2) with mode 0.
int mayfly_allocate(int descriptor, off_t offset, off_t length);

// utimensat(2) on the file itself, whose descriptor may be open for its path only. `times`: access, modification.
int mayfly_set_times(int descriptor, const struct timespec times[2]);

// getrandom(2).
int64_t mayfly_random(void *buffer, size_t size);

// ppoll(2) with the signal mask as it is. `timeout` may be null.
int mayfly_poll(struct pollfd *requests, nfds_t count, const struct timespec *timeout);

#endif
