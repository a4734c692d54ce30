/* A module that comes and goes in a monitoring host, its threads waiting when they are cancelled:
 * loaded, started, stopped and unloaded again and again in one process, with servers down and
 * restarted in between. */
#include "broker_host.h"

static void life(const char *scene, const broker_host *host, bool with_checks)
{
  int fds = entries("/proc/self/fd");
  module self = load();
  memset(results, 0, sizeof(results));
  if (!self.init(host)) die("init");
  self.start();
  wait_for_threads(host);
  if (with_checks)
  {
    printf("%s: sent %d\n", scene, submit(&self, 0, CHECKS));
    wait_for_results(CHECKS);
    report(scene, CHECKS, true);
    for (long long since = now_ms(); self.last_is_known();) breathe(since);
  }
  until_threads_wait();
  self.deinit();
  dlclose(self.library);
  report_left(scene, fds);
}

/* The server goes and comes back while the module is loaded. */
static void life_with_a_restart(const char *scene, const broker_host *host)
{
  int fds = entries("/proc/self/fd");
  module self = load();
  memset(results, 0, sizeof(results));
  if (!self.init(host)) die("init");
  self.start();
  wait_for_threads(host);
  int sent = submit(&self, 0, CHECKS / 2);
  wait_for_results(CHECKS / 2);
  for (long long since = now_ms(); self.last_is_known();) breathe(since);
  job_server_kill(&servers[0]);
  printf("%s: sent while it is away %d\n", scene, submit(&self, 0, 1));
  job_server_start(&servers[0]);
  wait_for_threads(host);
  sent += submit(&self, CHECKS / 2, CHECKS);
  wait_for_results(CHECKS);
  printf("%s: sent %d\n", scene, sent);
  report(scene, CHECKS, true);
  /* The threads are stopped and started without unloading. */
  until_threads_wait();
  self.stop();
  self.start();
  wait_for_threads(host);
  until_threads_wait();
  self.deinit();
  dlclose(self.library);
  report_left(scene, fds);
}

/* The host becomes a daemon after it has loaded the module and before its threads start. */
static void daemonized(const char *scene, const broker_host *host)
{
  int status;
  module self = load();
  memset(results, 0, sizeof(results));
  if (!self.init(host)) die("init");
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0)
  {
    die_with(parent);
    self.start();
    wait_for_threads(host);
    submit(&self, 0, CHECKS);
    wait_for_results(CHECKS);
    report(scene, CHECKS, true);
    until_threads_wait();
    self.deinit();
    dlclose(self.library);
    fflush(stdout);
    _exit(0);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  printf("%s: ended %s\n", scene, yes(WIFEXITED(status) && WEXITSTATUS(status) == 0));
  self.deinit();
  dlclose(self.library);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  for (int x = 0; x < BROKER_SERVERS; ++x) job_server_start(&servers[x]);
  broker_host host = {{servers[0].port, 0}, 4, PTHREAD_CANCEL_ASYNCHRONOUS, take_result};
  broker_host deferred = host;
  deferred.cancel_type = PTHREAD_CANCEL_DEFERRED;

  pid_t worker = start_worker(&host);
  wait_for_workers(servers[0].port, "dummy", 1);
  for (int x = 0; x < 3; ++x) life("one server", &host, true);
  for (int x = 0; x < 20; ++x) life("nothing to do", &host, false);
  life("deferred", &deferred, true);
  daemonized("daemon", &host);
  life_with_a_restart("restart", &host);

  host.ports[1] = dead_port();
  life("the other is down", &host, true);
  host.ports[1] = host.ports[0];
  host.ports[0] = dead_port();
  life("one is down", &host, true);
  stop_worker(worker);

  host.ports[0] = servers[0].port;
  host.ports[1] = servers[1].port;
  worker = start_worker(&host);
  wait_for_workers(servers[0].port, "dummy", 1);
  wait_for_workers(servers[1].port, "dummy", 1);
  life("two servers", &host, true);
  stop_worker(worker);
  for (int x = 0; x < BROKER_SERVERS; ++x) job_server_kill(&servers[x]);
  return 0;
}
