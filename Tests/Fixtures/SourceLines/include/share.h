// A function that is inlined: its lines belong to this file, wherever its code lies.
static inline __attribute__((always_inline)) int share(int total, int parts) {
    return total / parts;  // divides
}
