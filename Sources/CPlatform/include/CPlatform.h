#ifndef MAYFLY_CPLATFORM_H
#define MAYFLY_CPLATFORM_H

#include "platform_files.h"

#endif
