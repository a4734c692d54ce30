/* See clients.h. */
#define _POSIX_C_SOURCE 200809L

#include "clients.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Idle clients that a list of servers keeps. More statements at once open connections that they
 * close again. */
#define IDLE_CLIENTS_MAX 16

/* The servers of one Gearman function, or of all that have none of their own. */
struct server_list
{
  server_list *next;
  /* NULL for the servers of all functions. */
  char *function;
  /* NULL for the library's default. */
  char *servers;
  /* Counts changes of `servers`: clients of an earlier list are not used again. */
  unsigned int generation;
  gearman_client_st *idle[IDLE_CLIENTS_MAX];
  size_t idle_count;
};

static pthread_mutex_t lock= PTHREAD_MUTEX_INITIALIZER;
/* Guarded by `lock`. The last one is the list of all functions. Lists stay until the library is
 * unloaded, so that a statement may hold one. */
static server_list common_list;
static server_list *lists= &common_list;
/* Guarded by `lock`. */
static unsigned int timeout;
/* Guarded by `lock`. */
static bool errors_raised= true;

static void free_idle_clients(server_list *list)
{
  while (list->idle_count > 0)
  {
    gearman_client_free(list->idle[--list->idle_count]);
  }
}

/* When the last of the functions is dropped the database unloads the library. */
__attribute__((destructor))
static void free_lists(void)
{
  while (lists != NULL)
  {
    server_list *list= lists;
    lists= list->next;
    free_idle_clients(list);
    free(list->servers);
    if (list != &common_list)
    {
      free(list->function);
      free(list);
    }
  }
}

/* The list with exactly this function; NULL without one. The caller holds the lock. */
static server_list *exact_list(const char *function)
{
  for (server_list *list= lists; list != &common_list; list= list->next)
  {
    if (function != NULL && strcmp(list->function, function) == 0)
    {
      return list;
    }
  }
  return function == NULL ? &common_list : NULL;
}

bool borrow_client(borrowed_client *borrowed, const char *function,
                   char problem[GMAN_PROBLEM_SIZE])
{
  char *servers= NULL;
  bool copied= true;

  pthread_mutex_lock(&lock);
  server_list *list= exact_list(function);
  if (list == NULL)
  {
    list= &common_list;
  }
  borrowed->list= list;
  borrowed->generation= list->generation;
  borrowed->client= list->idle_count > 0 ? list->idle[--list->idle_count] : NULL;
  if (borrowed->client == NULL && list->servers != NULL)
  {
    servers= strdup(list->servers);
    copied= servers != NULL;
  }
  pthread_mutex_unlock(&lock);

  if (!copied)
  {
    snprintf(problem, GMAN_PROBLEM_SIZE, "out of memory");
    return false;
  }
  if (borrowed->client == NULL)
  {
    borrowed->client= gman_client(servers, problem);
  }
  free(servers);
  return borrowed->client != NULL;
}

void give_back_client(borrowed_client *borrowed, bool reusable)
{
  gearman_client_st *client= borrowed->client;
  if (client == NULL)
  {
    return;
  }
  borrowed->client= NULL;
  if (reusable)
  {
    pthread_mutex_lock(&lock);
    server_list *list= borrowed->list;
    if (list->generation == borrowed->generation && list->idle_count < IDLE_CLIENTS_MAX)
    {
      list->idle[list->idle_count++]= client;
      client= NULL;
    }
    pthread_mutex_unlock(&lock);
  }
  if (client != NULL)
  {
    gearman_client_free(client);
  }
}

bool set_servers(char *servers, char *function)
{
  gearman_client_st *outdated[IDLE_CLIENTS_MAX];
  size_t outdated_count= 0;

  pthread_mutex_lock(&lock);
  server_list *list= exact_list(function);
  if (list == NULL && (list= calloc(1, sizeof *list)) != NULL)
  {
    list->function= function;
    function= NULL;
    list->next= lists;
    lists= list;
  }
  if (list != NULL)
  {
    char *previous= list->servers;
    list->servers= servers;
    servers= previous;
    list->generation++;
    memcpy(outdated, list->idle, sizeof outdated);
    outdated_count= list->idle_count;
    list->idle_count= 0;
  }
  pthread_mutex_unlock(&lock);

  while (outdated_count > 0)
  {
    gearman_client_free(outdated[--outdated_count]);
  }
  free(servers);
  free(function);
  return list != NULL;
}

unsigned int current_timeout(void)
{
  pthread_mutex_lock(&lock);
  unsigned int value= timeout;
  pthread_mutex_unlock(&lock);
  return value;
}

void set_timeout(unsigned int milliseconds)
{
  pthread_mutex_lock(&lock);
  timeout= milliseconds;
  pthread_mutex_unlock(&lock);
}

bool errors_are_raised(void)
{
  pthread_mutex_lock(&lock);
  bool raised= errors_raised;
  pthread_mutex_unlock(&lock);
  return raised;
}

void set_errors_are_raised(bool raised)
{
  pthread_mutex_lock(&lock);
  errors_raised= raised;
  pthread_mutex_unlock(&lock);
}
