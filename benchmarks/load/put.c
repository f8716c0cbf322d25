/* Large uploads: PATCHes whose bodies go out by sendfile, on one connection or several at once. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection with one upload. */
struct sender {
  int fd;
  char path[PATH_BYTES];
  uint64_t seed, start;           /* its bytes */
  uint64_t sent, patch_end;       /* positions in the upload */
  char head[HEAD_BYTES], text[HEAD_BYTES];
  size_t head_n, head_sent, text_n;
};

static void begin_patch(const struct options *o, struct sender *s)
{
  uint64_t size = o->bytes / o->patches;
  s->patch_end = s->sent + size;
  s->head_n = patch_head(o, s->head, s->path, s->sent, size);
  if (o->patch_header != NULL)
    s->head_n += (size_t)snprintf(s->head + s->head_n, HEAD_BYTES - s->head_n, "%s\r\n", o->patch_header);
  s->head_n += (size_t)snprintf(s->head + s->head_n, HEAD_BYTES - s->head_n, "\r\n");
  s->head_sent = s->text_n = 0;
}

/* Send until the socket is full. Returns 1 when the request is out. */
static int push(struct sender *s)
{
  while (s->head_sent < s->head_n) {
    ssize_t n = send(s->fd, s->head + s->head_sent, s->head_n - s->head_sent, MSG_NOSIGNAL | MSG_MORE);
    if (n < 0 && errno == EAGAIN)
      return 0;
    if (n < 0)
      fail("send: %s", strerror(errno));
    s->head_sent += (size_t)n;
  }
  while (s->sent < s->patch_end) {
    uint64_t place = data_place(s->seed, s->start + s->sent), left = s->patch_end - s->sent;
    off_t from = (off_t)place;
    ssize_t n = sendfile(s->fd, data_file(), &from, left < data_run(place) ? left : data_run(place));
    if (n < 0 && errno == EAGAIN)
      return 0;
    if (n < 0)
      fail("sendfile to %s after %llu bytes: %s", s->path, (unsigned long long)s->sent, strerror(errno));
    s->sent += (uint64_t)n;
  }
  return 1;
}

/* Take what the server says. Returns 1 when the PATCH is answered. */
static int pull(struct sender *s)
{
  struct reply reply;
  ssize_t n = recv(s->fd, s->text + s->text_n, sizeof s->text - s->text_n, 0);
  if (n <= 0)
    fail("no answer to PATCH of %s: %s", s->path, n == 0 ? "closed" : strerror(errno));
  s->text_n += (size_t)n;
  if (reply_whole(s->text, s->text_n, "PATCH", &reply) == 0)
    return 0;
  if (reply.status != 204 || reply.upload_offset != (int64_t)s->patch_end || s->sent != s->patch_end)
    fail("PATCH of %s up to %llu answered %d, Upload-Offset %lld, after %llu bytes", s->path,
         (unsigned long long)s->patch_end, reply.status, (long long)reply.upload_offset,
         (unsigned long long)s->sent);
  return 1;
}

static void watch(int poll, struct sender *s, int change, int out)
{
  struct epoll_event want = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = s};
  if (epoll_ctl(poll, change, s->fd, &want) < 0)
    fail("epoll: %s", strerror(errno));
}

/* Go on with one sender. Returns 1 when its upload is complete. */
static int serve(const struct options *o, int poll, struct sender *s, uint32_t events)
{
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
    if (!pull(s))
      return 0;
    if (s->sent == o->bytes)
      return 1;
    begin_patch(o, s);
    watch(poll, s, EPOLL_CTL_MOD, 1);
  }
  if (push(s))
    watch(poll, s, EPOLL_CTL_MOD, 0);
  return 0;
}

static double transfer(const struct options *o, struct sender *senders)
{
  struct epoll_event ready[64];
  int poll = epoll_create1(EPOLL_CLOEXEC), left = o->connections;
  double began = now_s();
  for (int i = 0; i < o->connections; i++) {
    begin_patch(o, &senders[i]);
    watch(poll, &senders[i], EPOLL_CTL_ADD, 1);
  }
  while (left > 0) {
    int n = epoll_wait(poll, ready, 64, 120000);
    if (n == 0)
      fail("the server has been silent for two minutes");
    for (int i = 0; i < n; i++) {
      struct sender *s = ready[i].data.ptr;
      if (!serve(o, poll, s, ready[i].events))
        continue;
      close(s->fd);
      left--;
    }
  }
  close(poll);
  return now_s() - began;
}

void run_put(const struct options *o)
{
  if (o->bytes == 0 || o->bytes % o->patches != 0)
    fail("%llu bytes do not make %llu equal PATCHes", (unsigned long long)o->bytes, (unsigned long long)o->patches);
  struct sender *senders = calloc((size_t)o->connections, sizeof *senders);
  for (int i = 0; i < o->connections; i++) {
    struct sender *s = &senders[i];
    s->seed = o->stride > 0 ? o->seed : o->seed + (uint64_t)i;
    s->start = o->start + o->stride * (uint64_t)i;
    s->fd = dial(o);
    create(s->fd, o, o->bytes, s->path);
    unblock(s->fd);
  }
  double seconds = transfer(o, senders);
  printf("{\"seconds\": %.6f, \"bytes\": %llu, \"uploads\": [", seconds,
         (unsigned long long)o->bytes * (unsigned long long)o->connections);
  for (int i = 0; i < o->connections; i++)
    printf("%s{\"path\": \"%s\", \"seed\": %llu, \"start\": %llu, \"bytes\": %llu}", i ? ", " : "",
           senders[i].path, (unsigned long long)senders[i].seed, (unsigned long long)senders[i].start,
           (unsigned long long)o->bytes);
  printf("]}\n");
  free(senders);
}
