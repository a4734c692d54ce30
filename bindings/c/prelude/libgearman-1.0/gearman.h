/* Includes all headers of libgearman but extension.h, and the system headers that it has
 * always included. */
#pragma once

#ifndef __STDC_FORMAT_MACROS
#define __STDC_FORMAT_MACROS
#endif

#ifdef __cplusplus
#include <cinttypes>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#else
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#endif

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <libgearman-1.0/actions.h>
#include <libgearman-1.0/aggregator.h>
#include <libgearman-1.0/argument.h>
#include <libgearman-1.0/cancel.h>
#include <libgearman-1.0/client.h>
#include <libgearman-1.0/client_callbacks.h>
#include <libgearman-1.0/connection.h>
#include <libgearman-1.0/constants.h>
#include <libgearman-1.0/core.h>
#include <libgearman-1.0/execute.h>
#include <libgearman-1.0/function.h>
#include <libgearman-1.0/interface/status.h>
#include <libgearman-1.0/job.h>
#include <libgearman-1.0/job_handle.h>
#include <libgearman-1.0/kill.h>
#include <libgearman-1.0/parse.h>
#include <libgearman-1.0/result.h>
#include <libgearman-1.0/signal.h>
#include <libgearman-1.0/status.h>
#include <libgearman-1.0/strerror.h>
#include <libgearman-1.0/string.h>
#include <libgearman-1.0/task.h>
#include <libgearman-1.0/task_attr.h>
#include <libgearman-1.0/util.h>
#include <libgearman-1.0/version.h>
#include <libgearman-1.0/visibility.h>
#include <libgearman-1.0/worker.h>
