/* The SQL functions of one job each: gman_do() and its variants, and gman_status().
 *
 * Must not: keep anything between statements. */
#include "clients.h"
#include "statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The pointer that the database keeps for a function is the result of the last row, from malloc(),
 * until the next row. */
static my_bool prepare_job(UDF_INIT *initid, UDF_ARGS *args, char *message, const char *name)
{
  initid->ptr= NULL;
  return prepare(initid, args, message, 2, 3, STRING_RESULT, name,
                 "give a function, a workload and, if wanted, a unique id");
}

static void finish_job(UDF_INIT *initid)
{
  free(initid->ptr);
}

/* Makes one call with a client and gives the client back. Returns false with the reason in
 * `problem`. */
static bool run_call(borrowed_client *borrowed, gman_call *call, char problem[GMAN_PROBLEM_SIZE])
{
  gman_run run;
  gman_begin(&run, borrowed->client, current_timeout(), wait_for, NULL);
  gman_add(&run, call);
  gman_go_on(&run, 0);
  give_back_client(borrowed, run.reusable);
  if (call->problem[0] != '\0')
  {
    memcpy(problem, call->problem, GMAN_PROBLEM_SIZE);
    free(call->result);
    call->result= NULL;
    return false;
  }
  return true;
}

static char *submit(UDF_INIT *initid, UDF_ARGS *args, char *buffer, unsigned long *length,
                    char *is_null, char *error, gman_kind kind, const char *name)
{
  char problem[GMAN_PROBLEM_SIZE];
  char *function= NULL;
  char *unique= NULL;
  gman_call call= { .kind= kind };
  borrowed_client borrowed;
  bool done= false;

  free(initid->ptr);
  initid->ptr= NULL;
  if (args->args[0] == NULL)
  {
    snprintf(problem, sizeof problem, "the function is NULL");
  }
  else if (copy_argument(args, 0, &function, "function", problem) &&
           copy_argument(args, 2, &unique, "unique id", problem))
  {
    call.function= function;
    call.unique= unique;
    call.workload= args->args[1];
    call.workload_size= args->args[1] != NULL ? args->lengths[1] : 0;
    done= borrow_client(&borrowed, function, problem) && run_call(&borrowed, &call, problem);
  }

  if (!done)
  {
    fail(error, name, function != NULL ? function : "", problem);
    *is_null= 1;
  }
  else if (call.result == NULL)
  {
    *is_null= 1;
  }
  else if (call.result_size <= RESULT_BUFFER_SIZE)
  {
    memcpy(buffer, call.result, call.result_size);
    *length= call.result_size;
    free(call.result);
    call.result= buffer;
  }
  else
  {
    *length= call.result_size;
    initid->ptr= call.result;
  }
  free(function);
  free(unique);
  return done ? call.result : NULL;
}

/* Defines one of the functions that submit a job. */
#define JOB_FUNCTION(NAME, KIND)                                                              \
  EXPORT my_bool NAME##_init(UDF_INIT *initid, UDF_ARGS *args, char *message);                \
  EXPORT void NAME##_deinit(UDF_INIT *initid);                                                \
  EXPORT char *NAME(UDF_INIT *initid, UDF_ARGS *args, char *result, unsigned long *length,    \
                    char *is_null, char *error);                                              \
  my_bool NAME##_init(UDF_INIT *initid, UDF_ARGS *args, char *message)                        \
  {                                                                                           \
    return prepare_job(initid, args, message, #NAME);                                         \
  }                                                                                           \
  void NAME##_deinit(UDF_INIT *initid)                                                        \
  {                                                                                           \
    finish_job(initid);                                                                       \
  }                                                                                           \
  char *NAME(UDF_INIT *initid, UDF_ARGS *args, char *result, unsigned long *length,           \
             char *is_null, char *error)                                                      \
  {                                                                                           \
    return submit(initid, args, result, length, is_null, error, KIND, #NAME);                 \
  }

JOB_FUNCTION(gman_do, GMAN_DO)
JOB_FUNCTION(gman_do_high, GMAN_DO_HIGH)
JOB_FUNCTION(gman_do_low, GMAN_DO_LOW)
JOB_FUNCTION(gman_do_background, GMAN_BACKGROUND)
JOB_FUNCTION(gman_do_high_background, GMAN_BACKGROUND_HIGH)
JOB_FUNCTION(gman_do_low_background, GMAN_BACKGROUND_LOW)

/* gman_status(handle[, function]): the state of a background job. */

EXPORT my_bool gman_status_init(UDF_INIT *initid, UDF_ARGS *args, char *message);
EXPORT char *gman_status(UDF_INIT *initid, UDF_ARGS *args, char *result, unsigned long *length,
                         char *is_null, char *error);

my_bool gman_status_init(UDF_INIT *initid, UDF_ARGS *args, char *message)
{
  return prepare(initid, args, message, 1, 2, STRING_RESULT, "gman_status",
                 "give a handle and, for a function with servers of its own, that function");
}

char *gman_status(UDF_INIT *initid, UDF_ARGS *args, char *result, unsigned long *length,
                  char *is_null, char *error)
{
  (void)initid;
  char problem[GMAN_PROBLEM_SIZE];
  char *handle= NULL;
  char *function= NULL;
  borrowed_client borrowed= { .client= NULL };
  gman_call call= { .kind= GMAN_STATE };

  if (args->args[0] == NULL)
  {
    *is_null= 1;
    return NULL;
  }
  bool done= copy_argument(args, 0, &handle, "handle", problem) &&
             copy_argument(args, 1, &function, "function", problem) &&
             borrow_client(&borrowed, function, problem);
  if (done)
  {
    call.function= handle;
    done= run_call(&borrowed, &call, problem);
  }
  if (done)
  {
    int size= snprintf(result, RESULT_BUFFER_SIZE,
                       "{\"known\": %s, \"running\": %s, \"numerator\": %u, \"denominator\": %u}",
                       call.state.known ? "true" : "false", call.state.running ? "true" : "false",
                       call.state.numerator, call.state.denominator);
    *length= (unsigned long)size;
  }
  else
  {
    fail(error, "gman_status", handle != NULL ? handle : "", problem);
    *is_null= 1;
  }
  free(handle);
  free(function);
  return done ? result : NULL;
}
