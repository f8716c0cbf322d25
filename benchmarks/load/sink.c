/* A tus server that throws everything away: the ceiling that the generator itself sets.
 *
 * One process per connection. HEAD answers the offset 10240 for any upload.
 */
#include "load.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t header_number(const char *text, const char *name)
{
  const char *at = strcasestr(text, name);
  return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void discard(int fd, char *block, size_t room, uint64_t left)
{
  while (left > 0) {
    ssize_t got = recv(fd, block, left < room ? left : room, MSG_TRUNC);
    if (got <= 0)
      exit(0);
    left -= (uint64_t)got;
  }
}

static void answer(int fd, const char *text, uint64_t length)
{
  char reply[512];
  uint64_t offset = header_number(text, "\r\nUpload-Offset:") + length;
  int n;
  if (strncmp(text, "POST", 4) == 0)
    n = snprintf(reply, sizeof reply,
                 "HTTP/1.1 201 Created\r\nLocation: /files/x\r\nUpload-Offset: %llu\r\nContent-Length: 0\r\n\r\n",
                 (unsigned long long)offset);
  else if (strncmp(text, "HEAD", 4) == 0)
    n = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nUpload-Offset: 10240\r\n\r\n");
  else if (strncmp(text, "OPTIONS", 7) == 0)
    n = snprintf(reply, sizeof reply,
                 "HTTP/1.1 204 No Content\r\nTus-Version: 1.0.0\r\nTus-Extension: creation,creation-with-upload\r\n\r\n");
  else
    n = snprintf(reply, sizeof reply, "HTTP/1.1 204 No Content\r\nUpload-Offset: %llu\r\n\r\n",
                 (unsigned long long)offset);
  send_all(fd, reply, (size_t)n);
}

static void converse(int fd)
{
  static char block[1 << 20];
  size_t have = 0;
  for (;;) {
    ssize_t got = recv(fd, block + have, HEAD_BYTES * 4 - have, 0);
    if (got <= 0)
      return;
    have += (size_t)got;
    block[have] = 0;
    char *end = strstr(block, "\r\n\r\n");
    if (end == NULL)
      continue;
    *end = 0;
    uint64_t length = header_number(block, "\r\nContent-Length:");
    size_t body = have - (size_t)(end + 4 - block);
    char head[HEAD_BYTES * 4];
    strcpy(head, block);
    discard(fd, block, sizeof block, length > body ? length - body : 0);
    answer(fd, head, length);
    have = 0; /* a client here never sends two requests at once */
  }
}

void run_sink(const struct options *o)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
  int on = 1, door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  signal(SIGCHLD, SIG_IGN);
  inet_pton(AF_INET, o->host, &at.sin_addr);
  setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(door, (struct sockaddr *)&at, sizeof at) < 0 || listen(door, 1024) < 0)
    fail("cannot listen on %s:%d", o->host, o->port);
  for (;;) {
    int fd = accept(door, NULL, NULL);
    if (fd < 0)
      continue;
    if (fork() == 0) {
      close(door);
      converse(fd);
      exit(0);
    }
    close(fd);
  }
}
