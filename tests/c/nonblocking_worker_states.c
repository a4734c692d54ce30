/* A non-blocking worker in every state of its servers: the codes of work(), each followed by a move
 * of the servers and gearman_worker_wait(), in the order of the loops that people publish. */
#include "nonblocking_worker.h"

int main(int argc, char **argv)
{
  static const worker_call calls[] = {{"work", call_work}, {"register, work", call_register}};
  (void)call_grab;
  setup(argc, argv);
  each(common_states, COMMON_STATES, calls, 2, true);
  return 0;
}
