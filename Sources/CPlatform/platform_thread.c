#define _GNU_SOURCE
#include "platform_thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

_Thread_local struct mayfly_thread mayfly_this_thread __attribute__((tls_model("initial-exec")));

static _Thread_local int failing_readings;
static _Thread_local uint64_t reading_count;

// Until the page is there.
static const volatile uint32_t no_generation = 0;
const volatile uint32_t *mayfly_generation_word = &no_generation;

static _Atomic uint32_t *generation_page;
// Copied into a child by fork(2), unlike the page: where the child counts on from.
static _Atomic uint32_t last_generation;
static _Atomic uint64_t last_serial;
static _Atomic uint32_t last_ordinal;
static pthread_once_t generation_once = PTHREAD_ONCE_INIT;

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static void wipe_generation(void) { atomic_store(generation_page, 0); }

static void make_generation_page(void) {
    static _Atomic uint32_t ordinary;
    generation_page = &ordinary;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, 4096, MADV_WIPEONFORK) == 0) {
        generation_page = page;
    } else {
        // Before Linux 4.14: what the C library's fork calls has to do.
        pthread_atfork(NULL, NULL, wipe_generation);
    }
    atomic_store(&last_generation, 1);
    atomic_store(generation_page, 1);
    __atomic_store_n(&mayfly_generation_word, (const volatile uint32_t *)generation_page, __ATOMIC_RELEASE);
}

uint32_t mayfly_process_generation(void) {
    pthread_once(&generation_once, make_generation_page);
    uint32_t generation = atomic_load(generation_page);
    if (generation != 0) return generation;
    // In a child. Should several threads come here at once, one of them decides.
    uint32_t next = atomic_fetch_add(&last_generation, 1) + 1;
    return atomic_compare_exchange_strong(generation_page, &generation, next) ? next : generation;
}

void mayfly_thread_begin(void) {
    uint32_t generation = mayfly_process_generation();
    if (mayfly_this_thread.generation == generation) return;
    mayfly_this_thread.generation = generation;
    mayfly_this_thread.ordinal = atomic_fetch_add(&last_ordinal, 1);
    mayfly_this_thread.serial = atomic_fetch_add(&last_serial, 1) + 1;
    mayfly_this_thread.last_faults = MAYFLY_FAULTS_UNKNOWN;
}

uint64_t mayfly_thread_read_faults(void) {
    struct rusage usage;
    mayfly_thread_self();
    reading_count++;
    if (failing_readings > 0) {
        failing_readings--;
    } else if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        return mayfly_this_thread.last_faults = (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
    }
    return mayfly_this_thread.last_faults = MAYFLY_FAULTS_UNKNOWN;
}

void mayfly_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void mayfly_test_fail_readings(int times) { failing_readings = times; }

uint64_t mayfly_test_reading_count(void) { return reading_count; }
