/* A non-blocking client in every state of its servers: the codes of run_tasks, each followed by a
 * move of the servers and gearman_client_wait(), in the order of the loops that people publish. */
#include "nonblocking_client.h"

int main(int argc, char **argv)
{
  static const state states[] = {
      {"no server", 0, "", "", 0, "", ""},
      {"down", 1, "r", "", 0, "", ""},
      {"up", 1, "l", "", 0, "", ""},
      {"up, up", 2, "l", "l", 0, "", ""},
      {"silent", 1, "lm", "", 0, "", ""},
      {"silent, up", 2, "lm", "l", 0, "", ""},
      {"up, silent", 2, "l", "lm", 0, "", ""},
      {"up, slow", 1, "lh", "", 0, "", ""},
      {"idle", 1, "l", "", 'i', "", ""},
      {"idle with two", 2, "l", "l", 'i', "", ""},
      {"done meanwhile", 1, "lh", "", 't', "H", ""},
      {"lost while connecting", 1, "l", "", 'c', "rx", ""}};
  setup(argc, argv);
  each(states, sizeof(states) / sizeof(*states));
  return 0;
}
