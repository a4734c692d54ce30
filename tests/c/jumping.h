/* For programs that leave user code by longjmp: `leave` jumps once after `jump` was set. */
#ifndef GEARMAN_TESTS_JUMPING_H
#define GEARMAN_TESTS_JUMPING_H

#include "common.h"

#include <setjmp.h>

static jmp_buf back;
static bool jump;

static inline void leave(void)
{
  if (jump)
  {
    jump = false;
    longjmp(back, 1);
  }
}

/* A do() that says so when it is left. */
static inline void do_once(gearman_client_st *client, const char *workload)
{
  size_t size;
  gearman_return_t rc;
  if (setjmp(back) == 0)
  {
    void *result =
        gearman_client_do(client, "reverse", NULL, workload, strlen(workload), &size, &rc);
    printf("  do: %s %s\n", rc_name(rc), bytes(result, size));
    free(result);
  }
  else
    printf("  jumped\n");
}

#endif
