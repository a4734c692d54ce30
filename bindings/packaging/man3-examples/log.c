/* gearman_client_set_log_fn gearman_worker_set_log_fn gearman_log_fn gearman_verbose_t
 * gearman_verbose_name */
#include <libgearman/gearman.h>

#include <stdio.h>

static void print(const char *line, gearman_verbose_t verbose, void *context)
{
  fprintf(context, "%s: %s\n", gearman_verbose_name(verbose), line);
}

/* Prints the errors of a client. */
void log_errors(gearman_client_st *client)
{
  gearman_client_set_log_fn(client, print, stderr, GEARMAN_VERBOSE_ERROR);
}
