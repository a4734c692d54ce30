/* Names that are given with their length: the NUL at the end may be counted, and what comes after
 * a NUL is no part of the name. */
#include "common.h"

static gearman_client_st *client;

static void execute(const char *function, size_t size, const char *unique, size_t unique_size)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task =
      gearman_execute(client, function, size, unique, unique_size, NULL, &argument, NULL);
  if (task == NULL)
  {
    printf("execute: %s\n", text(gearman_client_error(client)));
    return;
  }
  gearman_result_st *result = gearman_task_result(task);
  printf("execute of %zu and %zu bytes: %s %s\n", size, unique_size,
         rc_name(gearman_task_return(task)),
         bytes(gearman_result_value(result), gearman_result_size(result)));
  if (unique != NULL) printf("  unique %s\n", text(gearman_task_unique(task)));
  gearman_task_free(task);
}

static gearman_return_t job_counted(gearman_job_st *job, void *context)
{
  (void)context;
  return gearman_job_send_data(job, "counted", 7);
}

static void define(gearman_worker_st *worker, const char *name, size_t size)
{
  gearman_function_t function = gearman_function_create(job_counted);
  show("define", gearman_worker_define_function(worker, name, size, function, 3, NULL));
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process standard = worker_start(server_port);
  client = client_for(server_port);
  execute("reverse", 7, "mine", 4);
  execute("reverse", 8, NULL, 0);
  execute("reverse\0more", 12, NULL, 0);
  execute("reverse", 7, "mine", 5);
  execute("reverse", 7, "mine\0more", 9);
  execute("\0reverse", 8, NULL, 0);

  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_set_timeout(worker, 50);
  define(worker, "counted", 8);
  define(worker, "\0counted", 8);
  show("work", gearman_worker_work(worker));
  int total, running, workers;
  printf("the server knows it %s\n",
         yes(admin_status(server_port, "counted", &total, &running, &workers)));
  gearman_worker_free(worker);
  gearman_client_free(client);
  worker_stop(&standard);
  return 0;
}
