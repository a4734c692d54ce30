/* See statement.h. */
#define _POSIX_C_SOURCE 200809L

#include "statement.h"

#include "clients.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MYSQL_ERRMSG_SIZE
#define MYSQL_ERRMSG_SIZE 512
#endif

/* How soon KILL ends a statement that waits, in milliseconds. */
#define CANCEL_CHECK 100

/* The number of the database's error "unknown error", the one whose text is free. */
#define UNKNOWN_ERROR 1105
/* That of a statement that was killed or ran out of its time. */
#define INTERRUPTED 1317

/* Functions of the server process. In a server that has them not under these names, the result of
 * a function that failed is NULL, and KILL waits for the end of the job. */
extern void my_printf_error(unsigned int error, const char *format, unsigned long flags, ...)
  __attribute__((weak));
extern void *_current_thd(void) __attribute__((weak));
extern int thd_kill_level(const void *thread) __attribute__((weak));

/* Whether the statement was killed or ran out of its time. */
static bool statement_ended(void)
{
  return _current_thd != NULL && thd_kill_level != NULL && thd_kill_level(_current_thd()) != 0;
}

/* The database wakes no thread that waits for a descriptor, so it is asked. */
bool wait_for(void *context, int descriptor, int milliseconds)
{
  (void)context;
  struct pollfd waited= { .fd= descriptor, .events= POLLIN };
  for (;;)
  {
    if (statement_ended())
    {
      return false;
    }
    int slice= milliseconds < 0 || milliseconds > CANCEL_CHECK ? CANCEL_CHECK : milliseconds;
    int ready= poll(&waited, 1, slice);
    if (ready > 0 || (milliseconds >= 0 && (milliseconds-= slice) <= 0))
    {
      return true;
    }
  }
}

void fail(char *error, const char *name, const char *subject, const char *problem)
{
  *error= 1;
  if (my_printf_error == NULL)
  {
    return;
  }
  if (statement_ended())
  {
    my_printf_error(INTERRUPTED, "Query execution was interrupted in %s('%.128s')", 0, name,
                    subject);
  }
  else if (errors_are_raised())
  {
    my_printf_error(UNKNOWN_ERROR, "%s('%.128s'): %s", 0, name, subject, problem);
  }
}

my_bool refuse(char *message, const char *name, const char *problem)
{
  snprintf(message, MYSQL_ERRMSG_SIZE, "%s: %s", name, problem);
  return 1;
}

bool copy_argument(UDF_ARGS *args, unsigned int at, char **copy, const char *what,
                   char problem[GMAN_PROBLEM_SIZE])
{
  *copy= NULL;
  if (at >= args->arg_count || args->args[at] == NULL)
  {
    return true;
  }
  if (memchr(args->args[at], '\0', args->lengths[at]) != NULL)
  {
    snprintf(problem, GMAN_PROBLEM_SIZE, "the %s contains a NUL", what);
    return false;
  }
  *copy= malloc(args->lengths[at] + 1);
  if (*copy == NULL)
  {
    snprintf(problem, GMAN_PROBLEM_SIZE, "out of memory");
    return false;
  }
  memcpy(*copy, args->args[at], args->lengths[at]);
  (*copy)[args->lengths[at]]= '\0';
  return true;
}

my_bool prepare(UDF_INIT *initid, UDF_ARGS *args, char *message, unsigned int least,
                unsigned int most, enum Item_result type, const char *name, const char *usage)
{
  if (args->arg_count < least || args->arg_count > most)
  {
    return refuse(message, name, usage);
  }
  for (unsigned int at= 0; at < args->arg_count; at++)
  {
    args->arg_type[at]= type;
  }
  initid->maybe_null= 1;
  initid->max_length= INT_MAX;
  /* Two calls with the same arguments are two jobs. */
  initid->const_item= 0;
  return 0;
}
