/* Chunks of one upload of the parallel chunk API, in shuffled order, on one connection or several. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk_job {
  struct job job; /* first: a pointer to it is one to all of this */
  uint64_t *order, taken;
  struct latencies latencies;
};

static void shuffle(uint64_t *order, uint64_t n)
{
  srandom(1); /* the same order for every server, in every round */
  for (uint64_t i = 0; i < n; i++)
    order[i] = i;
  for (uint64_t i = n; i > 1; i--) {
    uint64_t j = (uint64_t)random() % i, last = order[i - 1];
    order[i - 1] = order[j];
    order[j] = last;
  }
}

static int begin_chunk(struct job *job, struct sender *s)
{
  struct chunk_job *all = (struct chunk_job *)job;
  const struct options *o = job->o;
  uint64_t size = o->bytes / o->chunks;
  if (all->taken == o->chunks)
    return 0;
  s->sent = all->order[all->taken++] * size;
  s->end = s->sent + size;
  s->head_n = (size_t)snprintf(s->head, HEAD_BYTES,
                               "PUT %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/octet-stream\r\n"
                               "Content-Range: bytes %llu-%llu/%llu\r\nContent-Length: %llu\r\n\r\n",
                               o->path, o->host, o->port, (unsigned long long)s->sent,
                               (unsigned long long)s->end - 1, (unsigned long long)o->bytes,
                               (unsigned long long)size);
  s->began = now_s();
  return 1;
}

static void judge(struct job *job, const struct sender *s, const struct reply *reply)
{
  if (reply->status != 200 || reply->closes || s->sent != s->end)
    fail("the chunk of %s up to %llu answered %d%s, after %llu bytes", s->path, (unsigned long long)s->end,
         reply->status, reply->closes ? " and closed" : "", (unsigned long long)s->sent);
  latencies_add(&((struct chunk_job *)job)->latencies, now_s() - s->began);
}

void run_chunks(const struct options *o)
{
  struct chunk_job all = {.job = {.o = o, .begin = begin_chunk, .judge = judge}};
  if (o->path == NULL || strlen(o->path) >= PATH_BYTES)
    fail("chunks need the path of an upload");
  if (o->bytes == 0 || o->chunks == 0 || o->bytes % o->chunks != 0)
    fail("%llu bytes do not make %llu equal chunks", (unsigned long long)o->bytes, (unsigned long long)o->chunks);
  struct sender *senders = calloc((size_t)o->connections, sizeof *senders);
  all.order = calloc(o->chunks, sizeof *all.order);
  shuffle(all.order, o->chunks);
  for (int i = 0; i < o->connections; i++) {
    struct sender *s = &senders[i];
    s->seed = o->seed;
    s->start = o->start;
    s->fd = dial(o);
    strcpy(s->path, o->path);
    unblock(s->fd);
  }
  double seconds = transfer(&all.job, senders);
  printf("{\"seconds\": %.6f, \"bytes\": %llu, ", seconds, (unsigned long long)o->bytes);
  latencies_print(&all.latencies);
  printf("}\n");
  latencies_free(&all.latencies);
  free(all.order);
  free(senders);
}
