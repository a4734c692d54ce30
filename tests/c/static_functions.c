/* What needs no server: names of codes and levels, version, values passed by value, attribute and
 * argument makers, function makers, ids, results of NULL. */
#include "common.h"

static gearman_return_t v2(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  return GEARMAN_SUCCESS;
}

static void *v1(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  return job_empty(job, context, size, ret);
}

static gearman_return_t aggregate(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                  gearman_result_st *result)
{
  (void)aggregator;
  (void)task;
  (void)result;
  return GEARMAN_SUCCESS;
}

static void attribute(const char *what, gearman_task_attr_t attr)
{
  printf("%s: kind %d priority %d", what, (int)attr.kind, (int)attr.priority);
  if (attr.kind == GEARMAN_TASK_ATTR_EPOCH) printf(" time %lld", (long long)attr.options.epoch.value);
  printf("\n");
}

/* The mangled C++ function, reached from C: the default callbacks. */
extern const struct gearman_actions_t *actions_pause(void) __asm__("_Z21gearman_actions_pausev");

int main(int argc, char **argv)
{
  setup(argc, argv);
  for (int x = 0; x <= GEARMAN_MAX_RETURN + 2; ++x)
    printf("%d %s\n", x, gearman_strerror((gearman_return_t)x));
  printf("-1 %s\n", gearman_strerror((gearman_return_t)-1));
  for (int x = 0; x <= GEARMAN_VERBOSE_MAX + 1; ++x)
    printf("verbose %d %s\n", x, gearman_verbose_name((gearman_verbose_t)x));

  int major = -1, minor = -1, patch = -1;
  int read = sscanf(gearman_version(), "%d.%d.%d", &major, &minor, &patch);
  printf("version: three numbers %s, at least 1.1.0 %s\n", yes(read == 3),
         yes(major > 1 || (major == 1 && minor >= 1)));
  printf("bugreport: a URL %s\n", yes(strncmp(gearman_bugreport(), "https://", 8) == 0));

  printf("continue:");
  for (int x = 0; x < GEARMAN_MAX_RETURN; ++x)
    if (gearman_continue((gearman_return_t)x)) printf(" %s", rc_name((gearman_return_t)x));
  printf("\n");

  attribute("init", gearman_task_attr_init(GEARMAN_JOB_PRIORITY_HIGH));
  attribute("init", gearman_task_attr_init(GEARMAN_JOB_PRIORITY_NORMAL));
  attribute("init_background", gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_LOW));
  attribute("init_epoch", gearman_task_attr_init_epoch(1700000000, GEARMAN_JOB_PRIORITY_NORMAL));
  attribute("init_epoch", gearman_task_attr_init_epoch(-1, GEARMAN_JOB_PRIORITY_HIGH));

  gearman_argument_t argument = gearman_argument_make("name", 4, "value", 5);
  printf("argument: name %s value %s\n", bytes(argument.name.c_str, argument.name.size),
         bytes(argument.value.c_str, argument.value.size));
  gearman_argument_t empty = gearman_argument_make(NULL, 0, NULL, 0);
  printf("argument: name %s value %s\n", bytes(empty.name.c_str, empty.name.size),
         bytes(empty.value.c_str, empty.value.size));

  gearman_function_t function = gearman_function_create(v2);
  printf("create: kind %d kept %s\n", (int)function.kind,
         yes(function.callback.function_v2.func == v2));
  gearman_function_t second = gearman_function_create_v2(v2);
  printf("create_v2: kind %d kept %s\n", (int)second.kind,
         yes(second.callback.function_v2.func == v2));
  gearman_function_t first = gearman_function_create_v1(v1);
  printf("create_v1: kind %d kept %s\n", (int)first.kind, yes(first.callback.function_v1.func == v1));
  gearman_function_t partition = gearman_function_create_partition(v2, aggregate);
  printf("create_partition: kind %d kept %s %s\n", (int)partition.kind,
         yes(partition.callback.partitioner.func == v2),
         yes(partition.callback.partitioner.aggregator == aggregate));

  gearman_id_t id = gearman_id_initialize();
  printf("id: %d %d valid %s\n", id.read_fd, id.write_fd, yes(gearman_id_valid(id)));
  static const int ends[][2] = {{-1, -1}, {0, 0}, {1, -1}, {-1, 1}, {3, 4}, {0, -1}};
  for (size_t x = 0; x < sizeof(ends) / sizeof(ends[0]); ++x)
  {
    id.read_fd = ends[x][0];
    id.write_fd = ends[x][1];
    printf("id %d %d valid %s\n", id.read_fd, id.write_fd, yes(gearman_id_valid(id)));
  }
  id = gearman_id_initialize();
  static const gearman_signal_t signals[] = {GEARMAN_SIGNAL_CHECK, GEARMAN_SIGNAL_INTERRUPT,
                                             GEARMAN_SIGNAL_KILL, GEARMAN_SIGNAL_KILLWAIT};
  for (int x = 0; x < 4; ++x)
    printf("kill %d of nothing: %s\n", x, rc_name(gearman_kill(id, signals[x])));

  struct gearman_status_t status;
  memset(&status, 0, sizeof(status));
  status.status_.mesg_.result_rc = GEARMAN_SUCCESS;
  status.status_.mesg_.is_known = true;
  status.status_.mesg_.numerator = 4000000000u;
  status.status_.mesg_.denominator = 12;
  printf("status: %s known %s running %s %u/%u\n", rc_name(gearman_status_return(status)),
         yes(gearman_status_is_known(status)), yes(gearman_status_is_running(status)),
         gearman_status_numerator(status), gearman_status_denominator(status));
  status.status_.mesg_.result_rc = GEARMAN_TIMEOUT;
  status.status_.mesg_.is_known = false;
  status.status_.mesg_.is_running = true;
  printf("status: %s known %s running %s\n", rc_name(gearman_status_return(status)),
         yes(gearman_status_is_known(status)), yes(gearman_status_is_running(status)));

  gearman_string_t nothing = gearman_result_string(NULL);
  printf("result NULL: is_null %s size %zu value %s boolean %s integer %lld string %s/%zu\n",
         yes(gearman_result_is_null(NULL)), gearman_result_size(NULL),
         text(gearman_result_value(NULL)), yes(gearman_result_boolean(NULL)),
         (long long)gearman_result_integer(NULL), text(nothing.c_str), nothing.size);

  const struct gearman_actions_t *actions = actions_pause();
  printf("actions_pause: workload %s created %s data %s warning %s status %s complete %s exception "
         "%s fail %s\n",
         yes(actions->workload_fn != NULL), yes(actions->created_fn != NULL),
         yes(actions->data_fn != NULL), yes(actions->warning_fn != NULL),
         yes(actions->status_fn != NULL), yes(actions->complete_fn != NULL),
         yes(actions->exception_fn != NULL), yes(actions->fail_fn != NULL));
  printf("one object: %s\n", yes(actions == actions_pause()));
  return 0;
}
