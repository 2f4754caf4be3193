// Bodies for intake's tests and benchmark: captured ones, and memory that ends where a body may be read.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "daemon/intake/intake.hpp"

namespace intake::bodies {

// A file below tests/captures; one that ends in .gz is unpacked. Ends the program when it cannot be read, since no
// test means anything then.
inline std::string captured(const std::string& name) {
  const std::string path = std::string{ROUSE_SOURCE_DIR} + "/tests/captures/" + name;
  std::string body;
  if (name.ends_with(".gz")) {
    std::FILE* const unpacked = popen(("gzip -dc '" + path + "'").c_str(), "r");
    char buffer[65536];
    for (std::size_t read = 1; unpacked != nullptr && read > 0;) {
      read = std::fread(buffer, 1, sizeof buffer, unpacked);
      body.append(buffer, read);
    }
    if (unpacked != nullptr) pclose(unpacked);
  } else {
    std::ifstream file{path, std::ios::binary};
    body.assign(std::istreambuf_iterator<char>{file}, {});
  }
  if (body.empty()) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::abort();
  }
  return body;
}

// Owns memory whose last readable byte is followed by a page that nobody may touch: whoever reads past a body's
// padding, compiled with a sanitizer or not, ends the test.
class Fenced {
 public:
  explicit Fenced(std::size_t most_bytes)
      : page_{static_cast<std::size_t>(sysconf(_SC_PAGESIZE))},
        room_{(most_bytes + body_padding + page_ - 1) / page_ * page_} {
    void* const memory = mmap(nullptr, room_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    begin_ = static_cast<char*>(memory);
    if (mprotect(begin_ + room_, page_, PROT_NONE) != 0) std::abort();
  }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  ~Fenced() { munmap(begin_, room_ + page_); }

  // Valid until the next call. The padding is filled with what looks like more of a body.
  Body hold(std::string_view text) {
    char* const place = begin_ + room_ - text.size() - body_padding;
    std::memcpy(place, text.data(), text.size());
    std::memset(place + text.size(), '"', body_padding);
    return {std::string_view{place, text.size()}, text.size() + body_padding};
  }

 private:
  std::size_t page_;
  std::size_t room_;
  char* begin_{};
};

}  // namespace intake::bodies
