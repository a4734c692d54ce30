/* The requests of gearman_kill(). */
#pragma once

/* The requests of gearman_kill(). */
enum gearman_signal_t {
  GEARMAN_SIGNAL_CHECK, /* Wait up to 1.5 s for a request to be pending. */
  GEARMAN_SIGNAL_INTERRUPT, /* Stop after the current job. */
  GEARMAN_SIGNAL_KILL, /* Stop. */
  GEARMAN_SIGNAL_KILLWAIT, /* GEARMAN_SIGNAL_KILL, then GEARMAN_SIGNAL_CHECK. */
  GEARMAN_INTERRUPT = GEARMAN_SIGNAL_INTERRUPT, /* The same. */
  GEARMAN_KILL = GEARMAN_SIGNAL_KILL /* The same. */
};

#ifndef __cplusplus
typedef enum gearman_signal_t gearman_signal_t;
#endif
