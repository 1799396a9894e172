// Lists trees of files, removes them, and makes them.
//
//     walk [-Lenp] DIRECTORY...             list; what lies in a directory is sorted by name
//     walk -r [-en] DIRECTORY...            remove while listing
//     walk -m [-e] DIRECTORY ACTION...      change what is in a directory
//
//     -L  follow links, but into no directory a second time on one path
//     -e  print the numbers of errors, not their text
//     -n  print no totals
//     -p  check that each directory can be read from any position, and that its entries agree with what they name
//
// Actions name files in the directory, or beneath it:
//
//     NAME/           make a directory           NAME=TEXT       make a file
//     NAME->TARGET    make a symbolic link       NAME==OLD       make a hard link
//     NAME<-OLD       rename OLD                 !NAME, !NAME/   remove a file, a directory
//     ?NAME, ?NAME/   say what it is             ??NAME          the same, without following a link
//
// The exit code is 1 if anything failed; what is left is done all the same.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool follows_links, removes, makes, prints_numbers, omits_totals, checks_positions;
static bool has_failed;
static struct {
    int directories, files, links, depth;
    long long bytes;
} totals;

// The directories that a walk is in.
struct level {
    const struct level *parent;
    dev_t device;
    ino_t inode;
    int depth;
};

static void complain(const char *what, const char *path) {
    has_failed = true;
    fflush(stdout);
    if (prints_numbers) {
        fprintf(stderr, "walk: %s %.100s: error %d\n", what, path, errno);
    } else {
        fprintf(stderr, "walk: %s %.100s: %s\n", what, path, strerror(errno));
    }
}

static void *checked(void *memory) {
    if (memory) return memory;
    fputs("walk: no memory\n", stderr);
    exit(2);
}

static char *joined(const char *directory, const char *name) {
    char *path = checked(malloc(strlen(directory) + strlen(name) + 2));
    size_t size = strlen(directory);
    sprintf(path, "%s%s%s", directory, size == 0 || directory[size - 1] == '/' ? "" : "/", name);
    return path;
}

// The target of a link, however long.
static char *target_of(int directory, const char *name) {
    for (size_t capacity = 16;; capacity *= 2) {
        char *target = checked(malloc(capacity));
        ssize_t size = readlinkat(directory, name, target, capacity);
        if (size >= 0 && (size_t)size < capacity) {
            target[size] = 0;
            return target;
        }
        free(target);
        if (size < 0) return NULL;
    }
}

// Reading directories

struct entry {
    char *name;
    long position;  // in front of it
    ino_t inode;
    unsigned char type;
};

struct entries {
    struct entry *list;
    int count;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool is_dots(const char *name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

static void append(struct entries *entries, long position, const struct dirent *found) {
    // Doubled at every power of two.
    if ((entries->count & (entries->count - 1)) == 0) {
        size_t capacity = entries->count ? entries->count * 2 : 1;
        entries->list = checked(realloc(entries->list, capacity * sizeof(struct entry)));
    }
    entries->list[entries->count++] = (struct entry){
        .name = checked(strdup(found->d_name)), .position = position, .inode = found->d_ino, .type = found->d_type};
}

static void release(struct entries *entries) {
    for (int i = 0; i < entries->count; i++) free(entries->list[i].name);
    free(entries->list);
}

// All entries, with "." and "..", in the order of the directory.
static struct entries read_entries(DIR *stream, const char *path) {
    struct entries entries = {0};
    while (true) {
        long position = telldir(stream);
        errno = 0;
        struct dirent *found = readdir(stream);
        if (!found) break;
        append(&entries, position, found);
    }
    if (errno) complain("read", path);
    return entries;
}

// Goes to the place of each entry, last one first, then to the start, and expects to find what was there before.
static void check_positions(DIR *stream, const char *path, const struct entries *entries) {
    int wrong = 0, dots = 0;
    for (int i = entries->count - 1; i >= 0; i--) {
        const struct entry *entry = &entries->list[i];
        seekdir(stream, entry->position);
        struct dirent *found = readdir(stream);
        wrong += !found || strcmp(found->d_name, entry->name);
        dots += is_dots(entry->name);
        struct stat status;
        if (!strcmp(entry->name, "..")) continue;
        if (fstatat(dirfd(stream), entry->name, &status, AT_SYMLINK_NOFOLLOW)) {
            complain("stat", path);
        } else {
            wrong += status.st_ino != entry->inode;
            wrong += S_ISDIR(status.st_mode) != (entry->type == DT_DIR);
            wrong += S_ISLNK(status.st_mode) != (entry->type == DT_LNK);
            wrong += S_ISREG(status.st_mode) != (entry->type == DT_REG);
        }
    }
    rewinddir(stream);
    int count = 0;
    for (struct dirent *found; (found = readdir(stream)); count++) {
        wrong += count >= entries->count || strcmp(found->d_name, entries->list[count].name);
    }
    wrong += count != entries->count;
    printf("%s: %d entries, %d of them dots, %d wrong\n", path, count, dots, wrong);
    has_failed |= wrong > 0;
}

// Walking

static bool walk_directory(int parent, const char *name, const char *path, const struct level *up);

static void print(const char *path, const char *what) { printf("%s%s %s\n", removes ? "remove " : "", path, what); }

static void remove_entry(int directory, const char *name, const char *path, int flags) {
    if (removes && unlinkat(directory, name, flags)) complain("remove", path);
}

static void visit(int directory, const char *name, const char *path, const struct level *up) {
    struct stat status;
    int flags = follows_links ? 0 : AT_SYMLINK_NOFOLLOW;
    if (fstatat(directory, name, &status, flags)) {
        complain("stat", path);
        // A link that leads nowhere is still a link.
        if (!follows_links || fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)) return;
    }
    char line[64];
    if (S_ISDIR(status.st_mode)) {
        if (walk_directory(directory, name, path, up)) remove_entry(directory, name, path, AT_REMOVEDIR);
    } else if (S_ISLNK(status.st_mode)) {
        totals.links++;
        char *target = target_of(directory, name);
        if (target) {
            char *text = checked(malloc(strlen(target) + 4));
            sprintf(text, "-> %s", target);
            print(path, text);
            free(text);
        } else {
            complain("readlink", path);
        }
        free(target);
        remove_entry(directory, name, path, 0);
    } else if (S_ISREG(status.st_mode)) {
        totals.files++;
        totals.bytes += status.st_size;
        snprintf(line, sizeof line, "%lld bytes, %u links", (long long)status.st_size, (unsigned)status.st_nlink);
        print(path, line);
        remove_entry(directory, name, path, 0);
    } else {
        print(path, "neither a file nor a directory");
        remove_entry(directory, name, path, 0);
    }
}

// Whether it could be opened, and is not one that the walk is in.
static bool walk_directory(int parent, const char *name, const char *path, const struct level *up) {
    int flags = O_RDONLY | O_DIRECTORY | (follows_links || !up ? 0 : O_NOFOLLOW);
    int descriptor = openat(parent, name, flags);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status)) {
        complain("open", path);
        return false;
    }
    for (const struct level *level = up; level; level = level->parent) {
        if (level->device != status.st_dev || level->inode != status.st_ino) continue;
        print(path, "is a directory that leads here");
        close(descriptor);
        return false;
    }
    DIR *stream = fdopendir(descriptor);
    if (!stream) {
        complain("open", path);
        close(descriptor);
        return false;
    }
    struct level here = {up, status.st_dev, status.st_ino, up ? up->depth + 1 : 1};
    totals.directories++;
    if (here.depth > totals.depth) totals.depth = here.depth;

    // Read to its end before anything in it is removed: what a directory that changes shows is not known.
    struct entries entries = read_entries(stream, path);
    if (checks_positions) check_positions(stream, path, &entries);
    qsort(entries.list, entries.count, sizeof(struct entry), by_name);
    char line[32];
    snprintf(line, sizeof line, "%d entries", entries.count - 2);
    print(path, line);
    for (int i = 0; i < entries.count; i++) {
        if (is_dots(entries.list[i].name)) continue;
        char *inner = joined(path, entries.list[i].name);
        visit(dirfd(stream), entries.list[i].name, inner, &here);
        free(inner);
    }
    release(&entries);
    if (closedir(stream)) complain("close", path);
    return true;
}

// Making

static void describe(int directory, const char *path, int flags) {
    struct stat status;
    if (fstatat(directory, path, &status, flags)) return complain("stat", path);
    const char *type = S_ISDIR(status.st_mode)   ? "directory"
                       : S_ISLNK(status.st_mode) ? "link"
                       : S_ISREG(status.st_mode) ? "file"
                                                 : "other";
    printf("%s: %s", path, type);
    if (S_ISREG(status.st_mode)) printf(", %lld bytes", (long long)status.st_size);
    putchar('\n');
}

static int make_file(int directory, const char *path, const char *text) {
    int descriptor = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (descriptor < 0) return -1;
    size_t size = strlen(text);
    ssize_t written = write(descriptor, text, size);
    return close(descriptor) || written != (ssize_t)size ? -1 : 0;
}

static void act(int directory, char *action) {
    size_t size = strlen(action);
    if (action[0] == '?') {
        bool follows = action[1] != '?';
        return describe(directory, action + (follows ? 1 : 2), follows ? 0 : AT_SYMLINK_NOFOLLOW);
    }
    if (action[0] == '!') {
        // The slash says what is meant, and is no part of the name; a second one is.
        bool is_directory = action[size - 1] == '/';
        if (is_directory) action[size - 1] = 0;
        if (unlinkat(directory, action + 1, is_directory ? AT_REMOVEDIR : 0)) complain("remove", action + 1);
        return;
    }
    char *sign = action;
    while (*sign && *sign != '=' && strncmp(sign, "->", 2) && strncmp(sign, "<-", 2)) sign++;
    if (!*sign) {
        if (mkdirat(directory, action, 0777)) complain("mkdir", action);
        return;
    }
    const char *operand = sign + (*sign != '=' || sign[1] == '=' ? 2 : 1);
    char kind = *sign;
    *sign = 0;
    if (kind == '-') {
        if (symlinkat(operand, directory, action)) complain("symlink", action);
    } else if (kind == '<') {
        if (renameat(directory, operand, directory, action)) complain("rename", action);
    } else if (operand == sign + 2) {
        if (linkat(directory, operand, directory, action, 0)) complain("link", action);
    } else if (make_file(directory, action, operand)) {
        complain("create", action);
    }
}

int main(int argc, char **argv) {
    for (int option; (option = getopt(argc, argv, "Lenprm")) != -1;) {
        switch (option) {
        case 'L': follows_links = true; break;
        case 'e': prints_numbers = true; break;
        case 'n': omits_totals = true; break;
        case 'p': checks_positions = true; break;
        case 'r': removes = true; break;
        case 'm': makes = true; break;
        default: return 2;
        }
    }
    if (optind == argc || (removes && (follows_links || makes))) {
        fputs("usage: walk [-Lenp] | -r [-en] DIRECTORY..., walk -m [-e] DIRECTORY ACTION...\n", stderr);
        return 2;
    }
    if (makes) {
        int directory = open(argv[optind], O_RDONLY | O_DIRECTORY);
        if (directory < 0) {
            complain("open", argv[optind]);
        } else {
            while (++optind < argc) act(directory, argv[optind]);
        }
    } else {
        for (; optind < argc; optind++) {
            const char *path = argv[optind];
            if (walk_directory(AT_FDCWD, path, path, NULL) && removes && rmdir(path)) complain("remove", path);
        }
    }
    if (!makes && !omits_totals) {
        printf("%d directories, %d files, %d links, %lld bytes, depth %d\n", totals.directories, totals.files,
               totals.links, totals.bytes, totals.depth);
    }
    if (fflush(stdout)) return 2;
    return has_failed;
}
