// Which build of this library runs: what was compiled by another one must not be mistaken for its own work.
#ifndef MAYFLY_PLATFORM_BUILD_H
#define MAYFLY_PLATFORM_BUILD_H

#include <stdint.h>

/// Numbers that differ between two builds of the program, or of the shared library, that this function is in. Of a program,
/// those of its file: device, inode, size, time of the last change. Of a shared library, whose file may have been replaced since it was
/// loaded, a hash of its code. 0 or an errno.
int mayfly_build_identity(uint64_t identity[4]);

#endif
