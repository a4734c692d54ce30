/* The lists of servers, their idle clients, and the settings of all statements.
 *
 * Must not: keep the lock while a job runs, or keep a client that has unfinished jobs. */
#ifndef GMAN_CLIENTS_H
#define GMAN_CLIENTS_H

#include "../database/calls.h"

typedef struct server_list server_list;

/* A client that one statement has for itself. */
typedef struct
{
  gearman_client_st *client;
  server_list *list;
  unsigned int generation;
} borrowed_client;

/* Gets a client for a function, NULL for one without servers of its own. Returns false with the
 * reason in `problem`. */
bool borrow_client(borrowed_client *borrowed, const char *function,
                   char problem[GMAN_PROBLEM_SIZE]);

/* Gives the client back, if there is one; one that is not reusable is freed. */
void give_back_client(borrowed_client *borrowed, bool reusable);

/* Makes `servers` the list of `function`, or of all functions without one (NULL), and takes both,
 * which are from malloc(). Returns false without memory. */
bool set_servers(char *servers, char *function);

/* Milliseconds that a statement waits for its jobs; 0, the default, without limit. */
unsigned int current_timeout(void);
void set_timeout(unsigned int milliseconds);

/* Whether a failed job is an SQL error, which is the default, or NULL. */
bool errors_are_raised(void);
void set_errors_are_raised(bool raised);

#endif
