/* A worker's life: created in the caller's memory and allocated, options and their bits, timeout,
 * context, errors of a fresh worker, registering and unregistering without a server. */
#include "common.h"

static void options(const char *what, gearman_worker_st *worker)
{
  printf("%s: 0x%x timeout %d\n", what, (unsigned)gearman_worker_options(worker),
         gearman_worker_timeout(worker));
}

static gearman_return_t v2(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  return GEARMAN_SUCCESS;
}

static bool exists(gearman_worker_st *worker, const char *name)
{
  return gearman_worker_function_exist(worker, name, strlen(name));
}

int main(int argc, char **argv)
{
  char long_name[600];
  setup(argc, argv);

  gearman_worker_st shell;
  memset(&shell, 0x5a, sizeof(shell));
  gearman_worker_st *worker = gearman_worker_create(&shell);
  printf("create in the caller's memory: same %s, allocated %s, size %zu\n", yes(worker == &shell),
         yes(shell.options.is_allocated), sizeof(shell));
  options("options", worker);
  gearman_worker_free(worker);
  worker = gearman_worker_create(&shell);
  printf("created again in the same memory: %s\n", yes(worker == &shell));
  gearman_worker_free(worker);

  worker = gearman_worker_create(NULL);
  options("allocated", worker);
  printf("errno %d context %s namespace %s\n", gearman_worker_errno(worker),
         gearman_worker_context(worker) == NULL ? "NULL" : "set",
         text(gearman_worker_namespace(worker)));
  gearman_worker_set_context(worker, &shell);
  printf("context kept %s\n", yes(gearman_worker_context(worker) == &shell));

  static const int timeouts[] = {0, 1, 500, -1, 77};
  for (size_t x = 0; x < sizeof(timeouts) / sizeof(timeouts[0]); ++x)
  {
    gearman_worker_set_timeout(worker, timeouts[x]);
    options("set_timeout", worker);
  }
  gearman_worker_remove_options(worker, GEARMAN_WORKER_TIMEOUT_RETURN);
  options("TIMEOUT_RETURN removed", worker);
  gearman_worker_add_options(worker, GEARMAN_WORKER_TIMEOUT_RETURN);
  options("TIMEOUT_RETURN added", worker);
  for (unsigned bit = 1; bit <= 4096; bit <<= 1)
  {
    if (bit == GEARMAN_WORKER_SSL) continue;
    gearman_worker_st *other = gearman_worker_create(NULL);
    printf("bit 0x%x:", bit);
    gearman_worker_add_options(other, (gearman_worker_options_t)bit);
    printf(" added 0x%x", (unsigned)gearman_worker_options(other));
    gearman_worker_remove_options(other, (gearman_worker_options_t)bit);
    printf(" removed 0x%x", (unsigned)gearman_worker_options(other));
    gearman_worker_set_options(other, (gearman_worker_options_t)bit);
    printf(" set 0x%x", (unsigned)gearman_worker_options(other));
    gearman_worker_set_options(other, (gearman_worker_options_t)0);
    printf(" cleared 0x%x\n", (unsigned)gearman_worker_options(other));
    gearman_worker_free(other);
  }
  gearman_worker_free(worker);

  worker = gearman_worker_create(NULL);
  show("register", gearman_worker_register(worker, "one", 0));
  options("after register", worker);
  show("register again", gearman_worker_register(worker, "one", 10));
  show("add_function", gearman_worker_add_function(worker, "two", 0, job_echo, NULL));
  show("define_function", gearman_worker_define_function(worker, "three", 5,
                                                         gearman_function_create(v2), 0, NULL));
  printf("exist: one %s two %s three %s four %s prefix %s\n", yes(exists(worker, "one")),
         yes(exists(worker, "two")), yes(exists(worker, "three")), yes(exists(worker, "four")),
         yes(gearman_worker_function_exist(worker, "three", 3)));
  show("unregister one", gearman_worker_unregister(worker, "one"));
  printf("exist: one %s\n", yes(exists(worker, "one")));
  show("unregister two", gearman_worker_unregister(worker, "two"));
  show("unregister four", gearman_worker_unregister(worker, "four"));
  show("unregister_all", gearman_worker_unregister_all(worker));
  printf("exist: three %s\n", yes(exists(worker, "three")));
  show("unregister_all", gearman_worker_unregister_all(worker));
  show("add_function again", gearman_worker_add_function(worker, "two", 0, job_echo, NULL));
  printf("exist: two %s\n", yes(exists(worker, "two")));

  show("add_function without a callback", gearman_worker_add_function(worker, "x", 0, NULL, NULL));
  show_worker_error(worker);
  show("add_function without a name", gearman_worker_add_function(worker, NULL, 0, job_echo, NULL));
  show_worker_error(worker);
  show("add_function with an empty name", gearman_worker_add_function(worker, "", 0, job_echo, NULL));
  memset(long_name, 'n', sizeof(long_name));
  for (int size = 511; size < 514; ++size)
  {
    long_name[size] = 0;
    printf("%d bytes: ", size);
    show("add_function", gearman_worker_add_function(worker, long_name, 0, job_echo, NULL));
    long_name[size] = 'n';
  }
  show("work without servers", gearman_worker_work(worker));
  show("wait without servers", gearman_worker_wait(worker));
  show_worker_error(worker);
  show("echo without servers", gearman_worker_echo(worker, "x", 1));
  show_worker_error(worker);
  gearman_job_free_all(worker);
  gearman_worker_remove_servers(worker);
  gearman_worker_free(worker);

  printf("== NULL\n");
  gearman_worker_free(NULL);
  return 0;
}
