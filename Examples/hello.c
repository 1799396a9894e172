// The guest of the first command in the README: greets who is named, and does a little work to show for it.
//
//     mayfly run Examples/hello.wasm World
//
// hello.wasm beside it was built with Zig 0.17:
//
//     zig cc -target wasm32-wasi -Oz -s -Wl,-z,stack-size=65536 -o hello.wasm hello.c

#include <stdint.h>
#include <stdio.h>

enum { LIMIT = 1000000 };

static uint8_t is_composite[LIMIT];

static int primes_below_limit(void) {
    int count = 0;
    for (int number = 2; number < LIMIT; number++) {
        if (is_composite[number]) continue;
        count++;
        for (int64_t multiple = (int64_t)number * number; multiple < LIMIT; multiple += number) {
            is_composite[multiple] = 1;
        }
    }
    return count;
}

int main(int argc, char **argv) {
    printf("Hello, %s!\n", argc > 1 ? argv[1] : "World");
    printf("I am a sandbox with %zu KiB of memory of my own.\n", __builtin_wasm_memory_size(0) * 64);
    printf("There are %d primes below %d.\n", primes_below_limit(), LIMIT);
    return 0;
}
