/* gearman_worker_grab_job: register, grab, look, send, free; several jobs at a time; without a
 * job, without functions; non-blocking; the unique with each grab option. */
#include "common.h"

static gearman_client_st *client;

static void submit(const char *function, const char *unique)
{
  gearman_job_handle_t handle;
  gearman_client_do_background(client, function, unique, "load", 4, handle);
}

static void look(const char *what, gearman_job_st *job, gearman_return_t rc)
{
  if (job == NULL)
    printf("%s: no job %s\n", what, rc_name(rc));
  else
    printf("%s: %s handle %s function %s unique \"%s\" workload %s\n", what, rc_name(rc),
           gearman_job_handle(job), gearman_job_function_name(job), gearman_job_unique(job),
           bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
}

static void by_options(unsigned remove)
{
  gearman_return_t rc;
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_remove_options(worker, (gearman_worker_options_t)remove);
  gearman_worker_register(worker, "grabbed", 0);
  submit("grabbed", "its unique");
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  printf("options 0x%x removed: ", remove);
  look("grab", job, rc);
  show("send_complete", gearman_job_send_complete(job, "x", 1));
  gearman_job_free(job);
  gearman_worker_free(worker);
  /* The next job has the same unique id and must not join this one. */
  wait_for_jobs(server_port, "grabbed", 0, 0);
}

int main(int argc, char **argv)
{
  gearman_return_t rc;
  setup(argc, argv);
  client = client_for(server_port);

  gearman_worker_st *worker = worker_for(server_port);
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  look("without functions", job, rc);
  show_worker_error(worker);
  show("register", gearman_worker_register(worker, "grabbed", 0));
  job = gearman_worker_grab_job(worker, NULL, &rc);
  look("without a job", job, rc);

  submit("grabbed", "one");
  job = gearman_worker_grab_job(worker, NULL, &rc);
  look("one", job, rc);
  show("send_status", gearman_job_send_status(job, 1, 3));
  show("send_data", gearman_job_send_data(job, "d", 1));
  show("send_complete", gearman_job_send_complete(job, "x", 1));
  gearman_job_free(job);
  wait_for_jobs(server_port, "grabbed", 0, 0);

  submit("grabbed", "two");
  submit("grabbed", "three");
  gearman_job_st *two = gearman_worker_grab_job(worker, NULL, &rc);
  look("two", two, rc);
  gearman_job_st *three = gearman_worker_grab_job(worker, NULL, &rc);
  look("three", three, rc);
  show("fail two", gearman_job_send_fail(two));
  show("complete three", gearman_job_send_complete(three, NULL, 0));
  gearman_job_free_all(worker);
  wait_for_jobs(server_port, "grabbed", 0, 0);

  submit("grabbed", "taken");
  job = gearman_worker_grab_job(worker, NULL, &rc);
  size_t size = 99;
  void *workload = gearman_job_take_workload(job, &size);
  printf("take_workload %s, then %s\n", bytes(workload, size),
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  free(workload);
  show("complete", gearman_job_send_complete(job, NULL, 0));
  gearman_job_free(job);
  show("unregister", gearman_worker_unregister(worker, "grabbed"));
  gearman_worker_free(worker);
  wait_for_jobs(server_port, "grabbed", 0, 0);

  by_options(0);
  by_options(GEARMAN_WORKER_GRAB_ALL);
  by_options(GEARMAN_WORKER_GRAB_ALL | GEARMAN_WORKER_GRAB_UNIQ);
  gearman_client_free(client);
  return 0;
}
