/* The extension "gearman" of PostgreSQL: SQL functions that submit Gearman jobs. It has their
 * arguments and results, the session's client, and waiting until a statement is cancelled.
 *
 * Must not: raise an error inside a callback of the library, or keep a client that has unfinished
 * jobs after a statement. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#include "../database/calls.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/* The settings. */
static char *servers;
static int timeout;

/* The session's client, and the list of servers that it was made for. Both are from malloc(), and
 * stay after an aborted transaction. */
static gearman_client_st *client;
static char *client_servers;

static void free_client(void)
{
  gearman_client_free(client);
  client= NULL;
  free(client_servers);
  client_servers= NULL;
}

/* Refuses a list of servers that the library cannot use. */
static bool check_servers(char **value, void **extra, GucSource source)
{
  char problem[GMAN_PROBLEM_SIZE];
  gearman_client_st *probe;

  if (*value == NULL || **value == '\0')
  {
    return true;
  }
  probe= gman_client(*value, problem);
  if (probe == NULL)
  {
    GUC_check_errdetail("%s", problem);
    return false;
  }
  gearman_client_free(probe);
  return true;
}

void _PG_init(void)
{
  DefineCustomStringVariable("gearman.servers", "Job servers, as HOST[:PORT],...",
                             "Empty for the environment variable GEARMAN_SERVERS of the server, "
                             "or localhost.",
                             &servers, "", PGC_USERSET, 0, check_servers, NULL, NULL);
  DefineCustomIntVariable("gearman.timeout",
                          "The longest time that a statement waits for its jobs.",
                          "0 for no limit other than statement_timeout.", &timeout, 0, 0, INT_MAX,
                          PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
  MarkGUCPrefixReserved("gearman");
#endif
}

/* The session's client for the present list of servers. */
static gearman_client_st *session_client(void)
{
  char problem[GMAN_PROBLEM_SIZE];
  const char *wanted= servers != NULL ? servers : "";

  if (client != NULL && strcmp(client_servers, wanted) == 0)
  {
    return client;
  }
  free_client();
  client_servers= strdup(wanted);
  if (client_servers == NULL)
  {
    ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
  }
  client= gman_client(*wanted != '\0' ? wanted : NULL, problem);
  if (client == NULL)
  {
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("gearman.servers cannot be used: %s", problem));
  }
  return client;
}

/* A gman_wait_fn. A cancelled statement leaves it by an error. */
static bool wait_for(void *context, int descriptor, int milliseconds)
{
  int events= WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH;
  int happened;

  CHECK_FOR_INTERRUPTS();
  happened= WaitLatchOrSocket(MyLatch, milliseconds < 0 ? events : events | WL_TIMEOUT, descriptor,
                              milliseconds, PG_WAIT_EXTENSION);
  if ((happened & WL_LATCH_SET) != 0)
  {
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
  return true;
}

/* Frees what the jobs of a statement have: memory of results, and a client that knows them. */
static void clean_up(gman_run *run, gman_call *calls, int count)
{
  for (int at= 0; at < count; at++)
  {
    free(calls[at].result);
    calls[at].result= NULL;
  }
  if (!run->reusable || run->running > 0)
  {
    free_client();
  }
}

/* Runs jobs at the same time until all have ended. Their results must be freed by clean_up(). */
static void run_calls(gman_run *run, gman_call *calls, int count)
{
  gman_begin(run, session_client(), (unsigned int)timeout, wait_for, NULL);
  PG_TRY();
  {
    for (int at= 0; at < count; at++)
    {
      gman_add(run, &calls[at]);
    }
    gman_go_on(run, 0);
  }
  PG_CATCH();
  {
    clean_up(run, calls, count);
    PG_RE_THROW();
  }
  PG_END_TRY();
}

/* Raises the error of a job, if it has one. */
static void raise_problem(const gman_call *call, const char *subject)
{
  if (call->problem[0] == '\0')
  {
    return;
  }
  /* The reason may come from a worker, in any encoding. */
  ereport(ERROR, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
          errmsg("%s: %s", subject,
                 pg_verifymbstr(call->problem, strlen(call->problem), true)
                   ? call->problem
                   : "the worker reported a reason in another encoding"));
}

/* The result of a job as text; an error if it is no text in the encoding of the database. */
static text *result_as_text(const gman_call *call)
{
  const char *bytes= call->result != NULL ? call->result : "";

  if (!pg_verifymbstr(bytes, call->result_size, true))
  {
    ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
            errmsg("the result of %s is not text in the encoding %s", call->function,
                   GetDatabaseEncodingName()),
            errhint("Give the workload as bytea: then the result is bytea, too."));
  }
  return cstring_to_text_with_len(bytes, call->result_size);
}

/* The arguments of a call as a job. What it points to lives as long as the statement's row. */
static void job_of_arguments(FunctionCallInfo fcinfo, gman_call *call, gman_kind kind)
{
  memset(call, 0, sizeof *call);
  call->kind= kind;
  if (PG_ARGISNULL(0))
  {
    ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the function is NULL"));
  }
  call->function= text_to_cstring(PG_GETARG_TEXT_PP(0));
  if (!PG_ARGISNULL(1))
  {
    /* text and bytea have the same form. */
    text *workload= PG_GETARG_TEXT_PP(1);
    call->workload= VARDATA_ANY(workload);
    call->workload_size= VARSIZE_ANY_EXHDR(workload);
  }
  if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
  {
    call->unique= text_to_cstring(PG_GETARG_TEXT_PP(2));
  }
}

/* Runs the job of a call. `bytes` says that the result is bytea. */
static Datum do_job(FunctionCallInfo fcinfo, gman_kind kind, bool bytes)
{
  gman_run run;
  gman_call call;
  text *volatile result= NULL;

  job_of_arguments(fcinfo, &call, kind);
  run_calls(&run, &call, 1);
  PG_TRY();
  {
    raise_problem(&call, call.function);
    if (bytes)
    {
      result= cstring_to_text_with_len(call.result != NULL ? call.result : "", call.result_size);
    }
    else
    {
      result= result_as_text(&call);
    }
  }
  PG_FINALLY();
  {
    clean_up(&run, &call, 1);
  }
  PG_END_TRY();
  return PointerGetDatum(result);
}

#define JOB_FUNCTION(NAME, KIND, BYTES)                                                       \
  PG_FUNCTION_INFO_V1(NAME);                                                                  \
  Datum NAME(PG_FUNCTION_ARGS)                                                                \
  {                                                                                           \
    return do_job(fcinfo, KIND, BYTES);                                                       \
  }

JOB_FUNCTION(gman_do, GMAN_DO, false)
JOB_FUNCTION(gman_do_high, GMAN_DO_HIGH, false)
JOB_FUNCTION(gman_do_low, GMAN_DO_LOW, false)
JOB_FUNCTION(gman_do_bytes, GMAN_DO, true)
JOB_FUNCTION(gman_do_high_bytes, GMAN_DO_HIGH, true)
JOB_FUNCTION(gman_do_low_bytes, GMAN_DO_LOW, true)
JOB_FUNCTION(gman_do_background, GMAN_BACKGROUND, false)
JOB_FUNCTION(gman_do_high_background, GMAN_BACKGROUND_HIGH, false)
JOB_FUNCTION(gman_do_low_background, GMAN_BACKGROUND_LOW, false)

PG_FUNCTION_INFO_V1(gman_servers_set);

Datum gman_servers_set(PG_FUNCTION_ARGS)
{
  SetConfigOption("gearman.servers", text_to_cstring(PG_GETARG_TEXT_PP(0)), PGC_USERSET,
                  PGC_S_SESSION);
  PG_RETURN_BOOL(true);
}

/* Puts the rows of gman_do_all() into the result. */
static void put_rows(ReturnSetInfo *rsinfo, const gman_call *calls, int count)
{
  for (int at= 0; at < count; at++)
  {
    bool failed= calls[at].problem[0] != '\0';
    Datum values[3]= { Int32GetDatum(at + 1), (Datum)0, (Datum)0 };
    bool nulls[3]= { false, failed, !failed };

    if (!failed)
    {
      values[1]= PointerGetDatum(result_as_text(&calls[at]));
    }
    else if (pg_verifymbstr(calls[at].problem, strlen(calls[at].problem), true))
    {
      values[2]= CStringGetTextDatum(calls[at].problem);
    }
    else
    {
      values[2]= CStringGetTextDatum("the worker reported a reason in another encoding");
    }
    tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
  }
}

PG_FUNCTION_INFO_V1(gman_do_all);

Datum gman_do_all(PG_FUNCTION_ARGS)
{
  char *function= text_to_cstring(PG_GETARG_TEXT_PP(0));
  Datum *workloads;
  bool *nulls;
  int count;
  gman_run run;
  gman_call *calls;

  InitMaterializedSRF(fcinfo, 0);
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &workloads, &nulls,
                    &count);
  calls= palloc0(sizeof *calls * Max(count, 1));
  for (int at= 0; at < count; at++)
  {
    calls[at].kind= GMAN_DO;
    calls[at].function= function;
    if (!nulls[at])
    {
      text *workload= DatumGetTextPP(workloads[at]);
      calls[at].workload= VARDATA_ANY(workload);
      calls[at].workload_size= VARSIZE_ANY_EXHDR(workload);
    }
  }
  run_calls(&run, calls, count);
  PG_TRY();
  {
    put_rows((ReturnSetInfo *)fcinfo->resultinfo, calls, count);
  }
  PG_FINALLY();
  {
    clean_up(&run, calls, count);
  }
  PG_END_TRY();
  return (Datum)0;
}

PG_FUNCTION_INFO_V1(gman_status);

Datum gman_status(PG_FUNCTION_ARGS)
{
  gman_run run;
  gman_call call;
  TupleDesc description;
  Datum values[4];
  bool nulls[4]= { false };

  if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
  {
    elog(ERROR, "gman_status returns a row");
  }
  memset(&call, 0, sizeof call);
  call.kind= GMAN_STATE;
  call.function= text_to_cstring(PG_GETARG_TEXT_PP(0));
  run_calls(&run, &call, 1);
  clean_up(&run, &call, 1);
  raise_problem(&call, call.function);

  values[0]= BoolGetDatum(call.state.known);
  values[1]= BoolGetDatum(call.state.running);
  values[2]= Int64GetDatum(call.state.numerator);
  values[3]= Int64GetDatum(call.state.denominator);
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}
