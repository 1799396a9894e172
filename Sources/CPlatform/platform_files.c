#define _GNU_SOURCE
#include "platform_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const int mayfly_o_path = O_PATH;
const long mayfly_utime_now = UTIME_NOW;
const long mayfly_utime_omit = UTIME_OMIT;

// From linux/openat2.h and the kernel's table of system calls, spelled out so that older headers suffice.
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

struct mayfly_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

enum { mayfly_resolve_no_magiclinks = 0x02, mayfly_resolve_beneath = 0x08 };

int mayfly_openat_beneath(int directory, const char *path, int flags, mode_t mode) {
    // The kernel rejects a mode where nothing is created.
    struct mayfly_open_how how = {
        .flags = (uint64_t)(unsigned)flags,
        .mode = (flags & O_CREAT) ? mode : 0,
        .resolve = mayfly_resolve_beneath | mayfly_resolve_no_magiclinks,
    };
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return result < 0 ? -errno : (int)result;
}

int mayfly_openat(int directory, const char *path, int flags, mode_t mode) {
    int result = openat(directory, path, flags, mode);
    return result < 0 ? -errno : result;
}

int64_t mayfly_getdents(int directory, void *buffer, size_t size) {
    long result = syscall(SYS_getdents64, directory, buffer, size);
    return result < 0 ? -errno : result;
}

int mayfly_status_flags(int descriptor) {
    int result = fcntl(descriptor, F_GETFL);
    return result < 0 ? -errno : result;
}

int mayfly_set_status_flags(int descriptor, int flags) {
    return fcntl(descriptor, F_SETFL, flags) < 0 ? -errno : 0;
}

int64_t mayfly_readable_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}

int mayfly_is_datagram_socket(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ? -errno : type == SOCK_DGRAM;
}

int mayfly_is_listening_socket(int descriptor) {
    int is_listening = 0;
    socklen_t size = sizeof is_listening;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) < 0 ? -errno : is_listening != 0;
}

int mayfly_accept(int descriptor, int is_nonblocking) {
    int result = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | (is_nonblocking ? SOCK_NONBLOCK : 0));
    return result < 0 ? -errno : result;
}

int mayfly_has_file_size_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY;
}

int mayfly_allocate(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, 0, offset, length) < 0 ? -errno : 0;
}

int mayfly_set_times(int descriptor, const struct timespec times[2]) {
    return utimensat(descriptor, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int64_t mayfly_random(void *buffer, size_t size) {
    ssize_t result = getrandom(buffer, size, 0);
    return result < 0 ? -errno : result;
}

int mayfly_poll(struct pollfd *requests, nfds_t count, const struct timespec *timeout) {
    int result = ppoll(requests, count, timeout, NULL);
    return result < 0 ? -errno : result;
}
