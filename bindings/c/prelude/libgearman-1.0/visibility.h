/* Marks of the declarations. They expand to nothing where the library is used;
 * a program can define them before including any header. */
#pragma once

#ifndef GEARMAN_API
#define GEARMAN_API
#endif
#ifndef GEARMAN_INTERNAL_API
#define GEARMAN_INTERNAL_API
#endif
#ifndef GEARMAN_API_DEPRECATED
#define GEARMAN_API_DEPRECATED
#endif
#ifndef GEARMAN_LOCAL
#define GEARMAN_LOCAL
#endif
