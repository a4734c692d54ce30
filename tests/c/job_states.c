/* Every function of a job in every state of a job: what it returns, and what the server gets.
 * `job_states_beyond.c` has the entries that are meant to differ. */
#include "tables.h"

/* Whether this program walks the entries that differ, or all others. */
#ifndef DIFFERENT
#define DIFFERENT false
#endif

static gearman_worker_st *worker;
static gearman_job_st *job;

/* ---- the server ----------------------------------------------------------------------- */

/* A worker whose identifier is "lost" loses its connection with the first echo or status that it
 * sends, "empty" gets a job without a workload. */
static bool answer_worker(int fd, int type)
{
  static char identifier[16];
  static int jobs;
  const char *load = "load";
  switch (type)
  {
  case SET_CLIENT_ID:
    snprintf(identifier, sizeof(identifier), "%.*s", (int)packet_size, (const char *)packet_body);
    jobs = 0;
    return true;
  case OPTION_REQ: packet_send(fd, OPTION_RES, packet_body, packet_size); return true;
  case ECHO_REQ:
    if (strcmp(identifier, "lost") == 0) return false;
    packet_send(fd, ECHO_RES, packet_body, packet_size);
    return true;
  case WORK_STATUS: return strcmp(identifier, "lost") != 0;
  case GRAB_JOB:
  case GRAB_UNIQ:
  case GRAB_ALL: break;
  default: return true;
  }
  if (strcmp(identifier, "empty") == 0) load = "";
  if (jobs++ > 1)
    packet_send(fd, NO_JOB, NULL, 0);
  else if (type == GRAB_JOB)
  {
    char body[32];
    int size = snprintf(body, sizeof(body), "H:x:%d%cf%c%s", jobs, 0, 0, load);
    packet_send(fd, JOB_ASSIGN, body, (size_t)size);
  }
  else
  {
    char body[32];
    int size = snprintf(body, sizeof(body), "H:x:%d%cf%cu%c%s", jobs, 0, 0, 0, load);
    packet_send(fd, UNIQ_ASSIGN, body, (size_t)size);
  }
  return true;
}

/* ---- functions ------------------------------------------------------------------------- */

static bool freed;

static void code(gearman_return_t rc) { printf(" %s", rc_name(rc)); }

static void f_accessors(void)
{
  printf(" handle %s function %s unique %s", text(gearman_job_handle(job)),
         text(gearman_job_function_name(job)), text(gearman_job_unique(job)));
  size_t size = gearman_job_workload_size(job);
  printf(" workload %s", bytes(gearman_job_workload(job), size));
}

/* What its text says of the last wait depends on how quick the server was. */
static void f_error(void) { printf(" %s", gearman_job_error(job) == NULL ? "NULL" : "a text"); }
static void f_data(void) { code(gearman_job_send_data(job, "data", 4)); }
static void f_no_data(void) { code(gearman_job_send_data(job, NULL, 0)); }
static void f_warning(void) { code(gearman_job_send_warning(job, "careful", 7)); }
static void f_no_warning(void) { code(gearman_job_send_warning(job, NULL, 0)); }
static void f_status(void) { code(gearman_job_send_status(job, 1, 2)); }
static void f_large_status(void) { code(gearman_job_send_status(job, UINT32_MAX, 0)); }
static void f_complete(void) { code(gearman_job_send_complete(job, "end", 3)); }
static void f_complete_empty(void) { code(gearman_job_send_complete(job, NULL, 0)); }
static void f_exception(void) { code(gearman_job_send_exception(job, "boom", 4)); }
static void f_no_exception(void) { code(gearman_job_send_exception(job, NULL, 0)); }
static void f_fail(void) { code(gearman_job_send_fail(job)); }

static void f_take_workload(void)
{
  size_t size = 77;
  void *taken = gearman_job_take_workload(job, &size);
  printf(" %s, then %s", bytes(taken, size),
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  free(taken);
}

static void f_use_client(void)
{
  gearman_client_st *first = gearman_job_use_client(job);
  printf(" %s, %s", first == NULL ? "NULL" : "a client",
         gearman_job_use_client(job) == first ? "the same" : "another");
}

static void f_clone_worker(void)
{
  gearman_worker_st *clone = gearman_job_clone_worker(job);
  printf(" %s", clone == NULL ? "NULL" : "a worker");
  if (clone != NULL) printf(", with f %s", yes(gearman_worker_function_exist(clone, "f", 1)));
  gearman_worker_free(clone);
}

static void f_free(void)
{
  gearman_job_free(job);
  freed = true;
  printf(" done");
}

static void f_free_all(void)
{
  gearman_job_free_all(worker);
  freed = true;
  printf(" done");
}

static const struct
{
  const char *name;
  void (*call)(void);
} functions[] = {
    {"accessors", f_accessors},
    {"error", f_error},
    {"send_data", f_data},
    {"send_data of nothing", f_no_data},
    {"send_warning", f_warning},
    {"send_warning of nothing", f_no_warning},
    {"send_status", f_status},
    {"send_status of 4294967295/0", f_large_status},
    {"send_complete", f_complete},
    {"send_complete of nothing", f_complete_empty},
    {"send_exception", f_exception},
    {"send_exception of nothing", f_no_exception},
    {"send_fail", f_fail},
    {"take_workload", f_take_workload},
    {"use_client", f_use_client},
    {"clone_worker", f_clone_worker},
    {"free", f_free},
    {"free_all", f_free_all},
};
enum { FUNCTIONS = sizeof(functions) / sizeof(*functions) };

/* ---- states ---------------------------------------------------------------------------- */

static int which;

static void call(void) { functions[which].call(); }

/* How it goes on after the call. */
static void after(void)
{
  if (!freed) printf(" | then complete %s", rc_name(gearman_job_send_complete(job, "late", 4)));
}

static void *v1(gearman_job_st *its_job, void *context, size_t *size, gearman_return_t *ret);
static gearman_return_t v2(gearman_job_st *its_job, void *context);

static void make_worker(const char *identifier)
{
  worker = worker_for(scribe_port);
  gearman_worker_set_identifier(worker, identifier, strlen(identifier));
  gearman_worker_set_timeout(worker, 5000);
}

static void grab_as(const char *identifier)
{
  gearman_return_t rc;
  make_worker(identifier);
  gearman_worker_register(worker, "f", 0);
  job = gearman_worker_grab_job(worker, NULL, &rc);
  if (job == NULL) die("grab_job");
}

static void grab(void) { grab_as("plain"); }

static void s_grabbed(void) { grab(); call(); after(); }
static void s_grabbed_empty(void) { grab_as("empty"); call(); after(); }

static void s_grabbed_without_unique(void)
{
  gearman_return_t rc;
  make_worker("plain");
  gearman_worker_remove_options(worker, GEARMAN_WORKER_GRAB_ALL | GEARMAN_WORKER_GRAB_UNIQ);
  gearman_worker_register(worker, "f", 0);
  job = gearman_worker_grab_job(worker, NULL, &rc);
  if (job == NULL) die("grab_job");
  call();
  after();
}

static void s_grabbed_in_memory(void)
{
  static gearman_job_st memory;
  gearman_return_t rc;
  make_worker("plain");
  gearman_worker_register(worker, "f", 0);
  job = gearman_worker_grab_job(worker, &memory, &rc);
  if (job == NULL) die("grab_job");
  call();
  after();
}

static void s_after_data(void) { grab(); gearman_job_send_data(job, "x", 1); call(); after(); }
static void s_after_complete(void) { grab(); gearman_job_send_complete(job, "x", 1); call(); after(); }
static void s_after_exception(void) { grab(); gearman_job_send_exception(job, "x", 1); call(); after(); }
static void s_after_fail(void) { grab(); gearman_job_send_fail(job); call(); after(); }

static void s_taken(void)
{
  size_t size;
  grab();
  free(gearman_job_take_workload(job, &size));
  call();
  after();
}

static void s_with_client(void) { grab(); gearman_job_use_client(job); call(); after(); }

static void s_another_grabbed(void)
{
  gearman_return_t rc;
  grab();
  gearman_worker_grab_job(worker, NULL, &rc);
  code(rc);
  call();
  after();
}

static void s_no_more_jobs(void)
{
  gearman_return_t rc;
  grab();
  gearman_worker_grab_job(worker, NULL, &rc);
  gearman_worker_grab_job(worker, NULL, &rc);
  code(rc);
  call();
  after();
}

static void s_echoed(void) { grab(); code(gearman_worker_echo(worker, "abc", 3)); call(); after(); }

static void s_unregistered(void)
{
  grab();
  gearman_worker_unregister(worker, "f");
  call();
  after();
}

static void s_all_unregistered(void)
{
  grab();
  gearman_worker_unregister_all(worker);
  call();
  after();
}

static void s_non_blocking(void)
{
  grab();
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  call();
  after();
}

static void s_servers_removed(void)
{
  grab();
  gearman_worker_remove_servers(worker);
  call();
}

static void s_server_added(void)
{
  grab();
  gearman_worker_add_server(worker, "127.0.0.1", dead_port());
  call();
  after();
}

/* Waits until the server has closed its end of the connection. */
static void await_hangup(void)
{
  for (int fd = 3; fd < 64; ++fd)
  {
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET
        || ntohs(peer.sin_port) != scribe_port)
      continue;
    struct pollfd closed = {.fd = fd, .events = POLLRDHUP};
    if (poll(&closed, 1, 10000) != 1) die("await_hangup");
  }
}

static void s_lost(void)
{
  grab_as("lost");
  code(gearman_job_send_status(job, 1, 2));
  await_hangup();
  call();
}

static void s_lost_and_noticed(void)
{
  grab_as("lost");
  code(gearman_worker_echo(worker, "abc", 3));
  call();
}

/* What the function does around the call. */
static void (*before)(void);
static gearman_return_t returned;

static void *v1(gearman_job_st *its_job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  job = its_job;
  if (before != NULL) before();
  call();
  *ret = returned;
  return answer("result", size);
}

static gearman_return_t v2(gearman_job_st *its_job, void *context)
{
  (void)context;
  job = its_job;
  if (before != NULL) before();
  call();
  return returned;
}

static void in_v1(gearman_return_t rc, void (*first)(void))
{
  returned = rc;
  before = first;
  make_worker("plain");
  gearman_worker_add_function(worker, "f", 0, v1, NULL);
  printf(" | work %s", rc_name(gearman_worker_work(worker)));
}

static void in_v2(gearman_return_t rc, void (*first)(void))
{
  returned = rc;
  before = first;
  make_worker("plain");
  gearman_worker_define_function(worker, "f", 1, gearman_function_create(v2), 0, NULL);
  printf(" | work %s", rc_name(gearman_worker_work(worker)));
}

static void complete(void) { gearman_job_send_complete(job, "x", 1); }
static void fail(void) { gearman_job_send_fail(job); }
static void raise_exception(void) { gearman_job_send_exception(job, "x", 1); }
static void remove_servers(void) { gearman_worker_remove_servers(worker); }
static void unregister(void) { gearman_worker_unregister(worker, "f"); }

static void s_in_v1(void) { in_v1(GEARMAN_SUCCESS, NULL); }
static void s_in_v1_failing(void) { in_v1(GEARMAN_WORK_FAIL, NULL); }
static void s_in_v1_complete(void) { in_v1(GEARMAN_SUCCESS, complete); }
static void s_in_v1_failed(void) { in_v1(GEARMAN_SUCCESS, fail); }
static void s_in_v1_exception(void) { in_v1(GEARMAN_SUCCESS, raise_exception); }
static void s_in_v1_removed(void) { in_v1(GEARMAN_SUCCESS, remove_servers); }
static void s_in_v1_unregistered(void) { in_v1(GEARMAN_SUCCESS, unregister); }
static void s_in_v2(void) { in_v2(GEARMAN_SUCCESS, NULL); }
static void s_in_v2_failing(void) { in_v2(GEARMAN_FATAL, NULL); }
static void s_in_v2_complete(void) { in_v2(GEARMAN_SUCCESS, complete); }
static void s_in_v2_failed(void) { in_v2(GEARMAN_FATAL, fail); }
static void s_in_v2_exception(void) { in_v2(GEARMAN_SUCCESS, raise_exception); }
static void s_in_v2_unregistered(void) { in_v2(GEARMAN_SUCCESS, unregister); }

static const struct
{
  const char *name;
  void (*enter)(void);
  /* In which functions ours is meant to differ, by letters in their order from a on. */
  const char *differs;
} states[] = {
    {"grabbed", s_grabbed, ""},
    {"grabbed without a workload", s_grabbed_empty, ""},
    {"grabbed without a unique id", s_grabbed_without_unique, ""},
    {"grabbed in memory", s_grabbed_in_memory, "abcdefghijklmnopqr"},
    {"with data sent", s_after_data, ""},
    {"completed", s_after_complete, ""},
    {"ended by an exception", s_after_exception, ""},
    {"failed", s_after_fail, ""},
    {"its workload taken", s_taken, ""},
    {"with a client", s_with_client, ""},
    {"with another one grabbed", s_another_grabbed, ""},
    {"when there are no more", s_no_more_jobs, ""},
    {"after an echo", s_echoed, ""},
    {"its function unregistered", s_unregistered, "p"},
    {"all functions unregistered", s_all_unregistered, "p"},
    {"non-blocking", s_non_blocking, ""},
    {"its servers removed", s_servers_removed, "cdefghijkm"},
    {"a server added", s_server_added, ""},
    {"lost", s_lost, ""},
    {"lost and noticed", s_lost_and_noticed, "cdefghijkm"},
    {"in a function", s_in_v1, "qr"},
    {"in a function that fails", s_in_v1_failing, "qr"},
    {"in a function, completed", s_in_v1_complete, "qr"},
    {"in a function, failed", s_in_v1_failed, "qr"},
    {"in a function, ended by an exception", s_in_v1_exception, "qr"},
    {"in a function, its servers removed", s_in_v1_removed, "abcdefghijklmnopqr"},
    {"in a function that is unregistered", s_in_v1_unregistered, "pqr"},
    {"in a second kind of function", s_in_v2, "qr"},
    {"in a second kind that fails", s_in_v2_failing, "qr"},
    {"in a second kind, completed", s_in_v2_complete, "qr"},
    {"in a second kind, failed", s_in_v2_failed, ""},
    {"in a second kind, ended by an exception", s_in_v2_exception, "qr"},
    {"in a second kind that is unregistered", s_in_v2_unregistered, "pqr"},
};
enum { STATES = sizeof(states) / sizeof(*states) };

static void enter(void *argument)
{
  states[*(int *)argument].enter();
  fflush(stdout);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  scribe_start(answer_worker);
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
