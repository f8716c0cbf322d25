/* Large bodies: requests whose bodies go out by sendfile, on several connections at once.
 *
 * What is asked on each connection, and which answer is right, is the mode's: see struct job.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

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
  while (s->sent < s->end) {
    uint64_t place = data_place(s->seed, s->start + s->sent), left = s->end - s->sent;
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

/* Take what the server says. Returns 1 when the request is answered. */
static int pull(struct sender *s, struct reply *reply)
{
  if (s->text_n == sizeof s->text)
    fail("an answer of %s of more than %zu bytes", s->path, s->text_n);
  ssize_t n = recv(s->fd, s->text + s->text_n, sizeof s->text - s->text_n, 0);
  if (n <= 0)
    fail("no answer to a request of %s: %s", s->path, n == 0 ? "closed" : strerror(errno));
  s->text_n += (size_t)n;
  return reply_whole(s->text, s->text_n, "PUT", reply) > 0;
}

static void watch(int poll, struct sender *s, int change, int out)
{
  struct epoll_event want = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = s};
  if (epoll_ctl(poll, change, s->fd, &want) < 0)
    fail("epoll: %s", strerror(errno));
}

static int begin(struct job *job, struct sender *s)
{
  s->head_sent = s->text_n = 0;
  return job->begin(job, s);
}

/* Go on with one sender. Returns 1 when nothing is left for it. */
static int serve(struct job *job, int poll, struct sender *s, uint32_t events)
{
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
    struct reply reply;
    if (!pull(s, &reply))
      return 0;
    job->judge(job, s, &reply);
    if (!begin(job, s))
      return 1;
    watch(poll, s, EPOLL_CTL_MOD, 1);
  }
  if (push(s))
    watch(poll, s, EPOLL_CTL_MOD, 0);
  return 0;
}

double transfer(struct job *job, struct sender *senders)
{
  struct epoll_event ready[64];
  int poll = epoll_create1(EPOLL_CLOEXEC), left = 0;
  double began = now_s();
  for (int i = 0; i < job->o->connections; i++)
    if (begin(job, &senders[i])) {
      watch(poll, &senders[i], EPOLL_CTL_ADD, 1);
      left++;
    }
  while (left > 0) {
    int n = epoll_wait(poll, ready, 64, 120000);
    if (n == 0)
      fail("the server has been silent for two minutes");
    for (int i = 0; i < n; i++) {
      struct sender *s = ready[i].data.ptr;
      if (!serve(job, poll, s, ready[i].events))
        continue;
      close(s->fd);
      left--;
    }
  }
  close(poll);
  return now_s() - began;
}
