/* Large uploads in PATCHes, on one connection or several at once. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

static int begin_patch(struct job *job, struct sender *s)
{
  const struct options *o = job->o;
  uint64_t size = o->bytes / o->patches;
  if (s->sent == o->bytes)
    return 0;
  s->end = s->sent + size;
  s->head_n = patch_head(o, s->head, s->path, s->sent, size);
  if (o->patch_headers_n > 0) {
    const char *header = o->patch_headers[s->number % o->patch_headers_n];
    s->head_n += (size_t)snprintf(s->head + s->head_n, HEAD_BYTES - s->head_n, "%s\r\n", header);
  }
  s->head_n += (size_t)snprintf(s->head + s->head_n, HEAD_BYTES - s->head_n, "\r\n");
  return 1;
}

static void judge(struct job *job, const struct sender *s, const struct reply *reply)
{
  (void)job;
  if (reply->status != 204 || reply->upload_offset != (int64_t)s->end || s->sent != s->end)
    fail("PATCH of %s up to %llu answered %d, Upload-Offset %lld, after %llu bytes", s->path,
         (unsigned long long)s->end, reply->status, (long long)reply->upload_offset, (unsigned long long)s->sent);
}

void run_put(const struct options *o)
{
  struct job job = {.o = o, .begin = begin_patch, .judge = judge};
  if (o->bytes == 0 || o->bytes % o->patches != 0)
    fail("%llu bytes do not make %llu equal PATCHes", (unsigned long long)o->bytes, (unsigned long long)o->patches);
  struct sender *senders = calloc((size_t)o->connections, sizeof *senders);
  for (int i = 0; i < o->connections; i++) {
    struct sender *s = &senders[i];
    s->number = i;
    s->seed = o->stride > 0 ? o->seed : o->seed + (uint64_t)i;
    s->start = o->start + o->stride * (uint64_t)i;
    s->fd = dial(o);
    create(s->fd, o, o->bytes, s->path);
    unblock(s->fd);
  }
  double seconds = transfer(&job, senders);
  printf("{\"seconds\": %.6f, \"bytes\": %llu, \"uploads\": [", seconds,
         (unsigned long long)o->bytes * (unsigned long long)o->connections);
  for (int i = 0; i < o->connections; i++)
    printf("%s{\"path\": \"%s\", \"seed\": %llu, \"start\": %llu, \"bytes\": %llu}", i ? ", " : "",
           senders[i].path, (unsigned long long)senders[i].seed, (unsigned long long)senders[i].start,
           (unsigned long long)o->bytes);
  printf("]}\n");
  free(senders);
}
