/* A server that ends at each step of a job, beside one that works: what every kind of submission
 * returns, and how many jobs the other server has then. First as every program finds the library,
 * then with GEARMAN_RESUBMISSIONS=1, which the original does not know. */
#include "common.h"

#include <dlfcn.h>

typedef void(setter)(gearman_client_st *, uint32_t);
typedef uint32_t(getter)(const gearman_client_st *);

typedef enum
{
  WHEN_CONNECTED,
  AFTER_THE_REQUEST,
  IN_THE_ACKNOWLEDGEMENT,
  AFTER_THE_ACKNOWLEDGEMENT,
  AFTER_A_STATUS,
  IN_THE_RESULT,
  WHEN_IDLE,
  WHEN_IDLE_BY_RESET
} step;

static const char *const steps[] = {"when connected", "after the request",
                                    "in the acknowledgement", "after the acknowledgement",
                                    "after a status", "in the result", "when idle",
                                    "when idle, by a reset"};

static step dies;
static char function[32];

static void reset(int fd)
{
  struct linger now = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* One job as far as the step allows. */
static void play(int fd, int connection)
{
  (void)connection;
  if (dies == WHEN_CONNECTED || packet_recv(fd) < 0) return;
  if (dies == AFTER_THE_REQUEST) return;
  if (dies == IN_THE_ACKNOWLEDGEMENT)
  {
    write_all(fd, "\0RES\0\0\0\x08\0\0", 10);
    return;
  }
  packet_send(fd, JOB_CREATED, "H:dying:1", 9);
  if (dies == AFTER_THE_ACKNOWLEDGEMENT) return;
  packet_send(fd, WORK_STATUS, "H:dying:1\0001\0002", 13);
  if (dies == AFTER_A_STATUS) return;
  if (dies == IN_THE_RESULT)
  {
    write_all(fd, "\0RES\0\0\0\x0d\0\0\0\x10H:dyi", 17);
    return;
  }
  packet_send(fd, WORK_COMPLETE, "H:dying:1\0done", 14);
  if (dies == WHEN_IDLE_BY_RESET) reset(fd);
}

static gearman_return_t call_do(gearman_client_st *client, const char *unique)
{
  size_t size;
  gearman_return_t code;
  free(gearman_client_do(client, "echo", unique, "work", 4, &size, &code));
  return code;
}

static gearman_return_t call_background(gearman_client_st *client, const char *unique)
{
  gearman_job_handle_t handle;
  return gearman_client_do_background(client, function, unique, "work", 4, handle);
}

static int failures;

static gearman_return_t fails(gearman_task_st *task)
{
  (void)task;
  ++failures;
  return GEARMAN_SUCCESS;
}

static gearman_return_t run(gearman_client_st *client)
{
  gearman_return_t code = gearman_client_run_tasks(client);
  gearman_client_task_free_all(client);
  return code;
}

static gearman_return_t call_task(gearman_client_st *client, const char *unique)
{
  gearman_return_t code;
  gearman_client_add_task(client, NULL, NULL, "echo", unique, "work", 4, &code);
  return run(client);
}

static gearman_return_t call_background_task(gearman_client_st *client, const char *unique)
{
  gearman_return_t code;
  gearman_client_add_task_background(client, NULL, NULL, function, unique, "work", 4, &code);
  return run(client);
}

static const struct
{
  const char *name, *unique;
  gearman_return_t (*call)(gearman_client_st *client, const char *unique);
} calls[] = {{"do", NULL, call_do},
             {"do_background", NULL, call_background},
             {"do_background with a unique id", "u", call_background},
             {"task", NULL, call_task},
             {"background task", NULL, call_background_task},
             {"background task with a unique id", "u", call_background_task}};

static void each_call(const char *mode)
{
  static int number;
  for (int x = 0; x <= WHEN_IDLE_BY_RESET; ++x)
    for (size_t y = 0; y < sizeof(calls) / sizeof(*calls); ++y)
    {
      in_port_t port;
      int total = 0, running, workers;
      dies = (step)x;
      failures = 0;
      snprintf(function, sizeof(function), "background%d", ++number);
      pid_t server = scripted_server(&port, play);
      gearman_client_st *client = gearman_client_create(NULL);
      gearman_client_set_timeout(client, 10000);
      gearman_client_set_fail_fn(client, fails);
      gearman_client_add_server(client, "127.0.0.1", server_port);
      gearman_client_add_server(client, "127.0.0.1", port);
      if (x >= WHEN_IDLE)
      {
        call_do(client, NULL);
        /* Longer than an idle connection is trusted. */
        poll(NULL, 0, 20);
        end_process(server);
      }
      printf("%s%s: %s: %s", mode, steps[x], calls[y].name,
             rc_name(calls[y].call(client, calls[y].unique)));
      admin_status(server_port, function, &total, &running, &workers);
      printf(", jobs %d, failures %d\n", total, failures);
      printf("  the next call: %s\n", rc_name(call_do(client, NULL)));
      gearman_client_free(client);
      if (x < WHEN_IDLE) end_process(server);
    }
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  each_call("");

  setter *set_resubmissions = NULL;
  getter *resubmissions = NULL;
  void *symbol = dlsym(RTLD_DEFAULT, "gearman_client_set_resubmissions");
  printf("exported %s\n", yes(symbol != NULL));
  if (symbol == NULL) return 0;
  memcpy(&set_resubmissions, &symbol, sizeof(symbol));
  symbol = must(dlsym(RTLD_DEFAULT, "gearman_client_resubmissions"), "dlsym");
  memcpy(&resubmissions, &symbol, sizeof(symbol));

  gearman_client_st *client = gearman_client_create(NULL);
  printf("fresh: %u\n", resubmissions(client));
  set_resubmissions(client, 3);
  gearman_client_st *copy = gearman_client_clone(NULL, client);
  printf("set: %u, clone: %u, NULL: %u\n", resubmissions(client), resubmissions(copy),
         resubmissions(NULL));
  set_resubmissions(client, 100000);
  set_resubmissions(NULL, 1);
  printf("the most: %u\n", resubmissions(client));
  gearman_client_free(client);
  gearman_client_free(copy);
  static const char *const values[] = {"2", "", "many", "-1"};
  for (size_t x = 0; x < sizeof(values) / sizeof(*values); ++x)
  {
    setenv("GEARMAN_RESUBMISSIONS", values[x], 1);
    client = gearman_client_create(NULL);
    printf("GEARMAN_RESUBMISSIONS=%s: %u, %s\n", values[x], resubmissions(client),
           text(gearman_client_error(client)));
    gearman_client_free(client);
  }

  setenv("GEARMAN_RESUBMISSIONS", "1", 1);
  each_call("again: ");
  worker_stop(&worker);
  return 0;
}
