/* What an SQL function needs of the database: its arguments, its errors, and waiting until it is
 * cancelled.
 *
 * Must not: know what the functions do. */
#ifndef GMAN_STATEMENT_H
#define GMAN_STATEMENT_H

#include "../database/calls.h"

#include <mysql.h>

#if !defined(MARIADB_BASE_VERSION) && MYSQL_VERSION_ID >= 80000
typedef bool my_bool;
#endif

/* Bytes of the buffer that the database lends for a result. */
#define RESULT_BUFFER_SIZE 255

#define EXPORT __attribute__((visibility("default")))

/* Refuses a statement while it is prepared: returns what the function's init must return. */
my_bool refuse(char *message, const char *name, const char *problem);

/* Prepares a function of `least` to `most` arguments, which the database converts to `type`.
 * `usage` says what to give. Returns what the function's init must return. */
my_bool prepare(UDF_INIT *initid, UDF_ARGS *args, char *message, unsigned int least,
                unsigned int most, enum Item_result type, const char *name, const char *usage);

/* Makes a statement fail while it runs, with an SQL error unless errors are NULL. `error` is what
 * the database gave for that; `subject` is the function or what else the call is about. */
void fail(char *error, const char *name, const char *subject, const char *problem);

/* Copies a string argument, with a NUL behind it, to memory from malloc(); NULL if the argument
 * is missing or NULL. Returns false with the reason in `problem`: it contains a NUL, or there is
 * no memory. `what` names the argument. */
bool copy_argument(UDF_ARGS *args, unsigned int at, char **copy, const char *what,
                   char problem[GMAN_PROBLEM_SIZE]);

/* A gman_wait_fn, without a context. */
bool wait_for(void *context, int descriptor, int milliseconds);

#endif
