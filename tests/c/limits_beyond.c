/* The entries of `limits.c` in which ours is meant to differ from the original. */
#define DIFFERENT true
#include "limits.c"
