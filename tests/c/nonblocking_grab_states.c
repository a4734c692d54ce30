/* A non-blocking worker in every state of its servers: the codes of grab_job(), each followed by
 * gearman_worker_wait(). */
#include "nonblocking_worker.h"

int main(int argc, char **argv)
{
  static const worker_call calls[] = {{"grab_job", call_grab}};
  setup(argc, argv);
  each(common_states, COMMON_STATES, calls, 1, true);
  return 0;
}
