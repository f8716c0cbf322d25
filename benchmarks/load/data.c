/* Bytes that tell their position.
 *
 * A window of mixed words lies in an anonymous file. Stream `seed` reads it from a place of its own
 * and starts over at its end. The window is 64 MiB and seven pages long, so a block that a server
 * puts at a wrong place, off by any usual size, differs from what belongs there.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MIRROR = 1 << 20 };
static const uint64_t WINDOW = (16384 + 7) * (uint64_t)PAGE;

static int file = -1;
static const uint8_t *memory;

static uint64_t mixed(uint64_t word) /* SplitMix64 of a counter */
{
  word = (word + 1) * 0x9e3779b97f4a7c15u;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
  return word ^ (word >> 31);
}

void data_open(void)
{
  file = memfd_create("load", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)(WINDOW + MIRROR)) < 0)
    fail("no memory for the data");
  uint64_t *words = mmap(NULL, WINDOW + MIRROR, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (words == MAP_FAILED)
    fail("no memory for the data");
  for (uint64_t i = 0; i < WINDOW / 8; i++)
    words[i] = mixed(i);
  memcpy((uint8_t *)words + WINDOW, words, MIRROR); /* short bodies never wrap */
  memory = (const uint8_t *)words;
}

int data_file(void) { return file; }

uint64_t data_place(uint64_t seed, uint64_t pos)
{
  return (seed % 16391 * 4099 * PAGE + pos) % WINDOW;
}

uint64_t data_run(uint64_t place) { return WINDOW - place; }

const uint8_t *data_memory(uint64_t place, size_t n)
{
  if (n > MIRROR)
    fail("a body of %zu bytes is too long for one piece", n);
  return memory + place;
}

int data_differs(uint64_t seed, uint64_t pos, const uint8_t *bytes, size_t n)
{
  while (n > 0) {
    uint64_t place = data_place(seed, pos);
    size_t piece = n < data_run(place) ? n : data_run(place);
    if (memcmp(bytes, memory + place, piece) != 0)
      return 1;
    bytes += piece;
    pos += piece;
    n -= piece;
  }
  return 0;
}
