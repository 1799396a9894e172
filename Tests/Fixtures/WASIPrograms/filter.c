// Prints the lines of files that match a pattern, as grep does, or with -r what sed would make of them.
//
//     filter [-cinqsv] [-r TEXT] [-o FILE | -a FILE] PATTERN [FILE...]
//
//     -c  print only how many lines were selected          -r  put TEXT for each match, and the match for each & in it
//     -i  upper and lower case are the same                -o  write to FILE instead of standard output
//     -n  number the lines                                 -a  the same, after what FILE holds already
//     -q  print nothing, stop at the first selected line   -s  say nothing about files that cannot be read
//     -v  select the lines that do not match
//
// PATTERN is an extended regular expression. Without a FILE, or where it is "-", standard input is read. The exit code
// is 0 if a line was selected, 1 if none was, and 2 after an error. Words in FILTER_OPTIONS, in the environment, go
// before the arguments. A CR before the LF belongs to the end of the line: the pattern does not see it, and it comes
// out again. A NUL ends what the pattern sees of a line.

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SELECTED = 0, NONE_SELECTED = 1, TROUBLE = 2 };

static struct {
    bool counts, numbers, is_quiet, is_silent, inverts, names_files;
    const char *replacement;
    regex_t pattern;
} options;

static FILE *output;
static struct stat output_status;
static bool has_trouble;

_Noreturn static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("filter: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(TROUBLE);
}

static void complain(const char *name) {
    has_trouble = true;
    if (!options.is_silent) fprintf(stderr, "filter: %s: %s\n", name, strerror(errno));
}

// Input, a line at a time

struct line {
    char *bytes;  // with a NUL behind the last
    size_t size, capacity;
};

struct reader {
    int descriptor;
    size_t start, end;
    char buffer[4096];
};

static void append(struct line *line, const char *bytes, size_t count) {
    if (line->size + count + 1 > line->capacity) {
        line->capacity = (line->size + count + 1) * 2;
        line->bytes = realloc(line->bytes, line->capacity);
        if (!line->bytes) die("no memory for a line of %zu bytes", line->size + count);
    }
    memcpy(line->bytes + line->size, bytes, count);
    line->size += count;
    line->bytes[line->size] = 0;
}

// Takes the next line with its LF, which only the last one may lack. Returns 0 at the end and -1 after an error.
static int next_line(struct reader *reader, struct line *line) {
    line->size = 0;
    while (true) {
        if (reader->start == reader->end) {
            ssize_t count = read(reader->descriptor, reader->buffer, sizeof reader->buffer);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return -1;
            if (count == 0) return line->size > 0;
            reader->start = 0;
            reader->end = count;
        }
        char *start = reader->buffer + reader->start;
        char *newline = memchr(start, '\n', reader->end - reader->start);
        size_t count = newline ? newline + 1 - start : reader->end - reader->start;
        append(line, start, count);
        reader->start += count;
        if (newline) return 1;
    }
}

// Output

static void print_replacement(const char *match, size_t size) {
    for (const char *c = options.replacement; *c; c++) {
        if (*c == '&') {
            fwrite(match, 1, size, output);
        } else {
            fputc(*c == '\\' && c[1] ? *++c : *c, output);
        }
    }
}

static void print_replaced(const char *text) {
    int flags = 0;
    bool follows_match = false;
    regmatch_t match;
    while (!regexec(&options.pattern, text, 1, &match, flags)) {
        size_t size = match.rm_eo - match.rm_so;
        fwrite(text, 1, match.rm_so, output);
        // Nothing, right behind a match, is none.
        if (size > 0 || match.rm_so > 0 || !follows_match) print_replacement(text + match.rm_so, size);
        text += match.rm_eo;
        if (size == 0) {
            // It would be found here for ever.
            if (!*text) return;
            fputc(*text++, output);
        }
        follows_match = size > 0;
        flags = REG_NOTBOL;
    }
    fputs(text, output);
}

// Prints a line of which the end has been cut off: "\n", "\r\n", or nothing, in which case a LF is added.
static void print_line(const char *name, long number, const struct line *line, const char *end) {
    if (options.names_files) fprintf(output, "%s:", name);
    if (options.numbers) fprintf(output, "%ld:", number);
    if (options.replacement && !options.inverts) {
        print_replaced(line->bytes);
    } else {
        fwrite(line->bytes, 1, line->size, output);
    }
    fputs(*end ? end : "\n", output);
}

static const char *cut_end(struct line *line) {
    const char *end = "";
    if (line->size > 0 && line->bytes[line->size - 1] == '\n') {
        end = "\n";
        line->size--;
        if (line->size > 0 && line->bytes[line->size - 1] == '\r') {
            end = "\r\n";
            line->size--;
        }
        line->bytes[line->size] = 0;
    }
    return end;
}

// Returns how many lines were selected.
static long filter(int descriptor, const char *name) {
    struct stat status;
    if (fstat(descriptor, &status)) {
        complain(name);
        return 0;
    }
    // Reading what one has just written would not end.
    if (output != stdout && S_ISREG(status.st_mode) && status.st_dev == output_status.st_dev
        && status.st_ino == output_status.st_ino) {
        has_trouble = true;
        if (!options.is_silent) fprintf(stderr, "filter: %s: input file is also the output\n", name);
        return 0;
    }
    static struct line line;
    struct reader reader = {.descriptor = descriptor};
    long number = 0, selected = 0;
    int result;
    while ((result = next_line(&reader, &line)) > 0) {
        const char *end = cut_end(&line);
        number++;
        bool matches = !regexec(&options.pattern, line.bytes, 0, NULL, 0);
        if (matches == options.inverts) continue;
        selected++;
        if (options.is_quiet) return selected;
        if (!options.counts) print_line(name, number, &line, end);
    }
    if (result < 0) complain(name);
    if (options.counts) {
        if (options.names_files) fprintf(output, "%s:", name);
        fprintf(output, "%ld\n", selected);
    }
    return selected;
}

static void open_output(const char *path, bool appends) {
    int descriptor = open(path, O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC), 0666);
    if (descriptor < 0 || fstat(descriptor, &output_status)) die("%s: %s", path, strerror(errno));
    output = fdopen(descriptor, appends ? "a" : "w");
    if (!output) die("%s: %s", path, strerror(errno));
}

// The arguments with the words of FILTER_OPTIONS in front of them.
static char **with_options(int *argc, char **argv) {
    const char *variable = getenv("FILTER_OPTIONS");
    if (!variable) return argv;
    char *words = strdup(variable);
    char **result = calloc(*argc + strlen(variable) + 1, sizeof *result);
    if (!words || !result) die("no memory for options");
    int count = 0;
    result[count++] = argv[0];
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) result[count++] = word;
    for (int i = 1; i < *argc; i++) result[count++] = argv[i];
    *argc = count;
    return result;
}

int main(int argc, char **argv) {
    argv = with_options(&argc, argv);
    output = stdout;
    int flags = REG_EXTENDED;
    for (int option; (option = getopt(argc, argv, "cinqsvr:o:a:")) != -1;) {
        switch (option) {
        case 'c': options.counts = true; break;
        case 'i': flags |= REG_ICASE; break;
        case 'n': options.numbers = true; break;
        case 'q': options.is_quiet = true; break;
        case 's': options.is_silent = true; break;
        case 'v': options.inverts = true; break;
        case 'r': options.replacement = optarg; break;
        case 'o': open_output(optarg, false); break;
        case 'a': open_output(optarg, true); break;
        default: return TROUBLE;
        }
    }
    if (optind == argc) die("usage: filter [-cinqsv] [-r TEXT] [-o FILE | -a FILE] PATTERN [FILE...]");
    int error = regcomp(&options.pattern, argv[optind], flags);
    if (error) {
        char message[128];
        regerror(error, &options.pattern, message, sizeof message);
        die("%s: %s", argv[optind], message);
    }
    optind++;

    options.names_files = argc - optind > 1;
    long selected = optind == argc ? filter(STDIN_FILENO, "-") : 0;
    for (; optind < argc && !(options.is_quiet && selected > 0); optind++) {
        const char *name = argv[optind];
        bool is_standard_input = !strcmp(name, "-");
        int descriptor = is_standard_input ? STDIN_FILENO : open(name, O_RDONLY);
        if (descriptor < 0) {
            complain(name);
            continue;
        }
        selected += filter(descriptor, name);
        if (!is_standard_input && close(descriptor)) complain(name);
    }

    bool is_unwritten = ferror(output);
    if (fclose(output) || is_unwritten) die("write error: %s", strerror(errno));
    if (options.is_quiet && selected > 0) return SELECTED;
    return has_trouble ? TROUBLE : selected > 0 ? SELECTED : NONE_SELECTED;
}
