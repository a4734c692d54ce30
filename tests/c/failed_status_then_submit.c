/* A call on a client whose job_status has failed because no server could be reached. */
#include "common.h"

int main(int argc, char **argv)
{
  bool known, running;
  uint32_t numerator, denominator;
  gearman_job_handle_t handle = "H:nowhere:1";
  setup(argc, argv);
  alarm(5);
  gearman_client_st *client = client_for(dead_port());
  show("job_status",
       gearman_client_job_status(client, handle, &known, &running, &numerator, &denominator));
  gearman_job_handle_t submitted;
  show("do_background", gearman_client_do_background(client, "echo", NULL, "x", 1, submitted));
  show("job_status",
       gearman_client_job_status(client, handle, &known, &running, &numerator, &denominator));
  gearman_client_free(client);
  return 0;
}
