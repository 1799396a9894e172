#include "platform_traps.h"
