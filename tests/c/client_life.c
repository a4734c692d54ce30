/* A client's life: created in the caller's memory and allocated, the shell's visible fields,
 * options and their bits, context, timeout, errors of a fresh client, and the NULL handle. */
#include "common.h"

static void options(const char *what, gearman_client_st *client)
{
  printf("%s: 0x%x\n", what, (unsigned)gearman_client_options(client));
}

int main(int argc, char **argv)
{
  setup(argc, argv);

  gearman_client_st shell;
  memset(&shell, 0x5a, sizeof(shell));
  gearman_client_st *client = gearman_client_create(&shell);
  printf("create in the caller's memory: same %s, allocated %s, initialized %s, size %zu\n",
         yes(client == &shell), yes(shell.options.is_allocated), yes(shell.options.is_initialized),
         sizeof(shell));
  options("options", client);
  gearman_client_free(client);
  printf("after free: initialized %s, impl %s\n", yes(shell.options.is_initialized),
         shell._impl == NULL ? "NULL" : "set");
  client = gearman_client_create(&shell);
  printf("created again in the same memory: %s\n", yes(client == &shell));
  gearman_client_free(client);

  client = gearman_client_create(NULL);
  printf("allocated: %s, initialized %s\n", yes(client->options.is_allocated),
         yes(client->options.is_initialized));
  options("options", client);
  printf("error %s, code %s, errno %d\n", text(gearman_client_error(client)),
         rc_name(gearman_client_error_code(client)), gearman_client_errno(client));
  printf("timeout %d\n", gearman_client_timeout(client));
  printf("context %s\n", gearman_client_context(client) == NULL ? "NULL" : "set");
  printf("has_tasks %s has_active_tasks %s\n", yes(gearman_client_has_tasks(client)),
         yes(gearman_client_has_active_tasks(client)));
  printf("do_job_handle \"%s\"\n", text(gearman_client_do_job_handle(client)));

  int mine = 7;
  gearman_client_set_context(client, &mine);
  printf("context kept %s\n", yes(gearman_client_context(client) == &mine));
  static const int timeouts[] = {0, 1, 500, -1, -5, 2147483647};
  for (size_t x = 0; x < sizeof(timeouts) / sizeof(timeouts[0]); ++x)
  {
    gearman_client_set_timeout(client, timeouts[x]);
    printf("timeout %d -> %d\n", timeouts[x], gearman_client_timeout(client));
  }

  for (unsigned bit = 1; bit <= 512; bit <<= 1)
  {
    if (bit == GEARMAN_CLIENT_EXCEPTION || bit == GEARMAN_CLIENT_SSL) continue;
    gearman_client_options_t option = (gearman_client_options_t)bit;
    printf("bit 0x%x: has %s", bit, yes(gearman_client_has_option(client, option)));
    gearman_client_add_options(client, option);
    printf(", added 0x%x has %s", (unsigned)gearman_client_options(client),
           yes(gearman_client_has_option(client, option)));
    gearman_client_remove_options(client, option);
    printf(", removed 0x%x", (unsigned)gearman_client_options(client));
    gearman_client_set_options(client, option);
    printf(", set 0x%x", (unsigned)gearman_client_options(client));
    gearman_client_set_options(client, (gearman_client_options_t)0);
    printf(", cleared 0x%x\n", (unsigned)gearman_client_options(client));
  }
  gearman_client_add_options(client, (gearman_client_options_t)(GEARMAN_CLIENT_NON_BLOCKING
                                                                | GEARMAN_CLIENT_FREE_TASKS));
  options("two added", client);
  gearman_client_remove_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  options("one removed", client);

  printf("run_tasks without tasks: %s\n", rc_name(gearman_client_run_tasks(client)));
  printf("wait without servers: %s\n", rc_name(gearman_client_wait(client)));
  show_client_error(client);
  gearman_client_task_free_all(client);
  gearman_client_remove_servers(client);
  gearman_client_clear_fn(client);
  gearman_client_free(client);

  printf("== NULL\n");
  options("options", NULL);
  printf("error %s, code %s, errno %d\n", text(gearman_client_error(NULL)),
         rc_name(gearman_client_error_code(NULL)), gearman_client_errno(NULL));
  gearman_client_free(NULL);
  return 0;
}
