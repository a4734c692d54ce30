/* Loops of clients and workers against a server that answers anything, with calls in any order:
 * every call returns. Everything comes from a seed, which is printed on standard error.
 *
 * GEARMAN_HOSTILE_SEED runs another seed, GEARMAN_HOSTILE_SECONDS runs new ones for this time. */
#include "common.h"

enum
{
  ROUNDS = 80,
  STEPS = 12,
  SILENCE_MS = 20,
  ROUND_SECONDS_MAX = 60
};

/* ---- chance --------------------------------------------------------------------------- */

static uint64_t state;

static unsigned chance(unsigned end)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % end;
}

static const char *name(void)
{
  static const char *names[] = {"f", "g", "split", "", "-", "a name with blanks", NULL};
  static char longest[700];
  memset(longest, 'n', sizeof(longest) - 1);
  return chance(16) == 0 ? longest : names[chance(7)];
}

/* ---- the server ----------------------------------------------------------------------- */

/* A handle that was given, or not. */
static size_t handle(char *to) { return (size_t)sprintf(to, "H:x:%u", chance(6)); }

/* Sends a packet, or what the peer still takes of it. */
static void put(int fd, int type, const void *data, size_t size)
{
  static unsigned char packet[80000] = {0, 'R', 'E', 'S'};
  packet[7] = (unsigned char)type;
  packet[9] = (unsigned char)(size >> 16);
  packet[10] = (unsigned char)(size >> 8);
  packet[11] = (unsigned char)size;
  if (size > 0) memcpy(packet + 12, data, size);
  if (send(fd, packet, size + 12, MSG_NOSIGNAL) < 0) return;
}

/* Answers to a request of this type, or to none. */
static void answer_anything(int fd, int type)
{
  static char data[70000];
  size_t size = handle(data);
  switch (chance(3) == 0 ? (int)chance(45) : type)
  {
    case 7: case 21: case 32: case 33: case 18: case 34: case 35: case 36: case 37: case 38:
      put(fd, 8, data, size);
      if (chance(3) == 0) break;
      data[size++] = 0;
      put(fd, (int[]){13, 14, 12, 25, 28, 29}[chance(6)], data, size + chance(60000));
      if (chance(2) == 0) put(fd, 13, data, size);
      break;
    case 9: case 30: case 39:
      if (chance(4) == 0) put(fd, 10, NULL, 0);
      size = (size_t)sprintf(data, "H:x:%u%cf%cunique%csplit%cbody", chance(6), 0, 0, 0, 0);
      put(fd, (int[]){11, 31, 40}[chance(3)], data, size);
      break;
    case 4: put(fd, 6, NULL, 0); break;
    case 15: size = (size_t)sprintf(data, "H:x:1%c1%c0%c3%c7", 0, 0, 0, 0);
      put(fd, 20, data, size);
      break;
    case 16: put(fd, 17, "echo", chance(5)); break;
    case 26: put(fd, 27, "exceptions", 10); break;
    default:
      for (size = 0; size < 40; ++size) data[size] = (char)chance(256);
      if (chance(2) == 0)
        put(fd, (int)chance(46), data, chance(40));
      else if (send(fd, data, chance(40), MSG_NOSIGNAL) < 0)
        return;
  }
}

/* Half of a header, a size that never comes, an end of one direction, or a reset. */
static bool misbehave(int fd)
{
  static const unsigned char huge[] = {0, 'R', 'E', 'S', 0, 0, 0, 13, 255, 255, 255, 240, 'H'};
  struct linger reset = {1, 0};
  switch (chance(6))
  {
    case 0: return send(fd, huge, 1 + chance(sizeof(huge) - 1), MSG_NOSIGNAL) >= 0;
    case 1: shutdown(fd, chance(2) ? SHUT_WR : SHUT_RD); return true;
    case 2: setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); return false;
    case 3: return false;
    default: return true;
  }
}

/* Serves one connection after another; others wait to be accepted, which is another fault. */
static void serve(int fd, int connection)
{
  state += (uint64_t)connection * 977;
  struct timeval silence = {0, 4 * SILENCE_MS * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
  unsigned char header[12];
  while (recv(fd, header, sizeof(header), MSG_WAITALL) == sizeof(header))
  {
    size_t left = (size_t)header[8] << 24 | (size_t)header[9] << 16 | (size_t)header[10] << 8 | header[11];
    char rest[4096];
    while (left > 0)
    {
      ssize_t got = recv(fd, rest, left < sizeof(rest) ? left : sizeof(rest), 0);
      if (got <= 0) return;
      left -= (size_t)got;
    }
    if (chance(12) == 0 && !misbehave(fd)) return;
    if (chance(10) != 0) answer_anything(fd, header[7]);
  }
}

/* ---- the client ----------------------------------------------------------------------- */

static gearman_client_st *client;
static unsigned depth;
static unsigned events;

static gearman_return_t on_event(gearman_task_st *task)
{
  char buffer[64];
  gearman_return_t rc;
  ++depth;
  ++events;
  switch (chance(14))
  {
    case 0: gearman_task_free(task); break;
    case 1: gearman_client_task_free_all(client); break;
    case 2: if (depth < 4) gearman_client_run_tasks(client); break;
    case 3: gearman_task_recv_data(task, buffer, sizeof(buffer), &rc); break;
    case 4: free(gearman_task_take_data(task, &(size_t){0})); break;
    case 5: gearman_client_add_task_background(client, NULL, NULL, "f", NULL, "x", 1, &rc); break;
    case 6: gearman_client_do_background(client, "f", NULL, "x", 1, buffer); break;
    case 7: gearman_client_remove_servers(client); break;
    default:
      text(gearman_task_job_handle(task));
      gearman_task_data_size(task);
      gearman_task_strstate(task);
      gearman_task_is_running(task);
  }
  --depth;
  static const gearman_return_t codes[] = {GEARMAN_WORK_FAIL, GEARMAN_PAUSE, GEARMAN_IO_WAIT,
                                           GEARMAN_LOST_CONNECTION, (gearman_return_t)9999};
  return chance(4) == 0 ? codes[chance(5)] : GEARMAN_SUCCESS;
}

static void add_task(void)
{
  gearman_return_t rc;
  const char *unique = chance(2) ? NULL : name();
  size_t size = chance(20000);
  static char body[20000];
  switch (chance(5))
  {
    case 0: gearman_client_add_task_high(client, NULL, NULL, name(), unique, body, size, &rc); break;
    case 1: gearman_client_add_task_low(client, NULL, NULL, name(), unique, body, size, &rc); break;
    case 2: gearman_client_add_task_background(client, NULL, NULL, name(), unique, body, size, &rc); break;
    case 3: gearman_client_add_task_status(client, NULL, NULL, "H:x:1", &rc); break;
    default: gearman_client_add_task(client, NULL, NULL, name(), unique, body, size, &rc);
  }
}

static void call_client(in_port_t port)
{
  gearman_return_t rc;
  size_t size = 0;
  char job[GEARMAN_JOB_HANDLE_SIZE] = "H:x:2";
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "body", 4);
  const char *function = name();
  switch (chance(14))
  {
    case 0: case 1: case 2: add_task(); break;
    case 3: case 4: gearman_client_run_tasks(client); break;
    case 5: free(gearman_client_do(client, function, NULL, "body", 4, &size, &rc)); break;
    case 6: gearman_client_do_background(client, function, NULL, "body", 4, job); break;
    case 7: gearman_client_job_status(client, job, NULL, NULL, NULL, NULL); break;
    case 8: gearman_client_unique_status(client, "unique", 6); break;
    case 9: gearman_client_echo(client, "echo", 4); break;
    case 10: gearman_client_wait(client); break;
    case 11: gearman_client_task_free_all(client); break;
    case 12: gearman_client_add_server(client, "127.0.0.1", port); break;
    default:
      gearman_execute(client, function, function == NULL ? 0 : strlen(function), NULL, 0, NULL,
                      &argument, NULL);
  }
}

static void run_client(in_port_t port)
{
  client = client_for(port);
  gearman_client_set_timeout(client, SILENCE_MS);
  if (chance(3) == 0) gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  if (chance(3) == 0) gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
  if (chance(4) == 0) gearman_client_add_options(client, GEARMAN_CLIENT_UNBUFFERED_RESULT);
  gearman_client_set_created_fn(client, on_event);
  gearman_client_set_data_fn(client, on_event);
  gearman_client_set_warning_fn(client, on_event);
  gearman_client_set_status_fn(client, on_event);
  gearman_client_set_complete_fn(client, on_event);
  gearman_client_set_exception_fn(client, on_event);
  gearman_client_set_fail_fn(client, on_event);
  for (int step = 0; step < STEPS; ++step) call_client(port);
  gearman_client_free(client);
}

/* ---- the worker ----------------------------------------------------------------------- */

static gearman_worker_st *worker;
static unsigned jobs;

static gearman_return_t on_job(gearman_job_st *job, void *context)
{
  (void)context;
  ++jobs;
  for (unsigned left = chance(4); left > 0; --left)
  {
    switch (chance(9))
    {
      case 0: gearman_job_send_data(job, "data", chance(5)); break;
      case 1: gearman_job_send_warning(job, "warning", 7); break;
      case 2: gearman_job_send_status(job, chance(10), chance(10)); break;
      case 3: gearman_job_send_complete(job, "done", 4); break;
      case 4: gearman_job_send_fail(job); break;
      case 5: gearman_job_send_exception(job, "bad", 3); break;
      case 6: gearman_worker_unregister_all(worker); break;
      case 7: gearman_worker_remove_servers(worker); break;
      default: free(gearman_job_take_workload(job, &(size_t){0}));
    }
  }
  static const gearman_return_t codes[] = {GEARMAN_SUCCESS, GEARMAN_ERROR, GEARMAN_FATAL,
                                           GEARMAN_SHUTDOWN, (gearman_return_t)9999};
  return codes[chance(5)];
}

static gearman_return_t aggregate(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                  gearman_result_st *result)
{
  (void)aggregator;
  (void)task;
  gearman_result_store_value(result, "all", 3);
  return GEARMAN_SUCCESS;
}

static void call_worker(in_port_t port)
{
  gearman_return_t rc;
  gearman_job_st *job;
  switch (chance(10))
  {
    case 0: case 1: case 2: gearman_worker_work(worker); break;
    case 3: case 4:
      job = gearman_worker_grab_job(worker, NULL, &rc);
      if (job == NULL) break;
      on_job(job, NULL);
      gearman_job_free(job);
      break;
    case 5: gearman_worker_wait(worker); break;
    case 6: gearman_worker_echo(worker, "echo", 4); break;
    case 7: gearman_worker_add_server(worker, "127.0.0.1", port); break;
    case 8: gearman_worker_unregister(worker, name()); break;
    default: gearman_worker_register(worker, name(), chance(2) * 1000);
  }
}

static void run_worker(in_port_t port)
{
  worker = worker_for(port);
  gearman_worker_set_timeout(worker, SILENCE_MS);
  if (chance(3) == 0) gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  if (chance(3) == 0) gearman_worker_add_options(worker, GEARMAN_WORKER_GRAB_UNIQ);
  gearman_worker_define_function(worker, "f", 1, gearman_function_create(on_job), 0, NULL);
  gearman_worker_define_function(worker, "split", 5,
                                 gearman_function_create_partition(on_job, aggregate), 0, NULL);
  for (int step = 0; step < STEPS; ++step) call_worker(port);
  gearman_worker_free(worker);
}

/* ---- rounds --------------------------------------------------------------------------- */

static void run_seed(uint64_t seed, int rounds)
{
  in_port_t port;
  fprintf(stderr, "GEARMAN_HOSTILE_SEED=%llu\n", (unsigned long long)seed);
  state = seed;
  pid_t server = scripted_server(&port, serve);
  for (int round = 0; round < rounds; ++round)
  {
    /* A call that never returns ends the program. */
    alarm(ROUND_SECONDS_MAX);
    run_client(port);
    run_worker(port);
  }
  end_process(server);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  const char *seed = getenv("GEARMAN_HOSTILE_SEED");
  const char *seconds = getenv("GEARMAN_HOSTILE_SECONDS");
  uint64_t next = seed != NULL ? strtoull(seed, NULL, 10) : seconds != NULL ? (uint64_t)time(NULL) : 1;
  long long end = now_ms() + 1000LL * (seconds == NULL ? 0 : atoll(seconds));
  do
    run_seed(next++, scaled(ROUNDS));
  while (now_ms() < end);
  printf("every call returned; callbacks were called %s, jobs were given %s\n", yes(events > 0),
         yes(jobs > 0));
  fprintf(stderr, "%u callbacks, %u jobs\n", events, jobs);
  return 0;
}
