/* load MODE key=value ...: one measurement, printed as one JSON object. See load.h for the keys. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

static const struct { const char *name; void (*run)(const struct options *); } modes[] = {
  {"put", run_put}, {"chunks", run_chunks}, {"get", run_get}, {"check", run_check}, {"stream", run_stream},
  {"small", run_small}, {"head", run_head}, {"request", run_request}, {"stall", run_stall}, {"sink", run_sink},
};

static const struct { const char *key; size_t at; } numbers[] = {
  {"bytes", offsetof(struct options, bytes)}, {"patches", offsetof(struct options, patches)},
  {"seed", offsetof(struct options, seed)}, {"start", offsetof(struct options, start)},
  {"stride", offsetof(struct options, stride)}, {"count", offsetof(struct options, count)},
  {"chunks", offsetof(struct options, chunks)},
};

static const struct { const char *key; size_t at; } integers[] = {
  {"port", offsetof(struct options, port)}, {"connections", offsetof(struct options, connections)},
  {"with_upload", offsetof(struct options, with_upload)}, {"verify", offsetof(struct options, verify)},
};

static const struct { const char *key; size_t at; } texts[] = {
  {"host", offsetof(struct options, host)}, {"base", offsetof(struct options, base)},
  {"path", offsetof(struct options, path)}, {"method", offsetof(struct options, method)},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void set(struct options *o, const char *key, const char *value)
{
  char *place = (char *)o;
  for (size_t i = 0; i < COUNT(numbers); i++)
    if (strcmp(key, numbers[i].key) == 0) {
      *(uint64_t *)(void *)(place + numbers[i].at) = strtoull(value, NULL, 10);
      return;
    }
  for (size_t i = 0; i < COUNT(integers); i++)
    if (strcmp(key, integers[i].key) == 0) {
      *(int *)(void *)(place + integers[i].at) = atoi(value);
      return;
    }
  for (size_t i = 0; i < COUNT(texts); i++)
    if (strcmp(key, texts[i].key) == 0) {
      *(const char **)(void *)(place + texts[i].at) = value;
      return;
    }
  if (strcmp(key, "seconds") == 0)
    o->seconds = atof(value);
  else if (strcmp(key, "header") == 0 && o->headers_n < HEADERS_MOST)
    o->headers[o->headers_n++] = value;
  else if (strcmp(key, "patch_header") == 0 && o->patch_headers_n < HEADERS_MOST)
    o->patch_headers[o->patch_headers_n++] = value;
  else
    fail("unknown key %s", key);
}

int main(int argc, char **argv)
{
  struct options o = {.host = "127.0.0.1", .base = "/files/", .connections = 1, .patches = 1, .seconds = 1};
  for (int i = 2; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL)
      fail("not key=value: %s", argv[i]);
    *equals = 0;
    set(&o, argv[i], equals + 1);
  }
  data_open();
  for (size_t i = 0; argc > 1 && i < COUNT(modes); i++)
    if (strcmp(argv[1], modes[i].name) == 0) {
      modes[i].run(&o);
      return 0;
    }
  fail("no such mode: %s", argc > 1 ? argv[1] : "");
}
