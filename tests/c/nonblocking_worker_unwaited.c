/* A non-blocking worker in every state of its servers, called again and again without
 * gearman_worker_wait(). */
#include "nonblocking_worker.h"

int main(int argc, char **argv)
{
  static const worker_call calls[] = {{"work", call_work}, {"grab_job", call_grab}};
  setup(argc, argv);
  each(common_states, COMMON_STATES, calls, 2, false);
  return 0;
}
