/* Every function of a task in every state of a task: what it returns, how the run goes on, and what
 * the server gets. `task_states_beyond.c` has the entries that are meant to differ. */
#include "task_states.h"

/* Whether this program walks the entries that differ, or all others. */
#ifndef DIFFERENT
#define DIFFERENT false
#endif

/* ---- states ---------------------------------------------------------------------------- */

static int which;
/* The callback in which the function is called, and whether it was. */
static const char *inside;
static bool called;

static void call(void)
{
  called = true;
  functions[which].call();
}

/* Results are left to the callbacks, which receive what the function has left of them. */
static bool unbuffered;

static gearman_return_t on(const char *name, gearman_task_st *its_task)
{
  if (inside != NULL && !called && strcmp(inside, name) == 0)
  {
    task = its_task;
    call();
  }
  if (unbuffered && !freed)
  {
    char buffer[16];
    gearman_return_t rc;
    while (gearman_task_recv_data(its_task, buffer, sizeof(buffer), &rc) > 0 || rc == GEARMAN_IO_WAIT)
    {
    }
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t at_created(gearman_task_st *t) { return on("created", t); }
static gearman_return_t at_data(gearman_task_st *t) { return on("data", t); }
static gearman_return_t at_warning(gearman_task_st *t) { return on("warning", t); }
static gearman_return_t at_status(gearman_task_st *t) { return on("status", t); }
static gearman_return_t at_complete(gearman_task_st *t) { return on("complete", t); }
static gearman_return_t at_exception(gearman_task_st *t) { return on("exception", t); }
static gearman_return_t at_fail(gearman_task_st *t) { return on("fail", t); }

static gearman_return_t refuse(gearman_task_st *t)
{
  (void)t;
  return GEARMAN_PAUSE;
}

static void set_callbacks(void)
{
  gearman_client_set_created_fn(client, at_created);
  gearman_client_set_data_fn(client, at_data);
  gearman_client_set_warning_fn(client, at_warning);
  gearman_client_set_status_fn(client, at_status);
  gearman_client_set_complete_fn(client, at_complete);
  gearman_client_set_exception_fn(client, at_exception);
  gearman_client_set_fail_fn(client, at_fail);
}

static void add(const char *name)
{
  gearman_return_t rc;
  task = gearman_client_add_task(client, NULL, &marker, name, "u", "load", 4, &rc);
  if (task == NULL) die("add_task");
}

static void run(void) { printf(" | run %s", rc_name(gearman_client_run_tasks(client))); }

/* How it goes on after the call. */
static void after(void)
{
  printf(" |");
  for (int round = 0; round < 2; ++round)
    printf(" run %s", rc_name(gearman_client_run_tasks(client)));
  if (!freed) printf(" task %s", rc_name(gearman_task_return(task)));
}

/* Runs without waiting until the task has got so far. */
static void until(const char *name, bool (*is_so)(void))
{
  long long since = now_ms();
  add(name);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  gearman_client_set_timeout(client, 2);
  for (int round = 0; round < 5 || !is_so(); ++round)
  {
    gearman_client_run_tasks(client);
    gearman_client_wait(client);
    if (now_ms() > since + 10000) die("no event within 10 s");
  }
}

static bool at_once(void) { return true; }
static bool has_handle(void) { return gearman_task_job_handle(task)[0] != 0; }
static bool has_status(void) { return gearman_task_numerator(task) == 1; }

static void s_added(void) { add("all"); call(); after(); }

static void s_added_empty(void)
{
  gearman_return_t rc;
  task = gearman_client_add_task(client, NULL, &marker, "all", "u", NULL, 0, &rc);
  call();
  after();
}

static void background(void)
{
  gearman_return_t rc;
  task = gearman_client_add_task_background(client, NULL, &marker, "all", "u", "load", 4, &rc);
}

static void s_added_background(void) { background(); call(); after(); }

static void status_task(void)
{
  gearman_return_t rc;
  task = gearman_client_add_task_status(client, NULL, &marker, "H:x:9", &rc);
}

static void s_added_status(void) { status_task(); call(); after(); }

static void unique_status_task(void)
{
  gearman_return_t rc;
  task = gearman_client_add_task_status_by_unique(client, NULL, "u", &rc);
}

static void s_added_unique_status(void) { unique_status_task(); call(); after(); }

static void s_added_in_memory(void)
{
  static gearman_task_st memory;
  gearman_return_t rc;
  task = gearman_client_add_task(client, &memory, &marker, "all", "u", "load", 4, &rc);
  call();
  after();
}

static void s_servers_removed(void)
{
  add("all");
  gearman_client_remove_servers(client);
  call();
  after();
}

static void s_no_server(void)
{
  add("all");
  gearman_client_remove_servers(client);
  run();
  call();
  after();
}

static void s_server_down(void)
{
  gearman_client_remove_servers(client);
  gearman_client_add_server(client, "127.0.0.1", dead_port());
  add("all");
  run();
  call();
  after();
}

static void s_sent(void) { until("silent", at_once); call(); }
static void s_created(void) { until("created", has_handle); call(); }
static void s_data(void) { until("data", has_handle); call(); }
static void s_status(void) { until("status", has_status); call(); }

static void s_sent_and_removed(void)
{
  until("created", has_handle);
  gearman_client_remove_servers(client);
  call();
}

static void s_timed_out(void)
{
  gearman_client_set_timeout(client, 30);
  add("created");
  run();
  call();
}

static void s_paused(void)
{
  gearman_client_set_data_fn(client, refuse);
  add("all");
  run();
  call();
}

static void s_finished(void) { add("all"); run(); call(); after(); }
static void s_finished_nothing(void) { add("nothing"); run(); call(); after(); }
static void s_finished_failed(void) { add("fail"); run(); call(); after(); }
static void s_finished_background(void) { background(); run(); call(); after(); }
static void s_finished_status(void) { status_task(); run(); call(); after(); }
static void s_finished_unique_status(void) { unique_status_task(); run(); call(); after(); }

static void s_finished_exception(void)
{
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  add("exception");
  run();
  call();
  after();
}

static void s_finished_and_removed(void)
{
  add("all");
  run();
  gearman_client_remove_servers(client);
  call();
  after();
}

static void s_finished_called_back(void)
{
  set_callbacks();
  add("all");
  run();
  call();
  after();
}

static void s_lost(void) { add("lost"); run(); call(); }
static void s_refused(void) { add("refused"); run(); call(); }

static void executed(const char *name, bool in_background)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "load", 4);
  gearman_task_attr_t attributes =
      in_background ? gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL)
                    : gearman_task_attr_init(GEARMAN_JOB_PRIORITY_NORMAL);
  task = gearman_execute(client, name, strlen(name), "u", 1, &attributes, &argument, &marker);
  if (task == NULL) die("execute");
  call();
  after();
}

static void s_executed(void) { executed("all", false); }
static void s_executed_nothing(void) { executed("nothing", false); }
static void s_executed_failed(void) { executed("fail", false); }
static void s_executed_background(void) { executed("all", true); }

static void s_executed_exception(void)
{
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  executed("exception", false);
}

/* Inside one of the callbacks. */
static void calls_back(const char *name, const char *function, bool as_it_comes)
{
  inside = name;
  unbuffered = as_it_comes;
  set_callbacks();
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  if (unbuffered) gearman_client_add_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
  add(function);
  run();
  if (!called) printf(" never called");
  if (!freed) printf(" task %s", rc_name(gearman_task_return(task)));
}

static void s_in_created(void) { calls_back("created", "all", false); }
static void s_in_data(void) { calls_back("data", "all", false); }
static void s_in_warning(void) { calls_back("warning", "all", false); }
static void s_in_status(void) { calls_back("status", "all", false); }
static void s_in_complete(void) { calls_back("complete", "all", false); }
static void s_in_empty_complete(void) { calls_back("complete", "nothing", false); }
static void s_in_exception(void) { calls_back("exception", "exception", false); }
static void s_in_fail(void) { calls_back("fail", "fail", false); }
static void s_in_created_unbuffered(void) { calls_back("created", "all", true); }
static void s_in_data_unbuffered(void) { calls_back("data", "all", true); }
static void s_in_warning_unbuffered(void) { calls_back("warning", "all", true); }
static void s_in_status_unbuffered(void) { calls_back("status", "all", true); }
static void s_in_complete_unbuffered(void) { calls_back("complete", "all", true); }
static void s_in_empty_complete_unbuffered(void) { calls_back("complete", "nothing", true); }
static void s_in_fail_unbuffered(void) { calls_back("fail", "fail", true); }
static void s_in_exception_unbuffered(void) { calls_back("exception", "exception", true); }

static void s_in_created_background(void)
{
  inside = "created";
  set_callbacks();
  background();
  run();
  if (!freed) printf(" task %s", rc_name(gearman_task_return(task)));
}

static void s_in_status_of_status(void)
{
  inside = "status";
  set_callbacks();
  status_task();
  run();
  if (!freed) printf(" task %s", rc_name(gearman_task_return(task)));
}

/* The shell of a task in memory that has been moved. */
static void s_moved(void)
{
  static gearman_task_st memory, moved;
  gearman_return_t rc;
  gearman_client_add_task(client, &memory, &marker, "all", "u", "load", 4, &rc);
  run();
  moved = memory;
  task = &moved;
  call();
}

static const struct
{
  const char *name;
  void (*enter)(void);
  /* In which functions ours is meant to differ, by letters in their order from a on. */
  const char *differs;
} states[] = {
    {"added", s_added, "bcdefghi"},
    {"added without a workload", s_added_empty, "bcdefghi"},
    {"added in the background", s_added_background, "bcdefghi"},
    {"added for a status", s_added_status, "bdefghi"},
    {"added for a status by unique", s_added_unique_status, "bdefghi"},
    {"added in memory", s_added_in_memory, "bcdefghi"},
    {"its servers removed", s_servers_removed, "bdefghi"},
    {"run without a server", s_no_server, "bdefghi"},
    {"run with a server down", s_server_down, "bdefghi"},
    {"sent", s_sent, "bde"},
    {"sent and created", s_created, "de"},
    {"sent and with data", s_data, "de"},
    {"sent and with a status", s_status, "de"},
    {"sent, its servers removed", s_sent_and_removed, "ade"},
    {"timed out", s_timed_out, "de"},
    {"data refused by its callback", s_paused, "de"},
    {"finished", s_finished, "de"},
    {"finished with callbacks", s_finished_called_back, "de"},
    {"finished with nothing", s_finished_nothing, "de"},
    {"finished, its servers removed", s_finished_and_removed, "de"},
    {"failed", s_finished_failed, "de"},
    {"ended by an exception", s_finished_exception, "de"},
    {"finished in the background", s_finished_background, "de"},
    {"finished, for a status", s_finished_status, "de"},
    {"finished, for a status by unique", s_finished_unique_status, "de"},
    {"moved when it was finished", s_moved, "de"},
    {"lost", s_lost, "ade"},
    {"refused by the server", s_refused, "abde"},
    {"executed", s_executed, "de"},
    {"executed with nothing", s_executed_nothing, "de"},
    {"executed and failed", s_executed_failed, "de"},
    {"executed and ended by an exception", s_executed_exception, "de"},
    {"executed in the background", s_executed_background, "de"},
    {"in created_fn", s_in_created, "dek"},
    {"in data_fn", s_in_data, "dek"},
    {"in warning_fn", s_in_warning, "dek"},
    {"in status_fn", s_in_status, "dek"},
    {"in complete_fn", s_in_complete, "dek"},
    {"in complete_fn with nothing", s_in_empty_complete, "dek"},
    {"in exception_fn", s_in_exception, "dek"},
    {"in fail_fn", s_in_fail, "dek"},
    {"in created_fn in the background", s_in_created_background, "dek"},
    {"in status_fn of a status", s_in_status_of_status, "dek"},
    {"in created_fn, unbuffered", s_in_created_unbuffered, "dek"},
    {"in data_fn, unbuffered", s_in_data_unbuffered, "dek"},
    {"in warning_fn, unbuffered", s_in_warning_unbuffered, "dek"},
    {"in status_fn, unbuffered", s_in_status_unbuffered, "dek"},
    {"in complete_fn, unbuffered", s_in_complete_unbuffered, "dek"},
    {"in complete_fn with nothing, unbuffered", s_in_empty_complete_unbuffered, "dek"},
    {"in exception_fn, unbuffered", s_in_exception_unbuffered, "abcdefghijk"},
    {"in fail_fn, unbuffered", s_in_fail_unbuffered, "dek"},
};
enum { STATES = sizeof(states) / sizeof(*states) };

static void enter(void *argument)
{
  client = client_for(scribe_port);
  gearman_client_set_timeout(client, 5000);
  states[*(int *)argument].enter();
  fflush(stdout);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  scribe_start(answer_client);
  for (int state = 0; state < STATES; ++state)
    for (which = 0; which < FUNCTIONS; ++which)
    {
      if ((strchr(states[state].differs, 'a' + which) != NULL) != DIFFERENT || !is_walked())
        continue;
      printf("%s, %s:", states[state].name, functions[which].name);
      in_child(enter, &state);
      printf(" | server");
      scribe_print();
      printf("\n");
    }
  end_process(scribe_pid);
  return 0;
}
