/* What gearman_kill() is to do. */
#pragma once

enum gearman_signal_t {
  GEARMAN_SIGNAL_CHECK,
  GEARMAN_SIGNAL_INTERRUPT,
  GEARMAN_SIGNAL_KILL,
  GEARMAN_SIGNAL_KILLWAIT,
  GEARMAN_INTERRUPT = GEARMAN_SIGNAL_INTERRUPT,
  GEARMAN_KILL = GEARMAN_SIGNAL_KILL
};

#ifndef __cplusplus
typedef enum gearman_signal_t gearman_signal_t;
#endif
