/* A non-blocking client whose servers are lost, down beside one that is up, or back after a run
 * has failed. */
#include "nonblocking_client.h"

int main(int argc, char **argv)
{
  static const state states[] = {
      {"up, down", 2, "l", "r", 0, "", ""},
      {"down, up", 2, "r", "l", 0, "", ""},
      {"down, down", 2, "r", "r", 0, "", ""},
      {"lost while idle", 1, "l", "", 'i', "rx", ""},
      {"lost while idle, up again", 1, "l", "", 'i', "x", ""},
      {"lost while idle, the first up", 2, "l", "l", 'i', "", "rx"},
      {"lost in flight", 1, "lm", "", 't', "rx", ""},
      {"lost in flight, up again", 1, "lm", "", 't', "Mx", ""},
      {"lost in flight, the first up", 2, "l", "lm", 't', "", "rx"},
      {"lost in the job", 1, "lh", "", 't', "rx", ""},
      {"lost in the job, up again", 1, "lh", "", 't', "Hx", ""},
      {"lost while connecting, the first up", 2, "l", "l", 'c', "", "rx"},
      {"down, then up", 1, "r", "", 'f', "l", ""},
      {"down, down, then the first up", 2, "r", "r", 'f', "l", ""},
      {"down, down, then the second up", 2, "r", "r", 'f', "", "l"},
      {"down, tasks freed, then up", 1, "r", "", 'n', "l", ""}};
  setup(argc, argv);
  each(states, sizeof(states) / sizeof(*states));
  return 0;
}
