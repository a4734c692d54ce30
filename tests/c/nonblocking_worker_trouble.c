/* A non-blocking worker with a server that answers nothing, before and behind one that does; one
 * that has set an option and lost its server; one that sleeps on two servers when the first to be
 * asked has a job. */
#include "nonblocking_worker.h"

int main(int argc, char **argv)
{
  static const worker_call calls[] = {{"work", call_work}};
  static const state states[] = {
      {"silent, up", 2, "lm", "l", 0, "", ""},
      {"up, silent", 2, "l", "lm", 0, "", ""},
      {"silent, up with a job", 2, "lm", "lj", 0, "", ""},
      {"up with a job, silent", 2, "lj", "lm", 0, "", ""},
      {"lost while connecting", 1, "l", "", 'c', "rx", ""},
      {"option set, lost", 1, "l", "", 'o', "rx", ""},
      {"option set, lost, up again with a job", 1, "l", "", 'o', "xj", ""},
      {"two asleep, a job at the second", 2, "l", "l", 's', "", "j"}};
  setup(argc, argv);
  each(states, sizeof(states) / sizeof(*states), calls, 1, true);
  return 0;
}
