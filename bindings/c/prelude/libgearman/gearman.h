/* libgearman: the header that programs include. */
#pragma once

#include <libgearman-1.0/gearman.h>
