// LLD's ELF driver behind one C function. Nothing is printed: what LLD says goes to the caller's buffer.
#include "lld/Common/Driver.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstring>
#include <string>

LLD_HAS_DRIVER(elf)

// Returns LLD's exit status doubled, with the lowest bit set when LLD must not be called again in this process.
extern "C" int unicorn_lld_elf(const char **arguments, size_t count, char *said, size_t capacity) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  lld::Result result = lld::lldMain(llvm::ArrayRef<const char *>(arguments, count), stream, stream, {{lld::Gnu, &lld::elf::link}});
  stream.flush();
  if (capacity) {
    size_t length = std::min(text.size(), capacity - 1);
    std::memcpy(said, text.data(), length);
    said[length] = 0;
  }
  return result.retCode * 2 + (result.canRunAgain ? 0 : 1);
}
