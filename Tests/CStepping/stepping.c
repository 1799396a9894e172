#define _GNU_SOURCE
#include "stepping.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

// Of the one thread that steps.
static volatile uintptr_t low, high;
static volatile uint64_t count, target, next_target;
static volatile uint32_t *volatile request;
static volatile int bell;
static volatile int is_inside;
// Nothing will be asked for any more: no need to go on in steps.
static volatile int is_done;
static struct sigaction previous;
// Where calls out of the range return to. Their return addresses are replaced by that of code which begins to step
// again: what happens outside takes a thousand times longer in steps than all the rest.
static uintptr_t returns[8];
static volatile int depth;

enum { trap_flag = 0x100 };

void stepping_resume(void);
uintptr_t stepping_take_return(void) { return returns[--depth]; }

__asm__(
    ".text\n"
    ".type stepping_resume, @function\n"
    "stepping_resume:\n"
    "    subq $8, %rsp\n"
    "    pushq %rax\n"
    "    call stepping_take_return\n"
    "    movq %rax, 8(%rsp)\n"
    "    popq %rax\n"
    "    pushfq\n"
    "    orq $0x100, (%rsp)\n"
    "    popfq\n"
    "    ret\n");

static int is_in_range(uintptr_t address) { return address >= low && address < high; }

static void step(int signal_number, siginfo_t *info, void *raw_context) {
    (void)signal_number;
    (void)info;
    greg_t *registers = ((ucontext_t *)raw_context)->uc_mcontext.gregs;
    uintptr_t address = (uintptr_t)registers[REG_RIP];
    if (is_in_range(address)) {
        is_inside = 1;
        if (count == target) {
            *request = 1;
            is_done = next_target == UINT64_MAX;
            target = next_target;
            next_target = UINT64_MAX;
            // Delivered when this handler returns, before the instruction.
            syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), bell);
        }
        count++;
    } else if (is_inside) {
        // Left by a call or for good.
        is_inside = 0;
        uintptr_t *top = (uintptr_t *)registers[REG_RSP];
        if (is_in_range(*top)) {
            returns[depth++] = *top;
            *top = (uintptr_t)stepping_resume;
        }
        registers[REG_EFL] &= ~(greg_t)trap_flag;
    }
    if (is_done) registers[REG_EFL] &= ~(greg_t)trap_flag;
}

int stepping_begin(
    uintptr_t low_address, uintptr_t high_address, uint64_t number, uint64_t second, uint32_t *request_word,
    int signal_number) {
    low = low_address;
    high = high_address;
    target = number;
    next_target = second;
    count = 0;
    request = request_word;
    bell = signal_number;
    is_inside = 0;
    is_done = 0;
    depth = 0;
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = step;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    // So that it is delivered when the handler returns, and not in it.
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, signal_number);
    if (sigaction(SIGTRAP, &action, &previous) != 0) return errno;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTRAP);
    sigaddset(&signals, signal_number);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    stepping_continue();
    return 0;
}

void stepping_continue(void) { __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc"); }

uint64_t stepping_end(void) {
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
    sigaction(SIGTRAP, &previous, NULL);
    return count;
}
