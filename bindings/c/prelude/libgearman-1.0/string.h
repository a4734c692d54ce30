/* Bytes with their number, and macros that pass both as two arguments. */
#pragma once

#include <string.h>

#include <libgearman-1.0/constants.h>

/* Bytes with their number.
 *
 * The macros gearman_size() and gearman_c_str() read it. gearman_string_param() passes it
 * as the two arguments of a function, gearman_string_param_printf() as those of "%.*s".
 * gearman_string_param_cstr() passes a C string in this way, and
 * gearman_string_param_null() passes NULL and 0. */
struct gearman_string_t {
  const char *c_str; /* The bytes, which need not be NUL-terminated. */
  const size_t size; /* The number of bytes. */
};

#define gearman_size(X) (X).size
#define gearman_c_str(X) (X).c_str

/* For "%.*s". */
#define gearman_string_param_printf(X) (int)((X).size), (X).c_str

#define gearman_string_param(X) (X).c_str, (X).size
#define gearman_string_param_null NULL, 0
#define gearman_string_param_cstr(X) (X), ((X) ? strlen(X) : 0)

/* For string literals; only in C++, since C programs may define their own. */
#if defined(__cplusplus) && !defined(gearman_literal_param)
#define gearman_literal_param(X) (X), (sizeof(X) - 1)
#define gearman_literal_param_size(X) (sizeof(X) - 1)
#endif
