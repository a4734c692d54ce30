/* gearman_execute gearman_argument_make gearman_argument_t gearman_task_attr_init
 * gearman_task_attr_t gearman_task_result gearman_result_st gearman_result_string */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    return EXIT_FAILURE;
  }

  int status= EXIT_FAILURE;
  if (gearman_success(gearman_client_add_server(client, "localhost", 4730)))
  {
    gearman_task_attr_t attributes= gearman_task_attr_init(GEARMAN_JOB_PRIORITY_HIGH);
    gearman_argument_t workload= gearman_argument_make(NULL, 0, "Hello", 5);
    gearman_task_st *task= gearman_execute(client, "reverse", 7, NULL, 0,
                                           &attributes, &workload, NULL);
    if (task != NULL && gearman_success(gearman_task_return(task)))
    {
      gearman_string_t result= gearman_result_string(gearman_task_result(task));
      printf("%.*s\n", gearman_string_param_printf(result));
      status= EXIT_SUCCESS;
    }
  }
  if (status != EXIT_SUCCESS)
  {
    fprintf(stderr, "%s\n", gearman_client_error(client));
  }
  gearman_client_free(client);  /* Also frees the task. */

  return status;
}
