/* Reading the answer of gearman_client_unique_status(). */

/* Generated from bindings/c/prelude/libgearman-1.0/status.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gets the code of the answer to gearman_client_unique_status().
 *
 * `arg` is the answer.
 *
 * Returns the code; if it is not `GEARMAN_SUCCESS`, the answer has no state.
 */
GEARMAN_API gearman_return_t gearman_status_return(gearman_status_t arg);

/* Tells whether the server knows the job.
 *
 * `arg` is the answer to gearman_client_unique_status().
 *
 * Returns true if it does.
 */
GEARMAN_API bool gearman_status_is_known(gearman_status_t arg);

/* Tells whether a worker has the job.
 *
 * `arg` is the answer to gearman_client_unique_status().
 *
 * Returns true if one has it.
 */
GEARMAN_API bool gearman_status_is_running(gearman_status_t arg);

/* Gets the progress of the job, out of gearman_status_denominator().
 *
 * `arg` is the answer to gearman_client_unique_status().
 *
 * Returns what the job's worker last reported; 0 if it reported nothing.
 */
GEARMAN_API uint32_t gearman_status_numerator(gearman_status_t arg);

/* Gets the number that gearman_status_numerator() is out of.
 *
 * `arg` is the answer to gearman_client_unique_status().
 *
 * Returns what the job's worker last reported; 0 if it reported nothing.
 */
GEARMAN_API uint32_t gearman_status_denominator(gearman_status_t arg);

#ifdef __cplusplus
}
#endif
