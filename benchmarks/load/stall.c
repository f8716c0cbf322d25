/* Connections that fall silent in the middle of a body. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

/* Wait for the other side's next line; none comes when it has gone. */
static int told(void)
{
  char line[8];
  return fgets(line, sizeof line, stdin) != NULL;
}

/* In three acts, so that the server's memory can be read between them: the uploads exist; every
 * connection has sent its head and some bytes; all are closed. */
void run_stall(const struct options *o)
{
  char head[HEAD_BYTES];
  uint64_t part = o->bytes / 1024;
  char (*paths)[PATH_BYTES] = calloc((size_t)o->connections, sizeof *paths);
  int fd = dial(o);
  for (int i = 0; i < o->connections; i++)
    create(fd, o, o->bytes, paths[i]);
  puts("{\"act\": \"created\"}");
  fflush(stdout);
  if (!told())
    return;
  for (int i = 0; i < o->connections; i++) {
    int connection = dial(o);
    size_t n = patch_head(o, head, paths[i], 0, o->bytes);
    head[n] = '\r';
    head[n + 1] = '\n';
    send_all(connection, head, n + 2);
    send_all(connection, data_memory(data_place(o->seed + (uint64_t)i, 0), part), part);
  }
  puts("{\"act\": \"stalled\"}");
  fflush(stdout);
  told();
  int every = o->connections / 16 + 1, shown = 0;
  printf("{\"act\": \"closed\", \"uploads\": [");
  for (int i = 0; i < o->connections; i += every)
    printf("%s{\"path\": \"%s\", \"seed\": %llu, \"start\": 0, \"bytes\": %llu}", shown++ ? ", " : "", paths[i],
           (unsigned long long)(o->seed + (uint64_t)i), (unsigned long long)part);
  puts("]}");
  free(paths);
}
