// A key-value store in one file, to which every change is appended; the last record of a key counts.
//
//     log FILE COMMAND...
//
//     put KEY VALUE      get KEY      delete KEY     list      size
//     compact            write what is valid to a new file, and put that in place of the old one
//     sync               wait until all is on the disk
//     syncdir            the same for the directory, and show whether the host can
//     stamp SECONDS NANOSECONDS       set the file's times, and show what became of them
//     reserve BYTES      have disk space for so much, as far as the host can
//     tear BYTES         lose so much of the end, as a crash would, and open again
//     flip OFFSET        invert a byte, as a bad disk would, and open again
//     crash              leave an unfinished new file, as a crash while compacting would, and open again
//
// A record is a header, the key and the value. When the file is opened, records are read up to the first that is cut
// off or has a wrong checksum; the rest is cut off. FILE.lock exists while the file is open, so that there is one
// writer.
//
// The exit code is 1 if a key was not found, 2 for other failures, and 3 if another writer has the file.

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOT_FOUND = 1, FAILED = 2, LOCKED = 3 };
enum { MAGIC = 0x31474f4c, DELETED = UINT32_MAX, MAXIMUM_SIZE = 1 << 20 };

struct header {
    uint32_t magic;
    uint32_t checksum;  // of what follows, with key and value
    uint32_t key_size;
    uint32_t value_size;  // DELETED: there is none, and the key is gone
};

struct entry {
    char *key;
    off_t value_offset;
    uint32_t value_size;
};

static struct {
    char *path, *lock_path, *new_path;
    int descriptor;
    off_t size;
    struct entry *entries;  // sorted by key
    int count;
} store;

_Noreturn static void die(const char *format, ...) {
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("log: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, ": %s\n", strerror(error));
    if (store.lock_path) unlink(store.lock_path);
    exit(FAILED);
}

static void *checked(void *memory) {
    if (!memory) die("memory");
    return memory;
}

static char *with_suffix(const char *path, const char *suffix) {
    char *result = checked(malloc(strlen(path) + strlen(suffix) + 1));
    return strcat(strcpy(result, path), suffix);
}

// CRC-32, a bit at a time.
static uint32_t checksum(uint32_t sum, const void *bytes, size_t count) {
    sum = ~sum;
    for (const uint8_t *byte = bytes; count > 0; byte++, count--) {
        sum ^= *byte;
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320 : 0);
    }
    return ~sum;
}

// The index

// The place of a key, or where it would have to be.
static int place_of(const char *key, bool *is_there) {
    int low = 0, high = store.count;
    while (low < high) {
        int middle = (low + high) / 2;
        int order = strcmp(store.entries[middle].key, key);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there = false;
    return low;
}

static void index_record(const char *key, off_t value_offset, uint32_t value_size) {
    bool is_there;
    int place = place_of(key, &is_there);
    struct entry *entry = &store.entries[place];
    if (value_size == DELETED) {
        if (!is_there) return;
        free(entry->key);
        memmove(entry, entry + 1, (--store.count - place) * sizeof *entry);
        return;
    }
    if (!is_there) {
        store.entries = checked(realloc(store.entries, (store.count + 1) * sizeof *entry));
        entry = &store.entries[place];
        memmove(entry + 1, entry, (store.count++ - place) * sizeof *entry);
        entry->key = checked(strdup(key));
    }
    entry->value_offset = value_offset;
    entry->value_size = value_size;
}

// Records

static bool read_exactly(int descriptor, void *bytes, size_t count, off_t offset) {
    while (count > 0) {
        ssize_t result = pread(descriptor, bytes, count, offset);
        if (result < 0) die("%s", store.path);
        if (result == 0) return false;
        bytes = (char *)bytes + result;
        count -= result;
        offset += result;
    }
    return true;
}

// Appends a record to an open file. Returns its size.
static off_t write_record(int descriptor, const char *key, const void *value, uint32_t value_size) {
    size_t byte_count = value_size == DELETED ? 0 : value_size;
    struct header header = {MAGIC, 0, strlen(key), value_size};
    header.checksum = checksum(0, &header.key_size, 2 * sizeof(uint32_t));
    header.checksum = checksum(header.checksum, key, header.key_size);
    header.checksum = checksum(header.checksum, value, byte_count);
    struct iovec parts[] = {
        {&header, sizeof header}, {(void *)key, header.key_size}, {(void *)value, byte_count}};
    int count = byte_count > 0 ? 3 : 2;
    size_t total = sizeof header + header.key_size + byte_count;
    struct iovec *rest = parts;
    for (size_t left = total; left > 0;) {
        ssize_t written = writev(descriptor, rest, count);
        if (written < 0) die("write %s", store.path);
        left -= written;
        while (count > 0 && (size_t)written >= rest->iov_len) {
            written -= rest++->iov_len;
            count--;
        }
        if (count > 0) {
            rest->iov_base = (char *)rest->iov_base + written;
            rest->iov_len -= written;
        }
    }
    return total;
}

// Reads the record at an offset into the index. Returns its size, or 0 if it is not whole.
static off_t read_record(off_t offset) {
    struct header header;
    if (!read_exactly(store.descriptor, &header, sizeof header, offset)) return 0;
    size_t value_size = header.value_size == DELETED ? 0 : header.value_size;
    if (header.magic != MAGIC || header.key_size > MAXIMUM_SIZE || value_size > MAXIMUM_SIZE) return 0;
    char *body = checked(malloc(header.key_size + value_size + 1));
    off_t size = 0;
    if (read_exactly(store.descriptor, body, header.key_size + value_size, offset + sizeof header)) {
        uint32_t sum = checksum(0, &header.key_size, 2 * sizeof(uint32_t));
        if (checksum(sum, body, header.key_size + value_size) == header.checksum) {
            size = sizeof header + header.key_size + value_size;
            body[header.key_size] = 0;
            index_record(body, offset + sizeof header + header.key_size, header.value_size);
        }
    }
    free(body);
    return size;
}

// Opening and closing

static void open_store(void) {
    int lock = open(store.lock_path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (lock < 0 && errno == EEXIST) {
        fprintf(stderr, "log: %s has another writer\n", store.path);
        exit(LOCKED);
    }
    if (lock < 0 || close(lock)) {
        char *path = store.lock_path;
        store.lock_path = NULL;
        die("lock %s", path);
    }
    if (!unlink(store.new_path)) {
        fprintf(stderr, "log: removed an unfinished %s\n", store.new_path);
    } else if (errno != ENOENT) {
        die("remove %s", store.new_path);
    }

    store.descriptor = open(store.path, O_RDWR | O_CREAT | O_APPEND, 0666);
    struct stat status;
    if (store.descriptor < 0 || fstat(store.descriptor, &status)) die("open %s", store.path);
    store.size = 0;
    for (off_t size; (size = read_record(store.size)) > 0;) store.size += size;
    if (store.size < status.st_size) {
        fprintf(stderr, "log: cut off %lld bytes at %lld\n", (long long)(status.st_size - store.size),
                (long long)store.size);
        if (ftruncate(store.descriptor, store.size) || fsync(store.descriptor)) die("truncate %s", store.path);
    }
}

static void close_store(void) {
    for (int i = 0; i < store.count; i++) free(store.entries[i].key);
    store.count = 0;
    if (close(store.descriptor)) die("close %s", store.path);
    if (unlink(store.lock_path)) die("unlock %s", store.path);
}

static void reopen(void) {
    close_store();
    open_store();
}

// Commands

static void *value_of(const struct entry *entry) {
    void *value = checked(malloc(entry->value_size + 1));
    bool is_whole = read_exactly(store.descriptor, value, entry->value_size, entry->value_offset);
    if (!is_whole) die("%s ends early", store.path);
    return value;
}

static void put(const char *key, const void *value, uint32_t value_size) {
    off_t size = write_record(store.descriptor, key, value, value_size);
    // Appended, wherever the position was.
    if (lseek(store.descriptor, 0, SEEK_CUR) != store.size + size) die("position in %s", store.path);
    if (fdatasync(store.descriptor)) die("sync %s", store.path);
    index_record(key, store.size + sizeof(struct header) + strlen(key), value_size);
    store.size += size;
}

static int get(const char *key) {
    bool is_there;
    int place = place_of(key, &is_there);
    if (!is_there) {
        printf("%s is not there\n", key);
        return NOT_FOUND;
    }
    char *value = value_of(&store.entries[place]);
    printf("%s = ", key);
    fwrite(value, 1, store.entries[place].value_size, stdout);
    putchar('\n');
    free(value);
    return 0;
}

static int delete(const char *key) {
    bool is_there;
    place_of(key, &is_there);
    if (!is_there) return NOT_FOUND;
    put(key, NULL, DELETED);
    return 0;
}

// A rename is on the disk when the directory is. Returns whether the host can do that.
static bool sync_directory(void) {
    char *path = checked(strdup(store.path));
    int directory = open(dirname(path), O_RDONLY | O_DIRECTORY);
    if (directory < 0) die("open the directory of %s", store.path);
    bool is_done = !fsync(directory);
    int error = errno;
    if (close(directory)) die("close the directory of %s", store.path);
    free(path);
    errno = error;
    return is_done;
}

static void compact(void) {
    int descriptor = open(store.new_path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (descriptor < 0) die("create %s", store.new_path);
    off_t size = 0;
    for (int i = 0; i < store.count; i++) {
        void *value = value_of(&store.entries[i]);
        size += write_record(descriptor, store.entries[i].key, value, store.entries[i].value_size);
        free(value);
    }
    if (fsync(descriptor) || close(descriptor)) die("sync %s", store.new_path);
    if (rename(store.new_path, store.path)) die("rename %s", store.new_path);
    // Where it fails, a crash may bring back the old file, which is as good.
    sync_directory();

    // The old file has no name any more, but is open still.
    struct stat status;
    if (fstat(store.descriptor, &status)) die("stat %s", store.path);
    printf("compacted %lld bytes to %lld, old file has %u links\n", (long long)status.st_size, (long long)size,
           (unsigned)status.st_nlink);
    reopen();
}

static void print_times(const struct stat *status) {
    printf("read %lld.%09ld, changed %lld.%09ld\n", (long long)status->st_atim.tv_sec, status->st_atim.tv_nsec,
           (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
}

static void stamp(long long seconds, long nanoseconds) {
    struct stat status;
    struct timespec times[] = {{seconds, nanoseconds}, {seconds + 1, nanoseconds}};
    if (futimens(store.descriptor, times) || fstat(store.descriptor, &status)) die("stamp %s", store.path);
    print_times(&status);
    // By path, and the time of change only.
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = (struct timespec){seconds + 2, 0};
    if (utimensat(AT_FDCWD, store.path, times, 0) || stat(store.path, &status)) die("stamp %s", store.path);
    print_times(&status);
    times[1].tv_nsec = UTIME_NOW;
    if (futimens(store.descriptor, times) || fstat(store.descriptor, &status)) die("stamp %s", store.path);
    printf("changed %s\n", status.st_mtim.tv_sec > seconds + 2 ? "now" : "in the past");
}

static void tear(off_t count) {
    if (ftruncate(store.descriptor, count < store.size ? store.size - count : 0)) die("truncate %s", store.path);
    reopen();
}

static void flip(off_t offset) {
    // Not through the store's own descriptor: that appends.
    int descriptor = open(store.path, O_RDWR);
    uint8_t byte;
    if (descriptor < 0 || pread(descriptor, &byte, 1, offset) != 1) die("read %s", store.path);
    byte = ~byte;
    if (pwrite(descriptor, &byte, 1, offset) != 1 || close(descriptor)) die("write %s", store.path);
    reopen();
}

static void crash(void) {
    int descriptor = open(store.new_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0 || write(descriptor, "LOG1", 4) != 4 || close(descriptor)) die("create %s", store.new_path);
    reopen();
}

static void reserve(off_t count) {
    int error = posix_fallocate(store.descriptor, 0, count);
    struct stat status;
    if (fstat(store.descriptor, &status)) die("stat %s", store.path);
    printf("reserve: %s, %lld bytes\n", error ? strerror(error) : "done", (long long)status.st_size);
    if (ftruncate(store.descriptor, store.size)) die("truncate %s", store.path);
}

static void list(void) {
    for (int i = 0; i < store.count; i++) get(store.entries[i].key);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: log FILE COMMAND...\n", stderr);
        return FAILED;
    }
    store.path = argv[1];
    store.lock_path = with_suffix(store.path, ".lock");
    store.new_path = with_suffix(store.path, ".new");
    open_store();
    int result = 0;
    for (int next = 2; next < argc;) {
        const char *command = argv[next];
        // Commands and how many operands each takes.
        static const struct {
            const char *name;
            int count;
        } commands[] = {
            {"put", 2},  {"get", 1},   {"delete", 1}, {"list", 0},  {"size", 0}, {"compact", 0}, {"sync", 0},
            {"stamp", 2}, {"tear", 1}, {"flip", 1},   {"crash", 0}, {"reserve", 1}, {"syncdir", 0},
        };
        size_t i = 0, count = sizeof commands / sizeof *commands;
        while (i < count && strcmp(command, commands[i].name)) i++;
        if (i == count || argc - next <= commands[i].count) {
            errno = EINVAL;
            die("command %s", command);
        }
        char **operands = argv + next + 1;
        next += 1 + commands[i].count;
        switch (i) {
        case 0: put(operands[0], operands[1], strlen(operands[1])); break;
        case 1: result |= get(operands[0]); break;
        case 2: result |= delete(operands[0]); break;
        case 3: list(); break;
        case 4: printf("%d keys, %lld bytes\n", store.count, (long long)store.size); break;
        case 5: compact(); break;
        case 6:
            if (fsync(store.descriptor)) die("sync %s", store.path);
            break;
        case 7: stamp(atoll(operands[0]), atol(operands[1])); break;
        case 8: tear(atoll(operands[0])); break;
        case 9: flip(atoll(operands[0])); break;
        case 10: crash(); break;
        case 11: reserve(atoll(operands[0])); break;
        case 12: printf("sync of the directory: %s\n", sync_directory() ? "done" : strerror(errno)); break;
        }
    }
    close_store();
    return fflush(stdout) ? FAILED : result;
}
