/* The server and the functions of a task that `task_states.c` walks. */
#ifndef GEARMAN_TESTS_TASK_STATES_H
#define GEARMAN_TESTS_TASK_STATES_H

#include "tables.h"

static gearman_client_st *client;
static gearman_task_st *task;
static char marker;

/* ---- the server ----------------------------------------------------------------------- */

#define HANDLE "H:x:1"

static void about_job(int fd, int type, const char *data)
{
  char body[64];
  int size = snprintf(body, sizeof(body), "%s%c%s", HANDLE, 0, data);
  packet_send(fd, type, body, (size_t)size);
}

static bool answer_client(int fd, int type)
{
  const char *name = (const char *)packet_body;
  switch (type)
  {
  case OPTION_REQ: packet_send(fd, OPTION_RES, packet_body, packet_size); return true;
  case ECHO_REQ: packet_send(fd, ECHO_RES, packet_body, packet_size); return true;
  case GET_STATUS: packet_send(fd, STATUS_RES, "H:x:9\0001\0001\0003\0004", 13); return true;
  case 41: packet_send(fd, 42, "u\0001\0001\0003\0004\0005", 11); return true;
  case SUBMIT_JOB_BG: packet_send(fd, JOB_CREATED, HANDLE, 5); return true;
  case SUBMIT_JOB: break;
  default: return true;
  }
  if (strcmp(name, "silent") == 0) return true;
  if (strcmp(name, "refused") == 0)
  {
    packet_send(fd, SERVER_ERROR, "QUEUE_ERROR\0full", 16);
    return true;
  }
  packet_send(fd, JOB_CREATED, HANDLE, 5);
  if (strcmp(name, "created") == 0) return true;
  if (strcmp(name, "status") == 0)
  {
    packet_send(fd, WORK_STATUS, HANDLE "\0001\0002", 9);
    return true;
  }
  about_job(fd, WORK_DATA, "one");
  if (strcmp(name, "data") == 0) return true;
  if (strcmp(name, "lost") == 0) return false;
  about_job(fd, WORK_WARNING, "careful");
  packet_send(fd, WORK_STATUS, HANDLE "\0001\0002", 9);
  if (strcmp(name, "fail") == 0)
    packet_send(fd, WORK_FAIL, HANDLE, 5);
  else if (strcmp(name, "exception") == 0)
    about_job(fd, WORK_EXCEPTION, "boom");
  else
    about_job(fd, WORK_COMPLETE, strcmp(name, "nothing") == 0 ? "" : "end");
  return true;
}

/* ---- functions ------------------------------------------------------------------------- */

static bool freed;

static void f_accessors(void);

static void f_take_data(void)
{
  size_t size = 77;
  void *data = gearman_task_take_data(task, &size);
  printf(" %s, then %s", bytes(data, size),
         bytes(gearman_task_data(task), gearman_task_data_size(task)));
  free(data);
}

static void f_give_workload(void)
{
  gearman_task_give_workload(task, strdup("given"), 5);
  printf(" done");
}

static void f_send_workload(void)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t sent = gearman_task_send_workload(task, "sent", 4, &rc);
  printf(" %zu %s", sent, rc_name(rc));
}

static void f_send_nothing(void)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t sent = gearman_task_send_workload(task, NULL, 0, &rc);
  printf(" %zu %s", sent, rc_name(rc));
}

static void receive(size_t room)
{
  char buffer[16];
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t got = gearman_task_recv_data(task, room == 0 ? NULL : buffer, room, &rc);
  printf(" %s %s", bytes(buffer, got > sizeof(buffer) ? 0 : got), rc_name(rc));
  if (got > sizeof(buffer)) printf(" of %zu", got);
}

static void f_recv_data(void) { receive(10); }
static void f_recv_part(void) { receive(2); }
static void f_recv_nothing(void) { receive(0); }

static void f_recv_twice(void)
{
  receive(10);
  receive(10);
}

static void f_set_context(void)
{
  static char other;
  gearman_task_set_context(task, &other);
  printf(" %s", yes(gearman_task_context(task) == &other));
}

static void f_free(void)
{
  gearman_task_free(task);
  freed = true;
  printf(" done");
}

static const struct
{
  const char *name;
  void (*call)(void);
} functions[] = {
    {"accessors", f_accessors},         {"take_data", f_take_data},
    {"give_workload", f_give_workload}, {"send_workload", f_send_workload},
    {"send_workload of nothing", f_send_nothing},
    {"recv_data", f_recv_data},         {"recv_data of 2", f_recv_part},
    {"recv_data of nothing", f_recv_nothing}, {"recv_data twice", f_recv_twice},
    {"set_context", f_set_context},     {"free", f_free},
};
enum { FUNCTIONS = sizeof(functions) / sizeof(*functions) };

static void f_accessors(void)
{
  gearman_result_st *result = gearman_task_result(task);
  gearman_string_t exception = gearman_task_exception(task);
  void *context = gearman_task_context(task);
  printf(" context %s function %s unique %s handle %s",
         context == NULL ? "NULL" : context == &marker ? "ours" : "other",
         text(gearman_task_function_name(task)), text(gearman_task_unique(task)),
         text(gearman_task_job_handle(task)));
  printf(" known %s running %s %u/%u", yes(gearman_task_is_known(task)),
         yes(gearman_task_is_running(task)), gearman_task_numerator(task),
         gearman_task_denominator(task));
  printf(" error %s return %s state %s", text(gearman_task_error(task)),
         rc_name(gearman_task_return(task)), text(gearman_task_strstate(task)));
  printf(" data %s of %zu", bytes(gearman_task_data(task), gearman_task_data_size(task)),
         gearman_task_data_size(task));
  printf(" result %s exception %s %s next %s",
         result == NULL ? "none" : bytes(gearman_result_value(result), gearman_result_size(result)),
         yes(gearman_task_has_exception(task)), bytes(exception.c_str, exception.size),
         yes(gearman_next(task) != NULL));
}

#endif
