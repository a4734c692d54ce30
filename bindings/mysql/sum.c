/* gman_sum(function, workload[, unique]): the sum of the results of one job for each row. The jobs
 * of a group of rows run at the same time.
 *
 * Must not: keep anything between statements. */
#include "clients.h"
#include "statement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Jobs of a group that run at once. */
#define SUM_JOBS_MAX 1000

typedef struct
{
  borrowed_client borrowed;
  gman_run run;
  bool begun;
  char *function;
  long long sum;
  /* Why the sum is no number; empty while it is one. */
  char problem[GMAN_PROBLEM_SIZE];
} sum_state;

/* A row's job with its arguments behind it. */
typedef struct
{
  gman_call call;
  char arguments[];
} sum_job;

EXPORT my_bool gman_sum_init(UDF_INIT *initid, UDF_ARGS *args, char *message);
EXPORT void gman_sum_deinit(UDF_INIT *initid);
EXPORT void gman_sum_clear(UDF_INIT *initid, char *is_null, char *error);
EXPORT void gman_sum_reset(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error);
EXPORT void gman_sum_add(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error);
EXPORT long long gman_sum(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error);

my_bool gman_sum_init(UDF_INIT *initid, UDF_ARGS *args, char *message)
{
  if (prepare(initid, args, message, 2, 3, STRING_RESULT, "gman_sum",
              "give a function, a workload and, if wanted, a unique id"))
  {
    return 1;
  }
  sum_state *state= calloc(1, sizeof *state);
  if (state == NULL)
  {
    return refuse(message, "gman_sum", "out of memory");
  }
  initid->ptr= (char *)state;
  return 0;
}

/* Adds the result of an ended job to the sum. */
static void count_result(sum_state *state, const gman_call *call)
{
  if (call->problem[0] != '\0')
  {
    memcpy(state->problem, call->problem, sizeof state->problem);
    return;
  }
  const char *text= call->result != NULL ? call->result : "";
  char *end;
  errno= 0;
  long long number= strtoll(text, &end, 10);
  end+= strspn(end, " \t\r\n");
  if (end == text || *end != '\0')
  {
    snprintf(state->problem, sizeof state->problem, "the result '%.64s' is not an integer", text);
  }
  else if (errno == ERANGE || __builtin_add_overflow(state->sum, number, &state->sum))
  {
    snprintf(state->problem, sizeof state->problem, "the sum is too large");
  }
}

/* Runs jobs until at most `running` have not ended, and counts those that have. */
static void run_sum(sum_state *state, size_t running)
{
  gman_go_on(&state->run, running);
  gman_call *call;
  while ((call= gman_take(&state->run)) != NULL)
  {
    if (state->problem[0] == '\0')
    {
      count_result(state, call);
    }
    free(call->result);
    /* The call is the first field of its sum_job. */
    free(call);
  }
}

/* Ends the jobs of a group of rows, whether or not they are wanted. */
static void end_group(sum_state *state)
{
  if (state->begun)
  {
    run_sum(state, 0);
    give_back_client(&state->borrowed, state->run.reusable);
    state->begun= false;
  }
  free(state->function);
  state->function= NULL;
}

void gman_sum_deinit(UDF_INIT *initid)
{
  sum_state *state= (sum_state *)initid->ptr;
  end_group(state);
  free(state);
}

void gman_sum_clear(UDF_INIT *initid, char *is_null, char *error)
{
  (void)is_null;
  (void)error;
  sum_state *state= (sum_state *)initid->ptr;
  end_group(state);
  state->sum= 0;
  state->problem[0]= '\0';
}

/* MySQL before 4.1.1 calls this, later ones call the two others. */
void gman_sum_reset(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error)
{
  gman_sum_clear(initid, is_null, error);
  gman_sum_add(initid, args, is_null, error);
}

/* The job of a row; NULL without memory. */
static sum_job *make_sum_job(const sum_state *state, UDF_ARGS *args)
{
  size_t workload_size= args->args[1] != NULL ? args->lengths[1] : 0;
  bool has_unique= args->arg_count == 3 && args->args[2] != NULL;
  size_t unique_size= has_unique ? args->lengths[2] + 1 : 0;
  sum_job *job= malloc(sizeof *job + unique_size + workload_size);
  if (job == NULL)
  {
    return NULL;
  }
  memset(&job->call, 0, sizeof job->call);
  job->call.kind= GMAN_DO;
  job->call.function= state->function;
  job->call.workload= job->arguments + unique_size;
  job->call.workload_size= workload_size;
  if (has_unique)
  {
    memcpy(job->arguments, args->args[2], args->lengths[2]);
    job->arguments[args->lengths[2]]= '\0';
    job->call.unique= job->arguments;
  }
  if (workload_size > 0)
  {
    memcpy(job->arguments + unique_size, args->args[1], workload_size);
  }
  return job;
}

/* Begins a group with its first row. The jobs of a group go to the servers of one function. */
static bool begin_group(sum_state *state, UDF_ARGS *args)
{
  if (args->args[0] == NULL)
  {
    snprintf(state->problem, sizeof state->problem, "the function is NULL");
    return false;
  }
  if (!copy_argument(args, 0, &state->function, "function", state->problem) ||
      !borrow_client(&state->borrowed, state->function, state->problem))
  {
    return false;
  }
  gman_begin(&state->run, state->borrowed.client, current_timeout(), wait_for, NULL);
  state->begun= true;
  return true;
}

void gman_sum_add(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error)
{
  (void)is_null;
  (void)error;
  sum_state *state= (sum_state *)initid->ptr;
  if (state->problem[0] != '\0' || (!state->begun && !begin_group(state, args)))
  {
    return;
  }
  if (args->args[0] == NULL || strlen(state->function) != args->lengths[0] ||
      memcmp(state->function, args->args[0], args->lengths[0]) != 0)
  {
    snprintf(state->problem, sizeof state->problem,
             "the function must be the same for all rows of a group");
    return;
  }
  sum_job *job= make_sum_job(state, args);
  if (job == NULL)
  {
    snprintf(state->problem, sizeof state->problem, "out of memory");
    return;
  }
  gman_add(&state->run, &job->call);
  run_sum(state, SUM_JOBS_MAX);
}

long long gman_sum(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error)
{
  sum_state *state= (sum_state *)initid->ptr;
  bool any= state->begun;
  char *function= state->function;
  state->function= NULL;
  end_group(state);
  if (state->problem[0] != '\0')
  {
    fail(error, "gman_sum", function != NULL ? function : "", state->problem);
    *is_null= 1;
  }
  else if (!any)
  {
    /* As SUM() of no rows. */
    *is_null= 1;
  }
  (void)args;
  free(function);
  return state->sum;
}
