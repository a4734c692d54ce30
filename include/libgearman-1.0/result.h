/* The value that a task ended with, or that an aggregator makes. */

/* Generated from bindings/c/prelude/libgearman-1.0/result.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The result as a number: of bytes, the decimal number that they start with
 * after blanks, held within the type's limits; 0 where there is none.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API int64_t gearman_result_integer(const gearman_result_st *result);

/* Whether the result is a number other than 0, or at least one byte.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API bool gearman_result_boolean(const gearman_result_st *result);

/* The result's bytes, borrowed from it until the next store; NULL and 0 unless
 * the result is bytes. A NUL that does not count follows them.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API gearman_string_t gearman_result_string(const gearman_result_st *result);

/* Stores a copy of the bytes of `arg`, as gearman_result_store_value() does.
 *
 * Requires: `result` is NULL or a live result; `arg.c_str` is NULL or `arg.size` bytes,
 * which may be the result's own.
 */
GEARMAN_API
gearman_return_t gearman_result_store_string(gearman_result_st *result,
                                             gearman_string_t arg);

/* Makes the result a number. Does nothing when `result` is NULL.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API void gearman_result_store_integer(gearman_result_st *result, int64_t value);

/* Stores a copy of `size` bytes, which may hold any bytes; they take the place
 * of what was stored before.
 *
 * INVALID_ARGUMENT when `result` is NULL, or `value` is NULL and `size` is not 0;
 * MEMORY_ALLOCATION_FAILURE leaves the old value.
 *
 * Requires: `result` is NULL or a live result; `value` is NULL or `size` bytes, which may be
 * the result's own.
 */
GEARMAN_API
gearman_return_t gearman_result_store_value(gearman_result_st *result,
                                            const void *value,
                                            size_t size);

/* The number of bytes; 0 unless the result is bytes.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API size_t gearman_result_size(const gearman_result_st *result);

/* The result's bytes with a NUL after them, borrowed from it until the next
 * store; NULL unless the result is bytes.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API const char *gearman_result_value(const gearman_result_st *result);

/* Whether nothing was stored. An empty string is something; NULL is nothing.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API bool gearman_result_is_null(const gearman_result_st *result);

#ifdef __cplusplus
}
#endif
