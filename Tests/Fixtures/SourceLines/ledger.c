// Functions that trap on lines with a mark at their end, compiled with the addresses of their lines.
//
//     for version in 4 5; do
//       clang --target=wasm32 --no-wasm-opt -O1 -gdwarf-$version -fdebug-compilation-dir=/project -nostdlib \
//         -Iinclude -Wl,--no-entry -Wl,--export=payOut -Wl,--export=readEntry -o ledger-dwarf$version.wasm ledger.c
//     done

#include "share.h"

// Nothing calls it, and so the linker leaves its code out, but not its lines.
int forgotten(int total) {
    return total * 3;
}

__attribute__((noinline)) int fee(int total, int parts) {
    if (total < 0) {
        __builtin_trap();  // stops
    }
    return share(total, parts) + 1;
}

int payOut(int total, int parts) {
    int first = fee(total, parts);  // pays
    return first * parts;
}

int readEntry(const int *entries, int number) {
    return entries[number];  // reads
}
