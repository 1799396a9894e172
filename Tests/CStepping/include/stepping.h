// Running a thread one instruction at a time, by the processor's trap flag, and asking a guest to stop before a chosen
// one.
#ifndef MAYFLY_STEPPING_H
#define MAYFLY_STEPPING_H

#include <stdint.h>

/// From now on the calling thread traps before every instruction in [low, high), and before those on the way there.
/// They are counted; before the ones of the numbers `target` and `second`, from 0, `*request` becomes 1 and the signal is
/// sent to the thread. 0 or an errno.
int stepping_begin(
    uintptr_t low, uintptr_t high, uint64_t target, uint64_t second, uint32_t *request, int signal_number);

/// The same again on the way into the range from a function that was called out of it.
void stepping_continue(void);

/// The end of that. How many instructions were counted; after the last number they are not.
uint64_t stepping_end(void);

#endif
