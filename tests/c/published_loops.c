/* Loops that people publish, while servers are down, silent, lost and back: does each rest, and
 * does it resume when work is ready? Turns are counted, not time. */
#include "published_loops.h"

typedef struct
{
  const char *name;
  void (*loop)(void);
  bool is_client;
  /* A server option is set first, as PHP does. */
  bool sets_option;
} loop;

static const loop loops[] = {
    {"manual", manual, false, false},
    {"manual in PHP", manual, false, true},
    {"manual with a time limit", manual_with_timeout, false, false},
    {"manager", manager, false, false},
    {"with a health check", with_health_check, false, false},
    {"daemon's tick", daemon_tick, false, false},
    {"adapter", adapter, false, false},
    {"broker module", broker_module, false, false},
    {"two states", two_states, false, false},
    {"sleeper", sleeper, false, false},
    {"sleeper in PHP", sleeper, false, true},
    {"counter in PHP", counter, false, true},
    {"wait first", wait_first, false, false},
    {"grabber", grabber, false, false},
    {"client: run and wait", run_and_wait, true, false},
    {"client: run and wait in PHP", run_and_wait, true, true},
    {"client: wait must succeed", wait_must_succeed, true, false},
    {"client: run and sleep", run_and_sleep, true, false},
    {"client: check", check, true, false}};

/* What the servers do: at the start, while turns are counted, and then. */
static const struct
{
  const char *name;
  int count;
  const char *at_start[2], *meanwhile[2], *then[2];
} states[] = {{"down", 1, {"r", ""}, {"", ""}, {"ljf", ""}},
              {"idle", 1, {"lf", ""}, {"f", ""}, {"jf", ""}},
              {"lost", 1, {"lf", ""}, {"xr", ""}, {"ljf", ""}},
              {"restarted", 1, {"lf", ""}, {"xf", ""}, {"jf", ""}},
              {"silent", 1, {"lmf", ""}, {"mf", ""}, {"xMjf", ""}},
              {"restarted in a job", 1, {"ljf", ""}, {"xf", ""}, {"jf", ""}},
              {"two idle", 2, {"lf", "lf"}, {"f", "f"}, {"jf", "f"}},
              {"down, down", 2, {"r", "r"}, {"", ""}, {"ljf", ""}},
              {"one down", 2, {"lf", "r"}, {"f", ""}, {"jf", ""}},
              {"the other down", 2, {"r", "lf"}, {"", "f"}, {"", "jf"}},
              {"one lost", 2, {"lf", "lf"}, {"f", "xr"}, {"jf", "r"}},
              {"the other lost", 2, {"lf", "lf"}, {"xr", "f"}, {"r", "jf"}},
              {"one silent", 2, {"lf", "lmf"}, {"f", "mf"}, {"jf", "mf"}}};

/* More than any of the loops takes that rests, far fewer than one that spins. */
enum { WATCHED_FOR = 300, MOST_TURNS = 300, STALLS_AFTER = 4000 };

static stepped_server servers[2];

static void order(const char *const requests[2])
{
  for (int x = 0; x < 2; ++x)
    for (const char *request = requests[x]; *request != 0; ++request) server(&servers[x], *request);
}

static pid_t start(const loop *now, int count)
{
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) return pid;
  die_with(parent);
  if (now->is_client)
  {
    client = gearman_client_create(NULL);
    for (int x = 0; x < count; ++x)
      gearman_client_add_server(client, "127.0.0.1", servers[x].port);
    gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
    if (now->sets_option) gearman_client_set_server_option(client, "exceptions", 10);
    gearman_client_set_complete_fn(client, on_completion);
  }
  else
  {
    worker = gearman_worker_create(NULL);
    for (int x = 0; x < count; ++x)
      gearman_worker_add_server(worker, "127.0.0.1", servers[x].port);
    gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
    if (now->sets_option) gearman_worker_set_server_option(worker, "exceptions", 10);
    gearman_worker_add_function(worker, "offered", 0, offered, NULL);
  }
  now->loop();
  _exit(0);
}

static const char *ended(pid_t pid)
{
  int status;
  if (waitpid(pid, &status, WNOHANG) != pid) return NULL;
  return WIFSIGNALED(status) ? "crashes" : "ends";
}

static void say(const char *format, ...)
{
  va_list arguments;
  size_t used = strlen(seen->text);
  va_start(arguments, format);
  vsnprintf(seen->text + used, sizeof(seen->text) - used, format, arguments);
  va_end(arguments);
}

static void watch(const loop *now, size_t state)
{
  const char *end;
  say("%s, %s:", now->name, states[state].name);
  order(states[state].at_start);
  seen->job_takes = strchr(states[state].at_start[0], ADD_JOB) != NULL ? 100 : 0;
  pid_t pid = start(now, states[state].count);
  poll(NULL, 0, 60);
  order(states[state].meanwhile);
  poll(NULL, 0, 60);
  long before = seen->turns;
  poll(NULL, 0, WATCHED_FOR);
  long turns = seen->turns - before;
  int done = seen->done;
  if ((end = ended(pid)) != NULL)
  {
    say(" %s", end);
    return;
  }
  say(turns <= MOST_TURNS ? " rests" : " spins");
  if (getenv("SHOW_TURNS") != NULL) say(" (%ld)", turns);
  order(states[state].then);
  for (long long since = now_ms(); seen->done == done && now_ms() < since + STALLS_AFTER;)
    if ((end = ended(pid)) != NULL) break; else poll(NULL, 0, 2);
  say("%s", seen->done > done ? ", goes on" : end != NULL ? ", " : ", stalls");
  say("%s", end != NULL ? end : "");
  if (end == NULL) end_process(pid);
}

enum
{
  LOOPS = sizeof(loops) / sizeof(*loops),
  STATES = sizeof(states) / sizeof(*states),
  ROWS = LOOPS * STATES,
  AT_ONCE = 64
};

static pid_t watchers[ROWS];

/* In a process of its own: they do little but sleep, and so many are watched at once. */
static void begin_row(int row)
{
  pid_t parent = getpid();
  fflush(stdout);
  watchers[row] = fork();
  if (watchers[row] < 0) die("fork");
  if (watchers[row] > 0) return;
  die_with(parent);
  seen += row;
  servers[0] = stepped_start();
  servers[1] = stepped_start();
  watch(&loops[row / STATES], (size_t)(row % STATES));
  stepped_stop(&servers[0]);
  stepped_stop(&servers[1]);
  _exit(0);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  seen = mmap(NULL, ROWS * sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (seen == MAP_FAILED) die("mmap");
  for (int row = 0; row < ROWS + AT_ONCE; ++row)
  {
    int status, first = row - AT_ONCE;
    if (first >= 0)
    {
      while (waitpid(watchers[first], &status, 0) < 0 && errno == EINTR) {}
      if (status != 0) die("a row");
      printf("%s\n", seen[first].text);
    }
    if (row < ROWS) begin_row(row);
  }
  return 0;
}
