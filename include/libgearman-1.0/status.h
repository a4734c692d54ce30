/* Reading what gearman_client_unique_status() returns. */

/* Generated from bindings/c/prelude/libgearman-1.0/status.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/interface/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How asking for the status went. */
GEARMAN_API gearman_return_t gearman_status_return(gearman_status_t arg);

/* Whether the server knows the job. */
GEARMAN_API bool gearman_status_is_known(gearman_status_t arg);

/* Whether a worker is running the job. */
GEARMAN_API bool gearman_status_is_running(gearman_status_t arg);

/* The numerator of the job's progress, as its worker last sent it; 0 if it
 * never did.
 */
GEARMAN_API uint32_t gearman_status_numerator(gearman_status_t arg);

/* The denominator of the job's progress, as its worker last sent it; 0 if it
 * never did.
 */
GEARMAN_API uint32_t gearman_status_denominator(gearman_status_t arg);

#ifdef __cplusplus
}
#endif
