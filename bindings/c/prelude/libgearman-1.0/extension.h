/* Additions to the original's API. gearman.h does not include this header.
 *
 * An event loop waits until the descriptor is readable or the timeout has passed, unless
 * packets are buffered already, and then calls gearman_client_run_tasks() or
 * gearman_worker_work() again. */
#pragma once

#include <libgearman-1.0/constants.h>

@prototypes extension gearman_client_poll_fd gearman_client_has_buffered_work gearman_client_next_timeout gearman_client_greet_with_option gearman_client_set_callbacks_return gearman_client_set_resubmissions gearman_client_resubmissions gearman_client_set_keepalive gearman_client_keepalive gearman_client_set_tls gearman_worker_poll_fd gearman_worker_has_buffered_work gearman_worker_next_timeout gearman_worker_set_functions_return gearman_worker_set_keepalive gearman_worker_keepalive gearman_worker_set_tls
