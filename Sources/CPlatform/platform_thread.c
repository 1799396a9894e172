#define _GNU_SOURCE
#include "platform_thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
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
// A bit for each ordinal that a thread has. Who comes when all are taken counts on from there.
static _Atomic uint64_t ordinals[16];
static _Atomic uint32_t further_ordinals;
static pthread_key_t end_key;
static bool has_end_key;
static pthread_once_t generation_once = PTHREAD_ONCE_INIT;

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static void wipe_generation(void) { atomic_store(generation_page, 0); }

static const uint32_t ordinal_count = 64 * sizeof(ordinals) / sizeof(ordinals[0]);

static uint32_t take_ordinal(void) {
    for (uint32_t word = 0; word < ordinal_count / 64; word++) {
        uint64_t taken = atomic_load(&ordinals[word]);
        while (~taken != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~taken);
            if (atomic_compare_exchange_weak(&ordinals[word], &taken, taken | (uint64_t)1 << bit)) {
                return 64 * word + bit;
            }
        }
    }
    return ordinal_count + atomic_fetch_add(&further_ordinals, 1);
}

// Runs on a thread that ends. A destructor that comes after it may still use the ordinal: two threads with the same are
// slower, no more.
static void end_thread(void *thread) {
    (void)thread;
    uint32_t ordinal = mayfly_this_thread.ordinal;
    if (ordinal >= ordinal_count || mayfly_this_thread.generation != mayfly_process_generation()) return;
    atomic_fetch_and(&ordinals[ordinal / 64], ~((uint64_t)1 << ordinal % 64));
}

static void make_generation_page(void) {
    has_end_key = pthread_key_create(&end_key, end_thread) == 0;
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
    if (!atomic_compare_exchange_strong(generation_page, &generation, next)) return generation;
    // The parent's threads do not exist here.
    for (uint32_t word = 0; word < ordinal_count / 64; word++) atomic_store(&ordinals[word], 0);
    return next;
}

void mayfly_thread_begin(void) {
    uint32_t generation = mayfly_process_generation();
    if (mayfly_this_thread.generation == generation) return;
    mayfly_this_thread.generation = generation;
    mayfly_this_thread.ordinal = take_ordinal();
    // Without a notice of its end the thread keeps its ordinal for ever.
    if (has_end_key) pthread_setspecific(end_key, &mayfly_this_thread);
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

int mayfly_thread_is_impatient(void) { return mayfly_this_thread.is_impatient != 0; }

void mayfly_thread_set_impatient(int is_impatient) { mayfly_this_thread.is_impatient = is_impatient != 0; }

void mayfly_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void mayfly_test_fail_readings(int times) { failing_readings = times; }

uint64_t mayfly_test_reading_count(void) { return reading_count; }
