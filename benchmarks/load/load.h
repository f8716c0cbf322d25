/* The load generator of the benchmarks: shared declarations.
 *
 * Leaner than any server under test: one thread, no allocation per request, bodies by sendfile
 * from memory or by one writev. Every answer is checked, and any wrong one ends the run.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

/* What a client usually says of a file; one server answers HEAD only when both are there. */
#define METADATA "Upload-Metadata: filename YmVuY2guYmlu,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt\r\n"

enum { PATH_BYTES = 512, HEAD_BYTES = 4096, HEADERS_MOST = 8 };

/* What the command line says, as key=value. */
struct options {
  const char *host;
  int port;
  const char *base; /* where uploads are created, such as /files/ */
  int connections;
  uint64_t bytes;   /* of one upload */
  uint64_t patches; /* PATCHes for one upload */
  uint64_t chunks;  /* chunks of one upload of the chunk API */
  uint64_t seed;    /* which of the many byte streams */
  uint64_t start;   /* where in the stream an upload begins */
  uint64_t stride;  /* upload k begins at start + k * stride; 0: it has a stream of its own */
  double seconds;   /* how long new requests are started */
  uint64_t count;   /* most uploads; 0: as many as the time allows */
  int with_upload;  /* the POST carries the bytes (creation-with-upload) */
  int verify;       /* compare received bytes; else throw them away */
  const char *path; /* of one upload */
  const char *method;
  const char *headers[HEADERS_MOST]; /* further headers of every POST, or of a single request */
  int headers_n;
  const char *patch_headers[HEADERS_MOST]; /* one further header of every PATCH; the next connection has the next */
  int patch_headers_n;
};

/* What an answer says, as far as anybody here wants to know it. */
struct reply {
  int status;
  size_t head_bytes;
  int64_t content_length; /* -1: none given */
  int64_t upload_offset;  /* -1: none given */
  int chunked;
  int closes;
  char location[PATH_BYTES]; /* the path only */
};

/* data.c: bytes that tell their position */
void data_open(void);
int data_file(void);                               /* for sendfile */
uint64_t data_place(uint64_t seed, uint64_t pos);  /* where in that file stream byte `pos` is */
uint64_t data_run(uint64_t place);                 /* bytes from there to the end of the file */
const uint8_t *data_memory(uint64_t place, size_t n); /* n contiguous bytes, at most 1 MiB */
int data_differs(uint64_t seed, uint64_t pos, const uint8_t *bytes, size_t n);

/* http.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_s(void);
int dial(const struct options *o);
void unblock(int fd);
/* 0: the head is not complete yet; 1: it is. */
int reply_parse(const char *text, size_t n, struct reply *reply);
/* 0: more bytes are to come; else the size of the whole answer, whose body is small. */
size_t reply_whole(const char *text, size_t n, const char *method, struct reply *reply);
void send_all(int fd, const void *bytes, size_t n);
void exchange(int fd, const char *method, const char *request, size_t n, struct reply *reply);
void create(int fd, const struct options *o, uint64_t length, char *path);
size_t patch_head(const struct options *o, char *text, const char *path, uint64_t offset, uint64_t n);
size_t further_headers(const struct options *o, char *text, size_t room);

/* latencies.c */
struct latencies {
  float *s;
  size_t n, room;
};
void latencies_add(struct latencies *l, double latency_s);
void latencies_print(struct latencies *l); /* members of a JSON object; sorts */
void latencies_free(struct latencies *l);

/* sender.c: one connection that sends a range of an upload's bytes with each request */
struct sender {
  int fd, number;
  char path[PATH_BYTES];
  uint64_t seed, start; /* the upload's bytes */
  uint64_t sent, end;   /* positions in the upload, of this request */
  double began;         /* of this request, where its mode wants to know */
  char head[HEAD_BYTES], text[HEAD_BYTES];
  size_t head_n, head_sent, text_n;
};

/* What is asked, and which answer is right. */
struct job {
  const struct options *o;
  int (*begin)(struct job *job, struct sender *s); /* set head, sent and end; 0: nothing is left to send */
  void (*judge)(struct job *job, const struct sender *s, const struct reply *reply);
};
double transfer(struct job *job, struct sender *senders); /* returns seconds */

/* the modes */
void run_put(const struct options *o);
void run_chunks(const struct options *o);
void run_get(const struct options *o);
void run_check(const struct options *o);
void run_stream(const struct options *o);
void run_small(const struct options *o);
void run_head(const struct options *o);
void run_request(const struct options *o);
void run_stall(const struct options *o);
void run_sink(const struct options *o);

#endif
