/* gearman_execute with every attribute: foreground and background at each priority, at a time,
 * without attributes, without arguments; results, contexts, uniques. */
#include "common.h"

static gearman_client_st *client;

static void run(const char *what, const char *function, gearman_task_attr_t *attr, const char *value,
                size_t size)
{
  char context[] = "context";
  gearman_argument_t argument = gearman_argument_make("name", 4, value, size);
  gearman_task_st *task =
      gearman_execute(client, function, strlen(function), NULL, 0, attr, &argument, context);
  if (task == NULL)
  {
    printf("%s %s: no task\n", what, function);
    show_client_error(client);
    return;
  }
  gearman_result_st *result = gearman_task_result(task);
  printf("%s %s: %s %s result %s handle %s known %s context %s\n", what, function,
         rc_name(gearman_task_return(task)), gearman_task_strstate(task),
         result == NULL ? "none" : bytes(gearman_result_value(result), gearman_result_size(result)),
         text(gearman_task_job_handle(task)), yes(gearman_task_is_known(task)),
         attr == NULL ? "not compared" : text((const char *)gearman_task_context(task)));
  gearman_task_free(task);
}

static void both(const char *what, gearman_task_attr_t attr)
{
  run(what, "reverse", &attr, "abc", 3);
  run(what, "fail", &attr, "abc", 3);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);

  run("no attributes", "reverse", NULL, "abc", 3);
  run("no attributes", "everything", NULL, "abc", 3);
  run("no attributes", "empty", NULL, "abc", 3);
  run("an empty argument", "size", NULL, NULL, 0);
  both("high", gearman_task_attr_init(GEARMAN_JOB_PRIORITY_HIGH));
  both("normal", gearman_task_attr_init(GEARMAN_JOB_PRIORITY_NORMAL));
  both("low", gearman_task_attr_init(GEARMAN_JOB_PRIORITY_LOW));
  both("background high", gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_HIGH));
  both("background normal", gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL));
  both("background low", gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_LOW));
  both("at a time", gearman_task_attr_init_epoch(time(NULL) + 3600, GEARMAN_JOB_PRIORITY_NORMAL));

  gearman_task_st *task = gearman_execute(client, "size", 4, "an id", 5, NULL, NULL, NULL);
  printf("no arguments: %s unique %s\n", task == NULL ? "no task" : rc_name(gearman_task_return(task)),
         task == NULL ? "-" : text(gearman_task_unique(task)));
  if (task != NULL)
  {
    gearman_result_st *result = gearman_task_result(task);
    printf("  integer %lld boolean %s is_null %s string %s\n",
           (long long)gearman_result_integer(result), yes(gearman_result_boolean(result)),
           yes(gearman_result_is_null(result)), gearman_result_string(result).c_str);
    gearman_task_free(task);
  }

  gearman_argument_t number = gearman_argument_make(NULL, 0, "1234", 4);
  task = gearman_execute(client, "echo", 4, NULL, 0, NULL, &number, NULL);
  gearman_result_st *result = gearman_task_result(task);
  printf("a number: integer %lld boolean %s size %zu\n", (long long)gearman_result_integer(result),
         yes(gearman_result_boolean(result)), gearman_result_size(result));
  gearman_result_store_integer(result, -5);
  printf("stored -5: integer %lld size %zu value %s is_null %s boolean %s\n",
         (long long)gearman_result_integer(result), gearman_result_size(result),
         text(gearman_result_value(result)), yes(gearman_result_is_null(result)),
         yes(gearman_result_boolean(result)));
  gearman_result_store_integer(result, 0);
  printf("stored 0: boolean %s\n", yes(gearman_result_boolean(result)));
  show("store_value", gearman_result_store_value(result, "12 monkeys", 10));
  printf("stored a value: %s integer %lld boolean %s\n",
         bytes(gearman_result_value(result), gearman_result_size(result)),
         (long long)gearman_result_integer(result), yes(gearman_result_boolean(result)));
  gearman_string_t string = {"a string", 8};
  show("store_string", gearman_result_store_string(result, string));
  gearman_string_t stored = gearman_result_string(result);
  printf("stored a string: %s integer %lld\n", bytes(stored.c_str, stored.size),
         (long long)gearman_result_integer(result));
  show("store_value of size 0", gearman_result_store_value(result, "x", 0));
  printf("stored nothing: %s boolean %s is_null %s\n",
         bytes(gearman_result_value(result), gearman_result_size(result)),
         yes(gearman_result_boolean(result)), yes(gearman_result_is_null(result)));
  gearman_task_free(task);

  printf("tasks left %s\n", yes(gearman_client_has_tasks(client)));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
