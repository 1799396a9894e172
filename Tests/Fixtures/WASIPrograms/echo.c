// Writes what it reads, with the number of each line in front of it: one loop around poll, which waits for input, for
// room to write, and for a timer.
//
//     echo [-nx] [-b SIZE] [-t MILLISECONDS] [-i COUNT]
//
//     -b  keep at most SIZE bytes between input and output
//     -i  after the first input, end when the timer has gone off COUNT times with nothing to read or write
//     -n  make input and output non-blocking, and use them until they would block
//     -t  the timer goes off after so long without any event
//     -x  before all else, look how the host answers to odd requests
//
// A line "quit" is the last one read. At the end a summary goes to standard error, in which nothing depends on how the
// input was cut into pieces or on how long it took. The exit code is 1 after an error, and 3 after -i.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 1, IDLE = 3 };
// The longest number, a colon, a space, and the byte itself.
enum { EXPANSION = 16 };

static struct {
    long capacity, period, idle_count;
    bool is_nonblocking, is_odd;
} options = {.capacity = 1024, .period = 20};

// What is formatted and not written yet: a ring.
static struct {
    char *bytes;
    size_t start, count;
} pending;

static long lines;
static unsigned long long bytes_read, bytes_written;
static uint32_t digest = 1;
static bool is_inside_line, is_over, read_would_block, timer_was_early;
static char last_line[8];
static size_t last_line_size;

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
    exit(FAILED);
}

// Nanoseconds.
static long long now(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time)) fail("clock");
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long wait_for(struct pollfd *requests, nfds_t count, int milliseconds, int *result) {
    long long start = now();
    *result = poll(requests, count, milliseconds);
    long long passed = now() - start;
    if (*result == 0 && passed < milliseconds * 1000000LL) timer_was_early = true;
    return passed;
}

// Formatting

static size_t room(void) { return (options.capacity - pending.count) / EXPANSION; }

static void push(char byte) {
    pending.bytes[(pending.start + pending.count++) % options.capacity] = byte;
}

// Takes input up to the line that ends it.
static void take(const char *bytes, size_t count) {
    for (size_t i = 0; i < count && !is_over; i++) {
        if (!is_inside_line) {
            char number[EXPANSION];
            snprintf(number, sizeof number, "%ld: ", ++lines);
            for (char *c = number; *c; c++) push(*c);
            is_inside_line = true;
            last_line_size = 0;
        }
        push(bytes[i]);
        bytes_read++;
        digest = digest * 31 + (uint8_t)bytes[i];
        if (bytes[i] == '\n') {
            is_inside_line = false;
            is_over = last_line_size == 4 && !memcmp(last_line, "quit", 4);
        } else if (last_line_size < sizeof last_line) {
            last_line[last_line_size++] = bytes[i];
        }
    }
}

// Reading and writing

// Reads once, or when that cannot block until there is nothing.
static void read_some(bool is_nonblocking) {
    while (!is_over && room() > 0) {
        char chunk[256];
        ssize_t count = read(STDIN_FILENO, chunk, room() < sizeof chunk ? room() : sizeof chunk);
        if (count == 0) {
            is_over = true;
        } else if (count > 0) {
            take(chunk, count);
        } else if (errno == EAGAIN) {
            read_would_block = true;
            return;
        } else if (errno != EINTR) {
            fail("read");
        }
        if (!is_nonblocking) return;
    }
}

static void write_some(bool is_nonblocking) {
    while (pending.count > 0) {
        size_t to_end = options.capacity - pending.start;
        size_t size = pending.count < to_end ? pending.count : to_end;
        ssize_t count = write(STDOUT_FILENO, pending.bytes + pending.start, size);
        if (count >= 0) {
            pending.start = (pending.start + count) % options.capacity;
            pending.count -= count;
            bytes_written += count;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail("write");
        }
        if (!is_nonblocking) return;
    }
}

static bool make_nonblocking(int descriptor, const char *name) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0 && !fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        && (flags = fcntl(descriptor, F_GETFL)) >= 0 && flags & O_NONBLOCK) {
        fprintf(stderr, "echo: %s does not block\n", name);
        return true;
    }
    fprintf(stderr, "echo: %s stays as it is: %s\n", name, strerror(errno));
    return false;
}

// Returns the exit code.
static int run(void) {
    bool input_is_nonblocking = options.is_nonblocking && make_nonblocking(STDIN_FILENO, "input");
    bool output_is_nonblocking = options.is_nonblocking && make_nonblocking(STDOUT_FILENO, "output");
    long idle = 0;
    while (!is_over || pending.count > 0) {
        struct pollfd requests[2], *input = NULL, *output = NULL;
        nfds_t count = 0;
        if (!is_over && room() > 0) {
            input = &requests[count++];
            *input = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        }
        if (pending.count > 0) {
            output = &requests[count++];
            *output = (struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT};
        }
        int ready;
        wait_for(requests, count, options.period, &ready);
        if (ready < 0 && errno != EINTR) fail("poll");
        if (ready == 0) {
            if (options.idle_count > 0 && bytes_read > 0 && ++idle == options.idle_count) return IDLE;
            continue;
        }
        idle = 0;
        if ((input && input->revents & POLLNVAL) || (output && output->revents & POLLNVAL)) {
            errno = EBADF;
            fail("poll");
        }
        // What is wrong with a descriptor, its use will tell; after a hangup there may be something to read.
        if (output && output->revents) write_some(output_is_nonblocking);
        if (input && input->revents) read_some(input_is_nonblocking);
    }
    return 0;
}

// Odd requests

static void show(const char *what, int result, int revents) {
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
    } else {
        printf("%s: %d ready%s%s%s%s%s\n", what, result, revents & POLLIN ? ", in" : "",
               revents & POLLOUT ? ", out" : "", revents & POLLERR ? ", error" : "",
               revents & POLLHUP ? ", hangup" : "", revents & POLLNVAL ? ", invalid" : "");
    }
}

static void ask_odd_things(void) {
    int result;
    struct pollfd closed = {.fd = 99, .events = POLLIN};
    wait_for(&closed, 1, 0, &result);
    show("a closed descriptor", result, closed.revents);
    struct pollfd ignored = {.fd = -1, .events = POLLIN};
    wait_for(&ignored, 1, 10, &result);
    show("no descriptor", result, ignored.revents);
    wait_for(NULL, 0, 10, &result);
    show("a timer alone", result, 0);
    int directory = open("/", O_RDONLY | O_DIRECTORY);
    if (directory >= 0) {
        struct pollfd request = {.fd = directory, .events = POLLIN};
        wait_for(&request, 1, 0, &result);
        show("a directory", result, request.revents);
        close(directory);
    }
    int file = open("file", O_RDWR | O_CREAT, 0666);
    if (file >= 0) {
        // Each alone, for a host may tell of one and leave the other for later.
        struct pollfd request = {.fd = file, .events = POLLIN};
        wait_for(&request, 1, -1, &result);
        show("a file to read", result, request.revents);
        request.events = POLLOUT;
        wait_for(&request, 1, -1, &result);
        show("a file to write", result, request.revents);
        close(file);
    }
    printf("write to input: %s\n", write(STDIN_FILENO, "x", 1) < 0 ? strerror(errno) : "done");
    char byte;
    printf("read from output: %s\n", read(STDOUT_FILENO, &byte, 1) < 0 ? strerror(errno) : "done");
    printf("seek in input: %s\n", lseek(STDIN_FILENO, 0, SEEK_CUR) < 0 ? strerror(errno) : "done");

    struct timespec pause = {.tv_nsec = 5000000}, resolution;
    long long start = now();
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    printf("sleep: %s%s\n", error ? strerror(error) : "done", !error && now() - start < pause.tv_nsec ? ", early" : "");
    long long until = now() + 5000000;
    pause = (struct timespec){until / 1000000000, until % 1000000000};
    error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &pause, NULL);
    printf("sleep until: %s%s\n", error ? strerror(error) : "done", !error && now() < until ? ", early" : "");
    bool resolves = !clock_getres(CLOCK_MONOTONIC, &resolution) && resolution.tv_nsec > 0;
    printf("resolution: %s\n", resolves ? "known" : "unknown");
    printf("time: %s\n", time(NULL) > 1600000000 ? "plausible" : "wrong");
    if (fflush(stdout)) fail("write");
}

int main(int argc, char **argv) {
    for (int option; (option = getopt(argc, argv, "nxb:t:i:")) != -1;) {
        switch (option) {
        case 'n': options.is_nonblocking = true; break;
        case 'x': options.is_odd = true; break;
        case 'b': options.capacity = atol(optarg); break;
        case 't': options.period = atol(optarg); break;
        case 'i': options.idle_count = atol(optarg); break;
        default: return FAILED;
        }
    }
    pending.bytes = options.capacity < EXPANSION ? NULL : malloc(options.capacity);
    if (!pending.bytes) {
        errno = EINVAL;
        fail("-b");
    }
    if (options.is_odd) ask_odd_things();
    int code = run();
    bool is_idle = code == IDLE;
    fprintf(stderr, "echo: %llu bytes in %ld lines, digest %08x, %llu bytes written%s%s, timer %s\n", bytes_read, lines,
            digest, bytes_written, is_idle ? ", idle" : "", is_idle && read_would_block ? ", would block" : "",
            timer_was_early ? "early" : "never early");
    return code;
}
