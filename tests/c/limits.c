/* Every limit that the headers name, one below it, at it and one beyond, for each function that takes
 * such a value; and sizes that no packet can have, of memory that can only be read in part.
 * `limits_beyond.c` has the entries that are meant to differ. */
#include "limits.h"

static const row rows[] = {
    {"function, do", fn_do, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, do_background", fn_background, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, add_task", fn_task, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, execute", fn_execute, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, execute_by_partition", fn_partition, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"reducer, execute_by_partition", fn_reducer, GEARMAN_FUNCTION_MAX_SIZE, true, false, TOO_LONG},
    {"function, worker_register", fn_register, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, worker_add_function", fn_add, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"function, worker_define_function", fn_define, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"namespace, client", fn_prefixed, GEARMAN_FUNCTION_MAX_SIZE, true, false, NONE},
    {"namespace, worker", fn_prefixed_worker, GEARMAN_FUNCTION_MAX_SIZE, false, false, NONE},
    {"unique, do", un_do, GEARMAN_MAX_UNIQUE_SIZE, true, false, NONE},
    {"unique, do_background", un_background, GEARMAN_MAX_UNIQUE_SIZE, true, false, NONE},
    {"unique, add_task", un_task, GEARMAN_MAX_UNIQUE_SIZE, true, false, NONE},
    {"unique, execute", un_execute, GEARMAN_MAX_UNIQUE_SIZE, true, false, NONE},
    {"option, client", option_client, 1, true, false, NONE},
    {"option, worker", option_worker, 1, true, false, NONE},
    {"unique, unique_status", un_status, GEARMAN_MAX_UNIQUE_SIZE, true, false, AT_A_SERVER},
    {"unique, add_task_status_by_unique", un_status_task, GEARMAN_MAX_UNIQUE_SIZE, true, false, AT_A_SERVER},
    {"handle, job_status", ha_status, GEARMAN_JOB_HANDLE_SIZE, true, false, FROM_IT_AT_A_SERVER},
    {"handle, add_task_status", ha_status_task, GEARMAN_JOB_HANDLE_SIZE, true, false, FROM_IT_AT_A_SERVER},
    {"function of 5, execute", short_execute, GEARMAN_FUNCTION_MAX_SIZE, true, true, NONE},
    {"function of 5, define_function", short_define, GEARMAN_FUNCTION_MAX_SIZE, false, true, NONE},
    {"function of 5, define_function", short_define, SIZE_MAX / 2, false, true, NONE},
    {"function of 5, execute", short_execute, SIZE_MAX / 2, true, true, NONE},
    {"unique of 5, execute", short_unique, GEARMAN_MAX_UNIQUE_SIZE, true, true, NONE},
    {"unique of 5, execute", short_unique, SIZE_MAX / 2, true, true, NONE},
    {"workload, do", sent_do, UINT32_MAX, true, true, NONE},
    {"workload, do_background", sent_background, UINT32_MAX, true, true, NONE},
    {"workload, add_task", sent_task, UINT32_MAX, true, true, ALL},
    {"workload, execute", sent_execute, UINT32_MAX, true, true, ALL},
    {"job_send_data", sent_data, UINT32_MAX, false, true, ALL},
    {"job_send_warning", sent_warning, UINT32_MAX, false, true, ALL},
    {"job_send_complete", sent_complete, UINT32_MAX, false, true, ALL},
    {"job_send_exception", sent_exception, UINT32_MAX, false, true, ALL},
    {"identifier, client", id_client, GEARMAN_MAX_IDENTIFIER, true, false, NONE},
    {"identifier, worker", id_worker, GEARMAN_MAX_IDENTIFIER, true, false, NONE},
    {"option, client", option_client, GEARMAN_OPTION_SIZE, true, false, NONE},
    {"option, worker", option_worker, GEARMAN_OPTION_SIZE, true, false, NONE},
    {"option, client", option_client, (size_t)GEARMAN_MAX_OPTION_SIZE, true, true, NONE},
    {"option, worker", option_worker, (size_t)GEARMAN_MAX_OPTION_SIZE, true, true, NONE},
    {"echo, client", echo_client, 1, true, false, NONE},
    {"echo, worker", echo_worker, 1, true, false, NONE},
    {"echo of NULL, client", echo_client_null, 1, true, false, NONE},
    {"echo of NULL, worker", echo_worker_null, 1, true, false, NONE},
    {"echo, client", echo_client, (size_t)GEARMAN_MAX_ECHO_SIZE, true, true, NONE},
    {"echo, worker", echo_worker, (size_t)GEARMAN_MAX_ECHO_SIZE, true, true, NONE},
    {"echo of NULL, client", echo_client_null, (size_t)GEARMAN_MAX_ECHO_SIZE, true, true, NONE},
    {"echo of NULL, worker", echo_worker_null, (size_t)GEARMAN_MAX_ECHO_SIZE, true, true, NONE},
    {"echo, client", echo_client, (size_t)UINT32_MAX + 1, true, true, NONE},
    {"echo, worker", echo_worker, (size_t)UINT32_MAX + 1, true, true, NONE},
    {"echo, client", echo_client, SIZE_MAX / 2 + 1, true, true, NONE},
    {"echo, worker", echo_worker, SIZE_MAX / 2 + 1, true, true, NONE},
    {"option, client", option_client, SIZE_MAX / 2 + 1, true, true, NONE},
    {"host", host_client, GEARMAN_NI_MAXHOST, false, false, NONE},
    {"host", host_client, GEARMAN_MAX_ERROR_SIZE, false, false, NONE},
    {"timeout, worker", timeout_worker, GEARMAN_WORKER_WAIT_TIMEOUT, false, false, NONE},
    {"timeout, worker", timeout_worker, INT32_MAX, false, false, NONE},
    {"timeout, client", timeout_client, INT32_MAX, false, false, NONE},
    {"strerror", strerror_of, GEARMAN_MAX_RETURN, false, false, NONE},
    {"verbose_name", verbose_of, GEARMAN_VERBOSE_MAX, false, false, NONE},
    {"priority, execute", priority_of, GEARMAN_JOB_PRIORITY_MAX, false, false, NONE},
    {"client option", client_option, GEARMAN_CLIENT_MAX, false, false, NONE},
    {"worker option", worker_option, GEARMAN_WORKER_MAX, false, false, NONE},
};

typedef struct
{
  const row *row;
  size_t n;
  int place;
} entry;

static bool is_different(const row *row, int by, int place)
{
  switch (row->differs)
  {
  case ALL: return true;
  case TOO_LONG: return by == 1;
  case AT_A_SERVER: return by == 0 && place == LIVE;
  case FROM_IT_AT_A_SERVER: return by >= 0 && place == LIVE;
  default: return false;
  }
}

/* Whether this program walks the entries that differ, or all others. */
#ifndef DIFFERENT
#define DIFFERENT false
#endif

static void run_entry(void *argument)
{
  const entry *self = (const entry *)argument;
  self->row->call(self->n, self->place);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  dead = dead_port();
  worker_process worker = worker_start(server_port);
  for (size_t x = 0; x < sizeof(rows) / sizeof(*rows); ++x)
    for (int place = rows[x].at_each_place ? NOWHERE : LIVE; place < PLACES; ++place)
      for (int by = rows[x].only_beyond ? 1 : -1; by < 2; ++by)
      {
        /* How long a reducer's name may be is the server's matter. */
        if (rows[x].differs == TOO_LONG && place == LIVE) continue;
        if (is_different(&rows[x], by, place) != DIFFERENT || !is_walked()) continue;
        entry self = {&rows[x], rows[x].limit + (size_t)by, place};
        printf("%s of %zu, %s:", self.row->name, self.n, places[place]);
        in_child(run_entry, &self);
        printf("\n");
      }
  worker_stop(&worker);
  return 0;
}
