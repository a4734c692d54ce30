/* Threads, each with a client or a worker of its own, that are cancelled at any point, deferred
 * and asynchronously, while they talk to a job server: the process lives, every handle is freed,
 * no descriptor is left, and a job whose worker was cancelled goes to another. */
#include "common.h"

#include <dirent.h>
#include <pthread.h>

enum { THREADS = 6, ROUNDS = 300, NUMBERS = 400000 };

/* What became of each number that was sent as a job. */
static unsigned char accepted[NUMBERS], done[NUMBERS];
static unsigned next_number;
static int begun, cleaned, cancelled;

/* xorshift: the same on every run. */
static uint32_t dice_state = 20240611;

static uint32_t dice(uint32_t sides)
{
  dice_state ^= dice_state << 13;
  dice_state ^= dice_state >> 17;
  dice_state ^= dice_state << 5;
  return dice_state % sides;
}

static int descriptors(void)
{
  int found = 0;
  DIR *opened = opendir("/proc/self/fd");
  if (opened == NULL) die("opendir");
  while (readdir(opened) != NULL) ++found;
  closedir(opened);
  return found;
}

/* ---- handles and what is done with them ---------------------------------------------------- */

typedef struct
{
  gearman_client_st *client;
  gearman_worker_st *worker;
  int what, type;
} life;

static void clean_up(void *argument)
{
  life *own = (life *)argument;
  gearman_client_free(own->client);
  if (own->worker != NULL) gearman_worker_free(own->worker);
  __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

/* Takes nothing that is shared: it may be cancelled anywhere. */
static void *note_number(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  unsigned number;
  (void)context;
  if (gearman_job_workload_size(job) == sizeof(number))
  {
    memcpy(&number, gearman_job_workload(job), sizeof(number));
    if (number < NUMBERS) done[number] = 1;
    if (number % 4 == 0) gearman_job_send_status(job, 1, 2);
    if (number % 8 == 0) gearman_job_send_data(job, "data", 4);
  }
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  return NULL;
}

static void work(life *own)
{
  for (;;) gearman_worker_work(own->worker);
}

static void work_nonblocking(life *own)
{
  gearman_worker_add_options(own->worker, GEARMAN_WORKER_NON_BLOCKING);
  for (;;)
  {
    gearman_return_t rc = gearman_worker_work(own->worker);
    if (rc != GEARMAN_SUCCESS) gearman_worker_wait(own->worker);
  }
}

static void background(life *own)
{
  for (;;)
  {
    unsigned number = __atomic_fetch_add(&next_number, 1, __ATOMIC_SEQ_CST);
    gearman_return_t rc = gearman_client_do_background(own->client, "random", NULL, &number,
                                                       sizeof(number), NULL);
    if (rc == GEARMAN_SUCCESS && number < NUMBERS) accepted[number] = 1;
  }
}

static void run_tasks(life *own)
{
  for (;;)
  {
    gearman_return_t rc;
    for (int x = 0; x < 3; ++x)
    {
      unsigned number = __atomic_fetch_add(&next_number, 1, __ATOMIC_SEQ_CST);
      gearman_client_add_task(own->client, NULL, NULL, "random", NULL, &number, sizeof(number),
                              &rc);
    }
    gearman_client_run_tasks(own->client);
    gearman_client_task_free_all(own->client);
  }
}

static void ask(life *own)
{
  bool known;
  gearman_job_handle_t absent = "H:absent:1";
  for (;;)
  {
    gearman_client_echo(own->client, "x", 1);
    gearman_client_job_status(own->client, absent, &known, NULL, NULL, NULL);
    gearman_client_remove_servers(own->client);
    gearman_client_add_server(own->client, "127.0.0.1", server_port);
  }
}

static void *live(void *argument)
{
  life *own = (life *)argument;
  own->client = NULL;
  own->worker = NULL;
  if (own->what < 3)
  {
    own->worker = (gearman_worker_st *)must(gearman_worker_create(NULL), "worker");
    gearman_worker_add_server(own->worker, "127.0.0.1", server_port);
    gearman_worker_add_function(own->worker, "random", 0, note_number, NULL);
  }
  else
  {
    own->client = (gearman_client_st *)must(gearman_client_create(NULL), "client");
    gearman_client_add_server(own->client, "127.0.0.1", server_port);
  }
  pthread_cleanup_push(clean_up, own);
  __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
  /* In this order: glibc 2.36 forgets the result of a thread that ends in setcancelstate. */
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_setcanceltype(own->type, NULL);
  switch (own->what)
  {
    case 2: work_nonblocking(own); break;
    case 3: background(own); break;
    case 4: run_tasks(own); break;
    case 5: ask(own); break;
    default: work(own);
  }
  pthread_cleanup_pop(1);
  return NULL;
}

static void *live_when_disabled(void *argument)
{
  /* Until the clean-up handler is there. */
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  return live(argument);
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void one_round(void)
{
  life lives[THREADS];
  pthread_t threads[THREADS];
  for (int x = 0; x < THREADS; ++x)
  {
    lives[x].what = x;
    lives[x].type = dice(2) == 0 ? PTHREAD_CANCEL_DEFERRED : PTHREAD_CANCEL_ASYNCHRONOUS;
    if (pthread_create(&threads[x], NULL, live_when_disabled, &lives[x]) != 0)
      die("pthread_create");
  }
  for (int left = THREADS; left > 0; --left)
  {
    void *result = NULL;
    uint32_t chosen = dice((uint32_t)left);
    usleep(dice(2000));
    pthread_cancel(threads[chosen]);
    pthread_join(threads[chosen], &result);
    if (result == PTHREAD_CANCELED) ++cancelled;
    threads[chosen] = threads[left - 1];
  }
}

/* Does what is left at the server. */
static void drain(void)
{
  int total, running, workers;
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "random", 0, note_number, NULL);
  gearman_worker_set_timeout(worker, 20);
  do
    while (gearman_worker_work(worker) == GEARMAN_SUCCESS) {}
  while (admin_status(server_port, "random", &total, &running, &workers) && total > 0);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  int sent = 0, lost = 0, rounds = scaled(ROUNDS);
  setup(argc, argv);
  int fds = descriptors();
  for (int x = 0; x < rounds; ++x) one_round();
  printf("cancelled: %s\n", yes(cancelled == rounds * THREADS));
  printf("handles freed: %s\n", yes(cleaned == begun));
  printf("descriptors: %+d\n", descriptors() - fds);
  drain();
  for (int x = 0; x < NUMBERS; ++x)
  {
    sent += accepted[x];
    lost += accepted[x] && !done[x];
  }
  printf("jobs sent: %s\n", yes(sent >= rounds));
  printf("jobs lost: %d\n", lost);
  if (getenv("SHOW_COUNTS") != NULL)
    fprintf(stderr, "%d cancelled, %d jobs of %u\n", cancelled, sent, next_number);
  return 0;
}
