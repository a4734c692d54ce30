/* The SQL functions that set something for all statements: gman_servers_set(),
 * gman_timeout_set() and gman_errors_set().
 *
 * Must not: submit a job. */
#include "clients.h"
#include "statement.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

EXPORT my_bool gman_servers_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message);
EXPORT char *gman_servers_set(UDF_INIT *initid, UDF_ARGS *args, char *result,
                              unsigned long *length, char *is_null, char *error);

my_bool gman_servers_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message)
{
  return prepare(initid, args, message, 1, 2, STRING_RESULT, "gman_servers_set",
                 "give a list of servers and, for servers of one function, that function");
}

char *gman_servers_set(UDF_INIT *initid, UDF_ARGS *args, char *result, unsigned long *length,
                       char *is_null, char *error)
{
  (void)initid;
  (void)result;
  char problem[GMAN_PROBLEM_SIZE];
  char *servers= NULL;
  char *function= NULL;

  bool valid= copy_argument(args, 0, &servers, "list of servers", problem) &&
              copy_argument(args, 1, &function, "function", problem);
  if (valid && servers == NULL)
  {
    snprintf(problem, sizeof problem, "the list of servers is NULL");
    valid= false;
  }
  if (valid)
  {
    /* A client of its own tells whether the list can be used. */
    gearman_client_st *probe= gman_client(servers, problem);
    valid= probe != NULL;
    if (valid)
    {
      gearman_client_free(probe);
    }
  }
  if (!valid)
  {
    fail(error, "gman_servers_set", servers != NULL ? servers : "", problem);
    free(servers);
    free(function);
    *is_null= 1;
    return NULL;
  }
  if (!set_servers(servers, function))
  {
    fail(error, "gman_servers_set", "", "out of memory");
    *is_null= 1;
    return NULL;
  }
  *length= args->lengths[0];
  return args->args[0];
}

/* Takes the number of a setting. Returns false, and fails the statement with `problem`, if it is
 * not from 0 to `most`. */
static bool take_number(UDF_ARGS *args, char *is_null, char *error, const char *name,
                        long long most, const char *problem, long long *value)
{
  *value= args->args[0] != NULL ? *(long long *)(void *)args->args[0] : -1;
  if (*value < 0 || *value > most)
  {
    fail(error, name, "", problem);
    *is_null= 1;
    return false;
  }
  return true;
}

EXPORT my_bool gman_timeout_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message);
EXPORT long long gman_timeout_set(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error);

my_bool gman_timeout_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message)
{
  return prepare(initid, args, message, 1, 1, INT_RESULT, "gman_timeout_set",
                 "give the milliseconds, 0 for no limit");
}

long long gman_timeout_set(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error)
{
  (void)initid;
  long long value;
  if (!take_number(args, is_null, error, "gman_timeout_set", INT_MAX,
                   "the milliseconds must be from 0 to 2147483647", &value))
  {
    return 0;
  }
  set_timeout((unsigned int)value);
  return value;
}

EXPORT my_bool gman_errors_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message);
EXPORT long long gman_errors_set(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error);

my_bool gman_errors_set_init(UDF_INIT *initid, UDF_ARGS *args, char *message)
{
  return prepare(initid, args, message, 1, 1, INT_RESULT, "gman_errors_set",
                 "give 1 for SQL errors or 0 for NULL");
}

long long gman_errors_set(UDF_INIT *initid, UDF_ARGS *args, char *is_null, char *error)
{
  (void)initid;
  long long value;
  if (!take_number(args, is_null, error, "gman_errors_set", 1, "the value must be 0 or 1", &value))
  {
    return 0;
  }
  set_errors_are_raised(value != 0);
  return value;
}
