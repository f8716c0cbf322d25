/* How long requests took. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

void latencies_add(struct latencies *l, double latency_s)
{
  if (l->n == l->room) {
    l->room = l->room ? 2 * l->room : 65536;
    l->s = realloc(l->s, l->room * sizeof *l->s);
    if (l->s == NULL)
      fail("no memory for %zu latencies", l->room);
  }
  l->s[l->n++] = (float)latency_s;
}

static int ascending(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

void latencies_print(struct latencies *l)
{
  qsort(l->s, l->n, sizeof *l->s, ascending);
  printf("\"requests\": %zu, \"p50_s\": %.6f, \"p99_s\": %.6f, \"max_s\": %.6f", l->n, (double)l->s[l->n / 2],
         (double)l->s[l->n * 99 / 100], (double)l->s[l->n - 1]);
}

void latencies_free(struct latencies *l) { free(l->s); }
