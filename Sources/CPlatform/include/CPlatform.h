// What Glibc's Swift module does not import, or what the runtime needs in a form that tests can make fail.
#ifndef MAYFLY_CPLATFORM_H
#define MAYFLY_CPLATFORM_H

#include "platform_build.h"
#include "platform_deadlines.h"
#include "platform_files.h"
#include "platform_memory.h"
#include "platform_thread.h"
#include "platform_traps.h"

#endif
