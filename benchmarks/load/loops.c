/* Closed loops: every connection has exactly one request under way. Small uploads, and HEAD. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SAMPLES_MOST = 64 };

enum step { CREATE, APPEND, LOOK };

struct client {
  int fd;
  enum step step;
  double began;  /* of the upload, or of the HEAD */
  uint64_t seed; /* of the upload's bytes */
  char path[PATH_BYTES], head[HEAD_BYTES], text[HEAD_BYTES];
  struct iovec out[2]; /* what is left of head and body */
  size_t text_n;
};

struct loop {
  const struct options *o;
  int poll;
  double deadline;
  uint64_t started;
  struct latencies latencies;
  struct { char path[PATH_BYTES]; uint64_t seed; } samples[SAMPLES_MOST];
};

/* Keep the first uploads and then ever rarer ones, so that samples come from the whole run. */
static void sample(struct loop *l, const struct client *c)
{
  uint64_t n = l->latencies.n - 1;
  size_t slot = n < SAMPLES_MOST ? n : n * 2654435761u % 1024;
  if (slot >= SAMPLES_MOST)
    return;
  strcpy(l->samples[slot].path, c->path);
  l->samples[slot].seed = c->seed;
}

static void write_out(struct client *c)
{
  ssize_t n = writev(c->fd, c->out, 2);
  if (n < 0 && errno != EAGAIN)
    fail("write: %s", strerror(errno));
  for (int i = 0; i < 2 && n > 0; i++) {
    size_t gone = (size_t)n < c->out[i].iov_len ? (size_t)n : c->out[i].iov_len;
    c->out[i].iov_base = (char *)c->out[i].iov_base + gone;
    c->out[i].iov_len -= gone;
    n -= (ssize_t)gone;
  }
}

static void send_request(struct loop *l, struct client *c, size_t head_n, uint64_t body_n)
{
  c->text_n = 0;
  c->out[0] = (struct iovec){.iov_base = c->head, .iov_len = head_n};
  c->out[1].iov_base = (void *)data_memory(data_place(c->seed, 0), body_n);
  c->out[1].iov_len = body_n;
  write_out(c);
  if (c->out[0].iov_len + c->out[1].iov_len == 0)
    return;
  struct epoll_event want = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(l->poll, EPOLL_CTL_MOD, c->fd, &want);
}

static void send_post(struct loop *l, struct client *c)
{
  const struct options *o = l->o;
  uint64_t body_n = o->with_upload ? o->bytes : 0;
  c->step = CREATE;
  c->began = now_s();
  c->seed = o->seed + l->started++;
  int n = snprintf(c->head, sizeof c->head,
                   "POST %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\nUpload-Length: %llu\r\n"
                   METADATA "Content-Length: %llu\r\n%s\r\n",
                   o->base, o->host, o->port, (unsigned long long)o->bytes, (unsigned long long)body_n,
                   body_n ? "Content-Type: application/offset+octet-stream\r\n" : "");
  send_request(l, c, (size_t)n, body_n);
}

static void send_patch(struct loop *l, struct client *c)
{
  c->step = APPEND;
  size_t n = patch_head(l->o, c->head, c->path, 0, l->o->bytes);
  memcpy(c->head + n, "\r\n", 2);
  send_request(l, c, n + 2, l->o->bytes);
}

static void send_look(struct loop *l, struct client *c)
{
  c->step = LOOK;
  c->began = now_s();
  l->started++;
  int n = snprintf(c->head, sizeof c->head, "HEAD %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\n\r\n",
                   c->path, l->o->host, l->o->port);
  send_request(l, c, (size_t)n, 0);
}

/* Refuse any answer but the right one. */
static void judge(const struct loop *l, const struct client *c, const struct reply *r)
{
  int64_t bytes = (int64_t)l->o->bytes;
  int right = 0;
  if (c->step == CREATE)
    right = r->status == 201 && r->location[0] == '/' && (!l->o->with_upload || r->upload_offset == bytes);
  else if (c->step == APPEND)
    right = r->status == 204 && r->upload_offset == bytes;
  else
    right = (r->status == 200 || r->status == 204) && r->upload_offset == bytes;
  if (!right || r->closes)
    fail("request %d answered %d, Upload-Offset %lld, Location %s%s", (int)c->step, r->status,
         (long long)r->upload_offset, r->location, r->closes ? ", and closed" : "");
}

static int finished(const struct loop *l)
{
  return now_s() >= l->deadline || (l->o->count > 0 && l->started >= l->o->count);
}

/* Go on after an answer. Returns 1 when this connection has nothing more to do. */
static int next(struct loop *l, struct client *c, const struct reply *r)
{
  judge(l, c, r);
  if (c->step == CREATE) {
    strcpy(c->path, r->location);
    if (!l->o->with_upload) {
      send_patch(l, c);
      return 0;
    }
  }
  latencies_add(&l->latencies, now_s() - c->began);
  if (c->step != LOOK)
    sample(l, c);
  if (finished(l))
    return 1;
  if (c->step == LOOK)
    send_look(l, c);
  else
    send_post(l, c);
  return 0;
}

static int serve(struct loop *l, struct client *c, uint32_t events)
{
  struct reply reply;
  if (events & EPOLLOUT) {
    write_out(c);
    if (c->out[0].iov_len + c->out[1].iov_len == 0) {
      struct epoll_event want = {.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(l->poll, EPOLL_CTL_MOD, c->fd, &want);
    }
  }
  if (!(events & ~(uint32_t)EPOLLOUT))
    return 0;
  ssize_t n = read(c->fd, c->text + c->text_n, sizeof c->text - c->text_n);
  if (n <= 0)
    fail("no answer to request %d: %s", (int)c->step, n == 0 ? "closed" : strerror(errno));
  c->text_n += (size_t)n;
  if (reply_whole(c->text, c->text_n, c->step == LOOK ? "HEAD" : "POST", &reply) == 0)
    return 0;
  return next(l, c, &reply);
}

static void report(struct loop *l, double seconds)
{
  printf("{\"seconds\": %.6f, ", seconds);
  latencies_print(&l->latencies);
  printf(", \"uploads\": [");
  for (size_t i = 0, shown = 0; i < SAMPLES_MOST; i++)
    if (l->samples[i].path[0])
      printf("%s{\"path\": \"%s\", \"seed\": %llu, \"start\": 0, \"bytes\": %llu}", shown++ ? ", " : "",
             l->samples[i].path, (unsigned long long)l->samples[i].seed, (unsigned long long)l->o->bytes);
  printf("]}\n");
}

static void loop_through(struct loop *l, struct client *clients, enum step first)
{
  struct epoll_event ready[256];
  int left = l->o->connections;
  double began = now_s();
  l->poll = epoll_create1(EPOLL_CLOEXEC);
  l->deadline = began + l->o->seconds;
  for (int i = 0; i < l->o->connections; i++) {
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = &clients[i]};
    unblock(clients[i].fd);
    if (epoll_ctl(l->poll, EPOLL_CTL_ADD, clients[i].fd, &want) < 0)
      fail("epoll: %s", strerror(errno));
    if (first == LOOK)
      send_look(l, &clients[i]);
    else
      send_post(l, &clients[i]);
  }
  while (left > 0) {
    int n = epoll_wait(l->poll, ready, 256, 60000);
    if (n == 0)
      fail("the server has been silent for a minute");
    for (int i = 0; i < n; i++)
      if (serve(l, ready[i].data.ptr, ready[i].events)) {
        struct client *c = ready[i].data.ptr;
        close(c->fd);
        left--;
      }
  }
  report(l, now_s() - began);
}

void run_small(const struct options *o)
{
  struct loop l = {.o = o};
  struct client *clients = calloc((size_t)o->connections, sizeof *clients);
  for (int i = 0; i < o->connections; i++)
    clients[i].fd = dial(o);
  loop_through(&l, clients, CREATE);
  free(clients);
  latencies_free(&l.latencies);
}

void run_head(const struct options *o)
{
  struct loop l = {.o = o};
  struct client *clients = calloc((size_t)o->connections, sizeof *clients);
  for (int i = 0; i < o->connections; i++) {
    struct client *c = &clients[i];
    struct reply reply;
    c->seed = o->seed + (uint64_t)i;
    c->fd = dial(o);
    create(c->fd, o, 2 * o->bytes, c->path); /* unfinished, as the uploads people ask about are */
    size_t n = patch_head(o, c->head, c->path, 0, o->bytes);
    memcpy(c->head + n, "\r\n", 2);
    send_all(c->fd, c->head, n + 2);
    exchange(c->fd, "PATCH", (const char *)data_memory(data_place(c->seed, 0), o->bytes), o->bytes, &reply);
    if (reply.status != 204)
      fail("PATCH answered %d", reply.status);
  }
  loop_through(&l, clients, LOOK);
  free(clients);
  latencies_free(&l.latencies);
}
