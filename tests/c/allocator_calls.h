/* What the programs about the calls of the memory hooks share: hooks that write down each call, and
 * the sizes to try. */
#ifndef GEARMAN_TESTS_ALLOCATOR_CALLS_H
#define GEARMAN_TESTS_ALLOCATOR_CALLS_H

#include "common.h"

enum { KINDS = 2 };
static const char *const kind_names[KINDS] = {"workload hooks", "all four allocators"};

/* What the hooks were asked since `begin`, such as "m255 f". Blocks are poisoned, and followed by
 * poison that must stay. */
static char calls[4096];
static size_t calls_used;

typedef union
{
  struct
  {
    size_t size;
    uint32_t mark;
    unsigned number;
  } head;
  long double align[2];
} block;

static unsigned numbers;
/* How often the hook still has memory; -1 without end. */
static int left = -1;

static inline void begin(void)
{
  calls_used = 0;
  calls[0] = 0;
  numbers = 0;
}

static inline void call(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  if (calls_used > 0) calls[calls_used++] = ' ';
  calls_used += (size_t)vsnprintf(calls + calls_used, sizeof(calls) - calls_used, format, args);
  va_end(args);
}

enum { GUARD = 16, POISON = 0x5a };

static inline void *make(size_t size)
{
  block *self = (block *)must(malloc(sizeof(block) + size + GUARD), "malloc");
  memset(self + 1, POISON, size + GUARD);
  self->head.size = size;
  self->head.mark = 0xfeedbeef;
  self->head.number = ++numbers;
  return self + 1;
}

static inline block *head_of(void *pointer)
{
  block *self = (block *)pointer - 1;
  if (self->head.mark != 0xfeedbeef) die("a foreign block");
  return self;
}

static inline void unmake(void *pointer)
{
  block *self = head_of(pointer);
  const unsigned char *behind = (unsigned char *)pointer + self->head.size;
  for (int x = 0; x < GUARD; ++x)
    if (behind[x] != POISON)
    {
      call("OVERRUN");
      break;
    }
  self->head.mark = 0;
  free(self);
}

static inline void *hook_malloc(size_t size, void *context)
{
  (void)context;
  call("m%zu", size);
  if (left == 0)
  {
    errno = ENOMEM;
    return NULL;
  }
  if (left > 0) --left;
  return make(size);
}

static inline void hook_free(void *pointer, void *context)
{
  (void)context;
  if (pointer == NULL)
  {
    call("f(NULL)");
    return;
  }
  call("f%zu", head_of(pointer)->head.size);
  unmake(pointer);
}

static inline void *hook_realloc(void *pointer, size_t size, void *context)
{
  (void)context;
  call("r%zu", size);
  void *fresh = make(size);
  if (pointer != NULL)
  {
    block *old = head_of(pointer);
    memcpy(fresh, pointer, old->head.size < size ? old->head.size : size);
    unmake(pointer);
  }
  return fresh;
}

static inline void *hook_calloc(size_t count, size_t size, void *context)
{
  (void)context;
  call("c%zux%zu", count, size);
  void *fresh = make(count * size);
  memset(fresh, 0, count * size);
  return fresh;
}

static inline void hook_client(gearman_client_st *client, int kind)
{
  if (kind == 0)
  {
    gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
    gearman_client_set_workload_free_fn(client, hook_free, NULL);
  }
  else
    gearman_client_set_memory_allocators(client, hook_malloc, hook_free, hook_realloc, hook_calloc,
                                         NULL);
}

static inline void hook_worker(gearman_worker_st *worker, int kind)
{
  if (kind == 0)
  {
    gearman_worker_set_workload_malloc_fn(worker, hook_malloc, NULL);
    gearman_worker_set_workload_free_fn(worker, hook_free, NULL);
  }
  else
    gearman_worker_set_memory_allocators(worker, hook_malloc, hook_free, hook_realloc, hook_calloc,
                                         NULL);
}

/* Every size up to 300, then the neighbours of each power of two up to `largest`. For the second
 * kind of hooks every thirtieth size, and powers up to 4096. */
static inline size_t next_size(size_t n, int kind, size_t largest)
{
  if (kind == 1) largest = 4096;
  if (n < 300) return n + (kind == 0 ? 1 : 30);
  for (size_t power = 512; power <= largest; power *= 2)
  {
    if (n < power - 1) return power - 1;
    if (n == power - 1) return power;
    if (n == power) return power + 1;
  }
  return 0;
}

#endif
