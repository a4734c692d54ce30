/* Crosses the binary interface in every way that the small functions offer:
 * structs returned in memory and in registers, structs passed on the stack and
 * in registers, a callback. Prints what it linked to and what the callback got. */
#include <libgearman/gearman.h>
#include <stdio.h>

static gearman_return_t show(const char *host, in_port_t port, void *context)
{
  printf(" %s:%d", host, port);
  return *(gearman_return_t *)context;
}

static gearman_return_t work(gearman_job_st *job, void *context)
{
  return job || context ? GEARMAN_ERROR : GEARMAN_SUCCESS;
}

static gearman_return_t aggregate(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                  gearman_result_st *result)
{
  return aggregator || task || result ? GEARMAN_ERROR : GEARMAN_SUCCESS;
}

static bool in_memory(void)
{
  const gearman_function_t function = gearman_function_create_partition(work, aggregate);
  const gearman_argument_t argument = gearman_argument_make("n", 1, "value", 5);
  gearman_status_t status = {GEARMAN_STATUS_V1, {{GEARMAN_TIMEOUT, true, false, 3, 4, 5}}};

  return function.kind == GEARMAN_WORKER_FUNCTION_PARTITION &&
         function.callback.partitioner.func == work &&
         function.callback.partitioner.aggregator == aggregate && gearman_size(argument.name) == 0 &&
         gearman_size(argument.value) == 5 && gearman_status_return(status) == GEARMAN_TIMEOUT &&
         gearman_status_is_known(status) && !gearman_status_is_running(status) &&
         gearman_status_numerator(status) == 3 && gearman_status_denominator(status) == 4;
}

static bool in_registers(void)
{
  const gearman_task_attr_t attributes = gearman_task_attr_init_epoch(7, GEARMAN_JOB_PRIORITY_LOW);
  const gearman_string_t text = {"text", 4};
  gearman_id_t id = GEARMAN_ID_INITIALIZER;
  const bool unset = id.read_fd == -1 && id.write_fd == -1 && !gearman_id_valid(id);

  id.write_fd = 7;
  return unset && gearman_id_valid(id) && attributes.kind == GEARMAN_TASK_ATTR_EPOCH &&
         attributes.priority == GEARMAN_JOB_PRIORITY_LOW && attributes.options.epoch.value == 7 &&
         gearman_size(gearman_result_string(NULL)) == 0 &&
         gearman_result_store_string(NULL, text) == GEARMAN_INVALID_ARGUMENT;
}

int main(void)
{
  gearman_return_t rc = GEARMAN_SUCCESS;

  printf("%s %s", gearman_version(), LIBGEARMAN_VERSION_STRING);
  rc = gearman_parse_servers("a:1,[::1]:4730", show, &rc);
  puts("");
  return !(gearman_success(rc) && in_memory() && in_registers());
}
