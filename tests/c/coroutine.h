/* For programs that run the library on several stacks: coroutines of ucontext.h, each with a
 * mapping of its own as its stack. */
#ifndef GEARMAN_TESTS_COROUTINE_H
#define GEARMAN_TESTS_COROUTINE_H

#include "common.h"

#include <sys/mman.h>
#include <ucontext.h>

/* Without being told, valgrind takes a step to a stack nearby for a large frame. */
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

#define STACK_SIZE ((size_t)256 * 1024)

typedef struct coroutine coroutine;

struct coroutine
{
  ucontext_t here, resumer;
  coroutine *previous; /* the one that resumed it, or NULL */
  void (*body)(void *);
  void *argument;
  char *stack;
  unsigned id; /* valgrind's */
  bool done;
};

/* The coroutine that runs, or NULL on the thread's own stack. */
static __thread coroutine *current;

static void coroutine_main(void)
{
  /* It may go on in another thread, where `current` is another variable. */
  coroutine *self = current;
  self->body(self->argument);
  self->done = true;
}

/* Makes a coroutine on a stack that the program brings. It starts when it is first resumed. */
static inline void coroutine_on(coroutine *self, char *stack, void (*body)(void *), void *argument)
{
  memset(self, 0, sizeof(*self));
  self->body = body;
  self->argument = argument;
  self->stack = stack;
  self->id = VALGRIND_STACK_REGISTER(stack, stack + STACK_SIZE);
  if (getcontext(&self->here) != 0) die("getcontext");
  self->here.uc_stack.ss_sp = stack;
  self->here.uc_stack.ss_size = STACK_SIZE;
  self->here.uc_link = &self->resumer;
  makecontext(&self->here, coroutine_main, 0);
}

static inline void coroutine_start(coroutine *self, void (*body)(void *), void *argument)
{
  char *stack = (char *)mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) die("mmap");
  coroutine_on(self, stack, body, argument);
}

/* Runs it until it suspends itself or ends. */
static inline void resume(coroutine *self)
{
  self->previous = current;
  current = self;
  if (swapcontext(&self->resumer, &self->here) != 0) die("swapcontext");
  current = self->previous;
}

/* Switches back to the caller that resumed the running coroutine. */
static inline void suspend(void)
{
  coroutine *self = current;
  if (swapcontext(&self->here, &self->resumer) != 0) die("swapcontext");
}

/* Takes its stack away, whether it has ended or not. */
static inline void coroutine_end(coroutine *self)
{
  VALGRIND_STACK_DEREGISTER(self->id);
  munmap(self->stack, STACK_SIZE);
  self->stack = NULL;
}

/* Starts a coroutine, runs it to where it first suspends itself. */
static inline void run_aside(coroutine *self, void (*body)(void *), void *argument)
{
  coroutine_start(self, body, argument);
  resume(self);
}

/* Runs a coroutine to its end. */
static inline void finish(coroutine *self)
{
  while (!self->done) resume(self);
  coroutine_end(self);
}

#endif
