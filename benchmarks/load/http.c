/* As much of HTTP/1.1 as a tus client needs. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SILENCE_S = 60 }; /* an answer that takes longer is a failure */

void fail(const char *format, ...)
{
  va_list more;
  va_start(more, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, more);
  fputc('\n', stderr);
  va_end(more);
  exit(1);
}

double now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int dial(const struct options *o)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
  struct timeval silence = {.tv_sec = SILENCE_S};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, o->host, &to.sin_addr) != 1)
    fail("no socket for %s: %s", o->host, strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
    fail("%s:%d: %s", o->host, o->port, strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void unblock(int fd)
{
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
    fail("fcntl: %s", strerror(errno));
}

static void take_location(const char *value, size_t n, char *path)
{
  const char *end = value + n;
  if (n > 7 && strncasecmp(value, "http://", 7) == 0) {
    value = memchr(value + 7, '/', n - 7);
    if (value == NULL)
      fail("a Location without a path");
  }
  n = (size_t)(end - value);
  if (n >= PATH_BYTES)
    fail("a Location of %zu bytes", n);
  memcpy(path, value, n);
  path[n] = 0;
}

static void take_header(const char *line, size_t n, struct reply *reply)
{
  const char *colon = memchr(line, ':', n);
  if (colon == NULL)
    fail("a header without a colon");
  size_t name = (size_t)(colon - line);
  const char *value = colon + 1, *end = line + n;
  while (value < end && *value == ' ')
    value++;
  if (name == 14 && strncasecmp(line, "content-length", name) == 0)
    reply->content_length = strtoll(value, NULL, 10);
  else if (name == 13 && strncasecmp(line, "upload-offset", name) == 0)
    reply->upload_offset = strtoll(value, NULL, 10);
  else if (name == 17 && strncasecmp(line, "transfer-encoding", name) == 0)
    reply->chunked = 1;
  else if (name == 10 && strncasecmp(line, "connection", name) == 0)
    reply->closes = strncasecmp(value, "close", 5) == 0;
  else if (name == 8 && strncasecmp(line, "location", name) == 0)
    take_location(value, (size_t)(end - value), reply->location);
}

int reply_parse(const char *text, size_t n, struct reply *reply)
{
  const char *end = memmem(text, n, "\r\n\r\n", 4);
  if (end == NULL)
    return 0;
  *reply = (struct reply){.content_length = -1, .upload_offset = -1};
  reply->head_bytes = (size_t)(end - text) + 4;
  if (n < 12 || strncmp(text, "HTTP/1.", 7) != 0)
    fail("not an HTTP answer: %.20s", text);
  reply->status = atoi(text + 9);
  const char *line = memmem(text, n, "\r\n", 2);
  while (line < end) {
    line += 2;
    const char *next = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
    take_header(line, (size_t)(next - line), reply);
    line = next;
  }
  return 1;
}

size_t reply_whole(const char *text, size_t n, const char *method, struct reply *reply)
{
  if (!reply_parse(text, n, reply))
    return 0;
  if (strcmp(method, "HEAD") == 0 || reply->status == 204 || reply->status < 200)
    return reply->head_bytes;
  if (reply->chunked) {
    const char *last = memmem(text + reply->head_bytes - 2, n - reply->head_bytes + 2, "\r\n0\r\n\r\n", 7);
    return last == NULL ? 0 : (size_t)(last - text) + 7;
  }
  if (reply->content_length < 0)
    fail("an answer %d of unknown length", reply->status);
  size_t whole = reply->head_bytes + (size_t)reply->content_length;
  return n < whole ? 0 : whole;
}

void send_all(int fd, const void *bytes, size_t n)
{
  const char *at = bytes;
  while (n > 0) {
    ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
    if (sent < 0)
      fail("send: %s", strerror(errno));
    at += sent;
    n -= (size_t)sent;
  }
}

void exchange(int fd, const char *method, const char *request, size_t n, struct reply *reply)
{
  char text[65536];
  size_t have = 0;
  send_all(fd, request, n);
  do {
    if (have == sizeof text)
      fail("an answer to %s of more than %zu bytes", method, have);
    ssize_t got = recv(fd, text + have, sizeof text - have, 0);
    if (got <= 0)
      fail("no answer to %s: %s", method, got == 0 ? "closed" : strerror(errno));
    have += (size_t)got;
  } while (reply_whole(text, have, method, reply) == 0);
}

size_t further_headers(const struct options *o, char *text, size_t room)
{
  size_t n = 0;
  for (int i = 0; i < o->headers_n; i++) {
    n += (size_t)snprintf(text + n, room - n, "%s\r\n", o->headers[i]);
    if (n >= room)
      fail("the headers are too long");
  }
  return n;
}

void create(int fd, const struct options *o, uint64_t length, char *path)
{
  char text[HEAD_BYTES];
  struct reply reply;
  int n = snprintf(text, sizeof text,
                   "POST %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\nContent-Length: 0\r\n"
                   METADATA "Upload-Length: %llu\r\n",
                   o->base, o->host, o->port, (unsigned long long)length);
  size_t size = (size_t)n + further_headers(o, text + n, sizeof text - (size_t)n - 2);
  memcpy(text + size, "\r\n", 2);
  exchange(fd, "POST", text, size + 2, &reply);
  if (reply.status != 201 || reply.location[0] != '/')
    fail("POST answered %d, Location %s", reply.status, reply.location);
  if (reply.closes)
    fail("the server closes connections after a POST");
  strcpy(path, reply.location);
}

size_t patch_head(const struct options *o, char *text, const char *path, uint64_t offset, uint64_t n)
{
  int size = snprintf(text, HEAD_BYTES,
                      "PATCH %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\n"
                      "Content-Type: application/offset+octet-stream\r\nUpload-Offset: %llu\r\n"
                      "Content-Length: %llu\r\n",
                      path, o->host, o->port, (unsigned long long)offset, (unsigned long long)n);
  return (size_t)size;
}
