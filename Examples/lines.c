// Counts the lines and bytes of files: a guest that needs files, and gets those beneath the directories given to it.
//
//     mayfly run --dir Examples::/ Examples/lines.wasm gcd.wat /etc/passwd
//
// lines.wasm beside it was built with Zig 0.17:
//
//     zig cc -target wasm32-wasi -Oz -s -Wl,-z,stack-size=65536 -o lines.wasm lines.c

#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        if (!file) {
            printf("%s: %s\n", argv[i], strerror(errno));
            failures++;
            continue;
        }
        long lines = 0, bytes = 0;
        for (int c; (c = getc(file)) != EOF; bytes++) lines += c == '\n';
        fclose(file);
        printf("%s: %ld lines, %ld bytes\n", argv[i], lines, bytes);
    }
    return failures > 0;
}
