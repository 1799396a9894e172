#define _GNU_SOURCE
#include "platform_build.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

struct search {
    uintptr_t address;
    bool is_found;
    bool is_program;
    uint64_t *identity;
};

// FNV-1a over 8-byte words, in two lanes.
static void hash(const unsigned char *bytes, size_t count, uint64_t identity[4]) {
    uint64_t a = 0xCBF29CE484222325, b = 0x9E3779B97F4A7C15;
    for (size_t offset = 0; offset + 16 <= count; offset += 16) {
        uint64_t words[2];
        memcpy(words, bytes + offset, sizeof(words));
        a = (a ^ words[0]) * 0x100000001B3;
        b = (b ^ words[1]) * 0x100000001B3;
        a ^= a >> 29;
        b ^= b >> 29;
    }
    identity[0] = 1;
    identity[1] = a;
    identity[2] = b;
    identity[3] = count;
}

static int visit(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    struct search *search = argument;
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[index];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || search->address < start || search->address >= start + header->p_memsz) continue;
        search->is_found = true;
        search->is_program = info->dlpi_name == NULL || info->dlpi_name[0] == 0;
        // Code is not changed by loading, and its pages are there to be read.
        if (!search->is_program) hash((const unsigned char *)start, header->p_filesz, search->identity);
        return 1;
    }
    return 0;
}

int mayfly_build_identity(uint64_t identity[4]) {
    struct search search = {.address = (uintptr_t)&mayfly_build_identity, .identity = identity};
    dl_iterate_phdr(visit, &search);
    if (!search.is_found) return ENOENT;
    if (!search.is_program) return 0;
    // The link leads to the file that was loaded, also when another one has its name by now.
    struct stat status;
    if (stat("/proc/self/exe", &status) != 0) return errno;
    identity[0] = (uint64_t)status.st_dev;
    identity[1] = (uint64_t)status.st_ino;
    identity[2] = (uint64_t)status.st_size;
    identity[3] = (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
    return 0;
}
