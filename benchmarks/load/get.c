/* Reading back: downloads, comparisons, single requests. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

/* What a file or an answer should hold. */
struct item {
  uint64_t seed, start, bytes;
  char name[PATH_BYTES];
};

static void expect_same(const struct item *item, uint64_t at, const uint8_t *bytes, size_t n)
{
  if (at + n > item->bytes || data_differs(item->seed, item->start + at, bytes, n))
    fail("%s: wrong bytes within %zu of byte %llu", item->name, n, (unsigned long long)at);
}

/* Fetch one upload. Returns how long the body took, in seconds. */
static double fetch(const struct options *o, const struct item *item, int verify)
{
  static uint8_t block[BLOCK];
  struct reply reply;
  int fd = dial(o);
  int n = snprintf((char *)block, BLOCK, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\n\r\n",
                   item->name, o->host, o->port);
  double began = now_s();
  send_all(fd, block, (size_t)n);
  size_t have = 0;
  do {
    ssize_t got = recv(fd, block + have, HEAD_BYTES - have, 0);
    if (got <= 0)
      fail("no answer to GET %s", item->name);
    have += (size_t)got;
  } while (!reply_parse((char *)block, have, &reply));
  if (reply.status != 200 || reply.content_length != (int64_t)item->bytes)
    fail("GET %s answered %d with %lld bytes", item->name, reply.status, (long long)reply.content_length);
  uint64_t at = have - reply.head_bytes;
  if (verify)
    expect_same(item, 0, block + reply.head_bytes, at);
  while (at < item->bytes) {
    ssize_t got = recv(fd, block, BLOCK, verify ? 0 : MSG_TRUNC); /* TCP: MSG_TRUNC discards uncopied */
    if (got <= 0)
      fail("GET %s ended after %llu bytes", item->name, (unsigned long long)at);
    if (verify)
      expect_same(item, at, block, (size_t)got);
    at += (uint64_t)got;
  }
  close(fd);
  if (at != item->bytes)
    fail("GET %s sent %llu bytes", item->name, (unsigned long long)at);
  return now_s() - began;
}

void run_get(const struct options *o)
{
  struct item item = {.seed = o->seed, .start = o->start, .bytes = o->bytes};
  snprintf(item.name, sizeof item.name, "%s", o->path);
  double seconds = fetch(o, &item, o->verify);
  printf("{\"seconds\": %.6f, \"bytes\": %llu}\n", seconds, (unsigned long long)o->bytes);
}

static void check_file(const struct item *item)
{
  static uint8_t block[BLOCK];
  uint64_t at = 0;
  ssize_t got;
  int fd = open(item->name, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail("%s: %s", item->name, strerror(errno));
  while ((got = read(fd, block, BLOCK)) > 0) {
    expect_same(item, at, block, (size_t)got);
    at += (uint64_t)got;
  }
  close(fd);
  if (got < 0 || at != item->bytes)
    fail("%s has %llu bytes", item->name, (unsigned long long)at);
}

/* Lines of `file|get SEED START BYTES NAME` on standard input. */
void run_check(const struct options *o)
{
  char line[PATH_BYTES + 128], how[8];
  struct item item;
  unsigned long long count = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "%7s %" SCNu64 " %" SCNu64 " %" SCNu64 " %511s", how, &item.seed, &item.start, &item.bytes,
               item.name) != 5)
      fail("not an item to check: %s", line);
    if (strcmp(how, "get") == 0)
      fetch(o, &item, 1);
    else
      check_file(&item);
    count++;
  }
  printf("{\"checked\": %llu}\n", count);
}

void run_stream(const struct options *o)
{
  for (uint64_t at = 0; at < o->bytes;) {
    uint64_t place = data_place(o->seed, o->start + at), n = o->bytes - at;
    n = n < BLOCK ? n : BLOCK;
    n = n < data_run(place) ? n : data_run(place);
    if (fwrite(data_memory(place, n), 1, n, stdout) != n)
      fail("nobody reads");
    at += n;
  }
}

void run_request(const struct options *o)
{
  char text[HEAD_BYTES];
  struct reply reply;
  int fd = dial(o);
  int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nTus-Resumable: 1.0.0\r\n%s", o->method,
                   o->path, o->host, o->port, strcmp(o->method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
  size_t size = (size_t)n + further_headers(o, text + n, sizeof text - (size_t)n - 2);
  memcpy(text + size, "\r\n", 2);
  double began = now_s();
  exchange(fd, o->method, text, size + 2, &reply);
  printf("{\"seconds\": %.6f, \"status\": %d, \"path\": \"%s\", \"offset\": %lld}\n", now_s() - began, reply.status,
         reply.location, (long long)reply.upload_offset);
}
