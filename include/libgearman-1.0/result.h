/* Results of tasks and of aggregator functions. */

/* Generated from bindings/c/prelude/libgearman-1.0/result.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a result as an integer.
 *
 * If the result is bytes, the decimal number that they start with is read, after
 * blanks.
 *
 * Returns the number, or the smallest or largest 64-bit integer if it is out of range;
 * 0 without a number and if `result` is NULL.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API int64_t gearman_result_integer(const gearman_result_st *result);

/* Reads a result as a boolean.
 *
 * Returns true if the result is an integer other than 0 or has at least one byte;
 * otherwise, and if `result` is NULL, false.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API bool gearman_result_boolean(const gearman_result_st *result);

/* Gets the bytes of a result with their number.
 *
 * Returns the bytes, which belong to the result and are valid until the next value is
 * stored; a NUL that is not counted follows them. NULL and 0 if the result is not
 * bytes or `result` is NULL.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API gearman_string_t gearman_result_string(const gearman_result_st *result);

/* Stores a copy of the bytes of `arg` in a result.
 *
 * Returns `GEARMAN_SUCCESS`, or an error, which leaves the old value.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `result` is NULL, or `arg` has a size without bytes.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the copy.
 *
 * Requires: `result` is NULL or a live result; `arg.c_str` is NULL or readable for `arg.size`
 * bytes, which may be those of the result.
 */
GEARMAN_API
gearman_return_t gearman_result_store_string(gearman_result_st *result,
                                             gearman_string_t arg);

/* Stores the integer `value` in a result.
 *
 * If `result` is NULL, nothing happens.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API void gearman_result_store_integer(gearman_result_st *result, int64_t value);

/* Stores a copy of bytes in a result.
 *
 * `value` has `size` bytes. They replace the old value.
 *
 * Returns `GEARMAN_SUCCESS`, or an error, which leaves the old value.
 *
 * Errors:
 * - `GEARMAN_INVALID_ARGUMENT`: `result` is NULL, or `value` is NULL and `size` is not
 *   0.
 * - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the copy.
 *
 * Requires: `result` is NULL or a live result; `value` is NULL or readable for `size` bytes,
 * which may be those of the result.
 */
GEARMAN_API
gearman_return_t gearman_result_store_value(gearman_result_st *result,
                                            const void *value,
                                            size_t size);

/* Gets the number of bytes of a result.
 *
 * Returns the size in bytes; 0 if the result is not bytes or `result` is NULL.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API size_t gearman_result_size(const gearman_result_st *result);

/* Gets the bytes of a result.
 *
 * Returns the bytes, which belong to the result and are valid until the next value is
 * stored; a NUL follows them. NULL if the result is not bytes or `result` is NULL.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API const char *gearman_result_value(const gearman_result_st *result);

/* Tells whether a result has no value.
 *
 * Returns true if nothing was stored, and if `result` is NULL. An empty string is a
 * value.
 *
 * Requires: `result` is NULL or a live result.
 */
GEARMAN_API bool gearman_result_is_null(const gearman_result_st *result);

#ifdef __cplusplus
}
#endif
