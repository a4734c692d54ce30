/* pthread_cancel of a thread that waits in the library: the thread unwinds, its clean-up
 * handler frees the handle, and the process lives. Every call that can wait, in every state of
 * its connection that it can wait in, deferred and asynchronous. */
#include "cancelling.h"

#define PACKET(type, length) "\0RES\0\0\0" type "\0\0\0" length

static const char no_job[] = PACKET("\x0a", "\0");
static const char created[] = PACKET("\x08", "\x05") "H:x:1";
static const char assigned[] = PACKET("\x1f", "\x0d") "H:x:1\0f\0unique";
/* The head of a result of which nothing follows. */
static const char result_begins[] =
    PACKET("\x08", "\x05") "H:x:1" PACKET("\x1c", "\x50") "H:x:1\0abc";

/* ---- the calls that are cancelled ---------------------------------------------------------- */

typedef struct
{
  gearman_client_st *client;
  gearman_worker_st *worker;
} handles;

static void clean_up(void *argument)
{
  handles *own = (handles *)argument;
  gearman_client_free(own->client);
  if (own->worker != NULL) gearman_worker_free(own->worker);
  ++cleaned;
}

static void *sends_much(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  gearman_job_send_data(job, large, LARGE);
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  return NULL;
}

static void work(handles *own)
{
  for (;;) gearman_worker_work(own->worker);
}

static void worker_wait(handles *own)
{
  gearman_worker_add_options(own->worker, GEARMAN_WORKER_NON_BLOCKING);
  for (;;)
  {
    gearman_worker_work(own->worker);
    gearman_worker_wait(own->worker);
  }
}

static void grab_job(handles *own)
{
  gearman_return_t ret;
  for (;;) gearman_worker_grab_job(own->worker, NULL, &ret);
}

static void worker_echo(handles *own) { gearman_worker_echo(own->worker, "x", 1); }

static void worker_option(handles *own)
{
  gearman_worker_set_server_option(own->worker, "exceptions", 10);
}

static void client_do(handles *own)
{
  size_t size;
  gearman_return_t ret;
  gearman_client_do(own->client, "f", NULL, "x", 1, &size, &ret);
}

static void do_large(handles *own)
{
  size_t size;
  gearman_return_t ret;
  gearman_client_do(own->client, "f", NULL, large, LARGE, &size, &ret);
}

static void background(handles *own)
{
  gearman_client_do_background(own->client, "f", NULL, "x", 1, NULL);
}

static void background_large(handles *own)
{
  gearman_client_do_background(own->client, "f", NULL, large, LARGE, NULL);
}

static void run_tasks(handles *own)
{
  gearman_return_t ret;
  for (int x = 0; x < 3; ++x)
    gearman_client_add_task(own->client, NULL, NULL, "f", NULL, "x", 1, &ret);
  gearman_client_run_tasks(own->client);
}

static void client_wait(handles *own)
{
  gearman_client_add_options(own->client, GEARMAN_CLIENT_NON_BLOCKING);
  gearman_return_t ret;
  gearman_client_add_task(own->client, NULL, NULL, "f", NULL, "x", 1, &ret);
  for (;;)
  {
    gearman_client_run_tasks(own->client);
    gearman_client_wait(own->client);
  }
}

static void client_echo(handles *own) { gearman_client_echo(own->client, "x", 1); }

static void client_option(handles *own)
{
  gearman_client_set_server_option(own->client, "exceptions", 10);
}

static void ask_status(handles *own)
{
  bool known, running;
  uint32_t numerator, denominator;
  gearman_job_handle_t handle = "H:x:1";
  gearman_client_job_status(own->client, handle, &known, &running, &numerator, &denominator);
}

static void unique_status(handles *own) { gearman_client_unique_status(own->client, "u", 1); }

static void execute(handles *own)
{
  gearman_argument_t argument = gearman_argument_make(0, 0, "x", 1);
  gearman_execute(own->client, "f", 1, NULL, 0, NULL, &argument, NULL);
}

/* Polls for a stop that is never requested. */
static void kill_check(handles *own)
{
  for (;;) gearman_kill(gearman_worker_id(own->worker), GEARMAN_SIGNAL_CHECK);
}

/* ---- one of them, cancelled ---------------------------------------------------------------- */

typedef struct
{
  const char *name;
  void (*call)(handles *);
  const char *answer;
  size_t answer_size;
  gearman_worker_fn *function;
} scene;

typedef struct
{
  const scene *played;
  int type;
} part;

static void *play(void *argument)
{
  const part *own_part = (const part *)argument;
  const scene *played = own_part->played;
  handles own = {NULL, NULL};
  /* The worker's functions have names; the client's calls do not need one. */
  if (played->function != NULL)
  {
    own.worker = (gearman_worker_st *)must(gearman_worker_create(NULL), "worker");
    gearman_worker_add_server(own.worker, "127.0.0.1", port);
    gearman_worker_add_function(own.worker, "f", 0, played->function, NULL);
  }
  else
  {
    own.client = (gearman_client_st *)must(gearman_client_create(NULL), "client");
    gearman_client_add_server(own.client, "127.0.0.1", port);
  }
  pthread_cleanup_push(clean_up, &own);
  thread_id = (pid_t)syscall(SYS_gettid);
  pthread_setcanceltype(own_part->type, NULL);
  played->call(&own);
  pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
  pthread_cleanup_pop(1);
  return NULL;
}

static void cancel(const scene *played, int type, bool connects)
{
  part own_part = {played, type};
  pthread_t thread;
  void *result = NULL;
  int peer = -1;

  cleaned = 0;
  thread_id = 0;
  if (pthread_create(&thread, NULL, play, &own_part) != 0) die("pthread_create");
  while (thread_id == 0) poll(NULL, 0, 1);
  if (connects)
  {
    peer = accept(listener, NULL, NULL);
    if (peer < 0) die("accept");
    until_it_waits(peer);
    if (played->answer != NULL)
    {
      /* What it has said is read, so that more can be seen to come. */
      char said[4096];
      if (read(peer, said, sizeof(said)) <= 0) die("read");
      if (write(peer, played->answer, played->answer_size) < 0) die("write");
      poll(NULL, 0, 5);
    }
  }
  until_it_waits(played->answer == NULL ? peer : -1);
  pthread_cancel(thread);
  /* The original's clean-up would wait for what was sent to be read. */
  if (peer >= 0) close(peer);
  pthread_join(thread, &result);
  printf("%s, %s: %s, cleaned up %d\n", played->name,
         type == PTHREAD_CANCEL_DEFERRED ? "deferred" : "asynchronous",
         result == PTHREAD_CANCELED ? "cancelled" : "ended", cleaned);
}

#define ANSWER(text) text, sizeof(text) - 1

static const scene scenes[] = {
    {"worker_work, asking", work, NULL, 0, job_echo},
    {"worker_work, asleep", work, ANSWER(no_job), job_echo},
    {"worker_wait", worker_wait, NULL, 0, job_echo},
    {"worker_grab_job", grab_job, NULL, 0, job_echo},
    {"worker_echo", worker_echo, NULL, 0, job_echo},
    {"worker_set_server_option", worker_option, NULL, 0, job_echo},
    {"job_send_data", work, ANSWER(assigned), sends_much},
    {"client_do, submitting", client_do, NULL, 0, NULL},
    {"client_do, sending", do_large, NULL, 0, NULL},
    {"client_do, submitted", client_do, ANSWER(created), NULL},
    {"client_do, receiving", client_do, ANSWER(result_begins), NULL},
    {"client_do_background, waiting", background, NULL, 0, NULL},
    {"client_do_background, sending", background_large, NULL, 0, NULL},
    {"client_run_tasks", run_tasks, NULL, 0, NULL},
    {"client_wait", client_wait, NULL, 0, NULL},
    {"client_echo, waiting", client_echo, NULL, 0, NULL},
    {"client_set_server_option", client_option, NULL, 0, NULL},
    {"client_job_status", ask_status, NULL, 0, NULL},
    {"client_unique_status", unique_status, NULL, 0, NULL},
    {"execute", execute, NULL, 0, NULL},
};

static const scene check = {"kill, checking", kill_check, NULL, 0, job_echo};

/* The backlog is full and nothing accepts from it, so connecting never ends. */
static void connecting(void)
{
  static const scene connecting_scenes[] = {
      {"worker_work, connecting", work, NULL, 0, job_echo},
      {"client_do, connecting", client_do, NULL, 0, NULL},
      {"client_echo, connecting", client_echo, NULL, 0, NULL},
  };
  int full[8];
  be_server(0);
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  for (size_t x = 0; x < 8; ++x)
  {
    full[x] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(full[x], (struct sockaddr *)&address, sizeof(address));
  }
  for (size_t x = 0; x < sizeof(connecting_scenes) / sizeof(scene); ++x)
  {
    cancel(&connecting_scenes[x], PTHREAD_CANCEL_DEFERRED, false);
    cancel(&connecting_scenes[x], PTHREAD_CANCEL_ASYNCHRONOUS, false);
  }
  for (size_t x = 0; x < 8; ++x) close(full[x]);
  close(listener);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  large = (char *)must(calloc(1, LARGE), "memory");
  be_server(16);
  for (size_t x = 0; x < sizeof(scenes) / sizeof(scene); ++x)
  {
    cancel(&scenes[x], PTHREAD_CANCEL_DEFERRED, true);
    cancel(&scenes[x], PTHREAD_CANCEL_ASYNCHRONOUS, true);
  }
  cancel(&check, PTHREAD_CANCEL_DEFERRED, false);
  cancel(&check, PTHREAD_CANCEL_ASYNCHRONOUS, false);
  close(listener);
  connecting();
  free(large);
  return 0;
}
