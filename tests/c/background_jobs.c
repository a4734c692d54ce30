/* Background jobs: handles, their priority, job_status with every set of out-pointers,
 * unique_status, do_job_handle. */
#include "common.h"

static gearman_client_st *client;

static void statuses(const char *what, const char *handle)
{
  gearman_job_handle_t h = "";
  bool known = true, running = true;
  uint32_t numerator = 91, denominator = 92;
  strcpy(h, handle);
  printf("-- %s\n", what);
  show("all four", gearman_client_job_status(client, h, &known, &running, &numerator, &denominator));
  printf("  known %s running %s %u/%u\n", yes(known), yes(running), numerator, denominator);
  show("no pointers", gearman_client_job_status(client, h, NULL, NULL, NULL, NULL));
  known = running = true;
  show("known only", gearman_client_job_status(client, h, &known, NULL, NULL, NULL));
  printf("  known %s\n", yes(known));
  show("running only", gearman_client_job_status(client, h, NULL, &running, NULL, NULL));
  printf("  running %s\n", yes(running));
  numerator = denominator = 99;
  show("numbers only", gearman_client_job_status(client, h, NULL, NULL, &numerator, &denominator));
  printf("  %u/%u\n", numerator, denominator);
  show("numerator only", gearman_client_job_status(client, h, NULL, NULL, &numerator, NULL));
}

static void by_unique(const char *what, const char *unique)
{
  gearman_status_t status = gearman_client_unique_status(client, unique, strlen(unique));
  printf("unique status of %s: %s known %s running %s %u/%u\n", what,
         rc_name(gearman_status_return(status)), yes(gearman_status_is_known(status)),
         yes(gearman_status_is_running(status)), gearman_status_numerator(status),
         gearman_status_denominator(status));
}

int main(int argc, char **argv)
{
  gearman_job_handle_t handle, second, third;
  int total, running, workers;
  setup(argc, argv);
  client = client_for(server_port);

  show("do_background", gearman_client_do_background(client, "wait", "one", "x", 1, handle));
  printf("handle %s, do_job_handle the same: %s\n", handle,
         yes(strcmp(handle, gearman_client_do_job_handle(client)) == 0));
  show("do_high_background",
       gearman_client_do_high_background(client, "wait", "two", "x", 1, second));
  printf("handle %s, do_job_handle the same: %s\n", second,
         yes(strcmp(second, gearman_client_do_job_handle(client)) == 0));
  show("do_low_background", gearman_client_do_low_background(client, "wait", NULL, NULL, 0, third));
  printf("handle %s, three different ones: %s\n", third,
         yes(strcmp(handle, second) != 0 && strcmp(second, third) != 0));
  show("no handle buffer", gearman_client_do_background(client, "wait", NULL, "x", 1, NULL));
  printf("do_job_handle %s\n", text(gearman_client_do_job_handle(client)));
  printf("priorities: %s", strstr(admin(server_port, "prioritystatus", true), "wait"));

  statuses("waiting job", handle);
  statuses("unknown job", "H:nowhere:12345");
  by_unique("a waiting job", "one");

  worker_process worker = worker_start(server_port);
  wait_for_status(server_port, second);
  statuses("the high one runs", second);
  by_unique("the running one", "two");
  for (int x = 0; x < 4; ++x) worker_release(&worker);
  wait_for_jobs(server_port, "wait", 0, 0);
  statuses("done", handle);
  printf("listed %s\n", yes(admin_status(server_port, "wait", &total, &running, &workers)));
  gearman_client_free(client);

  client = client_for(server_port);
  by_unique("a done one", "one");
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
