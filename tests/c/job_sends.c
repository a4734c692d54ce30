/* Everything that a worker's function can send, what is refused, what happens after the final
 * packet, and the accessors of a job. */
#include "common.h"

static int scenario;

static void tell(gearman_job_st *job, const char *what, gearman_return_t rc)
{
  show(what, rc);
  if (rc != GEARMAN_SUCCESS) printf("    %s\n", text(gearman_job_error(job)));
}

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  switch (scenario)
  {
  case 0:
    printf("  handle %s unique %s function %s workload %s context %s\n", gearman_job_handle(job),
           gearman_job_unique(job), gearman_job_function_name(job),
           bytes(gearman_job_workload(job), gearman_job_workload_size(job)),
           text((const char *)context));
    tell(job, "  send_data", gearman_job_send_data(job, "data", 4));
    tell(job, "  send_data of nothing", gearman_job_send_data(job, NULL, 0));
    tell(job, "  send_warning", gearman_job_send_warning(job, "warning", 7));
    tell(job, "  send_status", gearman_job_send_status(job, 4294967295u, 7));
    tell(job, "  send_status", gearman_job_send_status(job, 0, 0));
    return answer("result", size);
  case 1:
    tell(job, "  send_complete", gearman_job_send_complete(job, "complete", 8));
    tell(job, "  send_data after it", gearman_job_send_data(job, "late", 4));
    tell(job, "  send_warning after it", gearman_job_send_warning(job, "late", 4));
    tell(job, "  send_status after it", gearman_job_send_status(job, 1, 2));
    tell(job, "  send_complete after it", gearman_job_send_complete(job, "late", 4));
    tell(job, "  send_fail after it", gearman_job_send_fail(job));
    tell(job, "  send_exception after it", gearman_job_send_exception(job, "late", 4));
    return answer("ignored", size);
  case 2:
    tell(job, "  send_fail", gearman_job_send_fail(job));
    tell(job, "  send_data after it", gearman_job_send_data(job, "late", 4));
    tell(job, "  send_complete after it", gearman_job_send_complete(job, "late", 4));
    return NULL;
  case 3:
    tell(job, "  send_exception", gearman_job_send_exception(job, "exception", 9));
    tell(job, "  send_complete after it", gearman_job_send_complete(job, "late", 4));
    return NULL;
  case 4:
    tell(job, "  send_exception of nothing", gearman_job_send_exception(job, NULL, 0));
    tell(job, "  send_exception of size 0", gearman_job_send_exception(job, "x", 0));
    tell(job, "  send_complete of nothing", gearman_job_send_complete(job, NULL, 0));
    return NULL;
  default: return answer("plain", size);
  }
}

static void client_side(void *argument)
{
  static journal log = {.name = "client"};
  gearman_return_t rc;
  (void)argument;
  gearman_client_st *client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  journal_every_event(client);
  gearman_client_add_task(client, NULL, &log, "sender", "unique", "load", 4, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  journal_print(&log);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  char context[] = "mine";
  setup(argc, argv);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "sender", 0, work, context);
  for (scenario = 0; scenario < 6; ++scenario)
  {
    printf("-- %d\n", scenario);
    side_process client = aside(client_side, NULL);
    show("work", gearman_worker_work(worker));
    join(&client);
  }
  gearman_worker_free(worker);
  return 0;
}
