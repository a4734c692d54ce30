/* A module that is unloaded from a monitoring host while its threads work, while they look for a
 * server that is away, and as they start. What was under way goes to the next life. */
#include "broker_host.h"

enum { LIVES = 8 };

/* The threads go while results come; the next life gets the others. */
static void life_under_load(const char *scene, const broker_host *host)
{
  int fds = entries("/proc/self/fd"), sent = 0;
  memset(results, 0, sizeof(results));
  for (int life = 0; life < LIVES; ++life)
  {
    module self = load();
    if (!self.init(host)) die("init");
    self.start();
    wait_for_threads(host);
    /* Those of the life before may still be listed. */
    until_threads_wait();
    sent += submit(&self, life * CHECKS / LIVES, (life + 1) * CHECKS / LIVES);
    if (life == LIVES - 1) wait_for_results(CHECKS);
    self.deinit();
    dlclose(self.library);
  }
  printf("%s: sent %d\n", scene, sent);
  report(scene, CHECKS, false);
  report_left(scene, fds);
}

/* The threads have just started, or look for a server that is away. */
static void short_lives(const char *scene, const broker_host *host)
{
  int fds = entries("/proc/self/fd");
  for (int life = 0; life < scaled(100); ++life)
  {
    module self = load();
    if (!self.init(host)) die("init");
    self.start();
    usleep((useconds_t)(life * 37 % 3000));
    self.deinit();
    dlclose(self.library);
  }
  report_left(scene, fds);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  job_server_start(&servers[0]);
  broker_host host = {{servers[0].port, 0}, 4, PTHREAD_CANCEL_ASYNCHRONOUS, take_result};
  broker_host deferred = host;
  deferred.cancel_type = PTHREAD_CANCEL_DEFERRED;

  pid_t worker = start_worker(&host);
  wait_for_workers(servers[0].port, "dummy", 1);
  life_under_load("load, deferred", &deferred);
  life_under_load("load, asynchronous", &host);
  short_lives("started, deferred", &deferred);
  stop_worker(worker);
  job_server_kill(&servers[0]);
  short_lives("away", &deferred);
  return 0;
}
