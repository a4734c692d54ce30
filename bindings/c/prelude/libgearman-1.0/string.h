/* Bytes and their number, and macros that pass both as two arguments. */
#pragma once

#include <string.h>

#include <libgearman-1.0/constants.h>

struct gearman_string_t {
  const char *c_str; /* Not always NUL-terminated. */
  const size_t size;
};

#define gearman_size(X) (X).size
#define gearman_c_str(X) (X).c_str

/* For "%.*s". */
#define gearman_string_param_printf(X) (int)((X).size), (X).c_str

#define gearman_string_param(X) (X).c_str, (X).size
#define gearman_string_param_null NULL, 0
#define gearman_string_param_cstr(X) (X), ((X) ? strlen(X) : 0)

/* For a string literal; in C++ only, as C programs may have their own. */
#if defined(__cplusplus) && !defined(gearman_literal_param)
#define gearman_literal_param(X) (X), (sizeof(X) - 1)
#define gearman_literal_param_size(X) (sizeof(X) - 1)
#endif
