// Preloaded into a daemon under test: the process dies when its rules group an alert that is called Poison, as of a bug
// that only this event meets. The hash that keys a group is the place: intake does not come by it with such bytes.
#include <cstdlib>
#include <string_view>

#include <dlfcn.h>
#include <xxhash.h>

extern "C" XXH128_hash_t XXH3_128bits_withSeed(const void* data, size_t size, XXH64_hash_t seed) {
  using Hash = XXH128_hash_t (*)(const void*, size_t, XXH64_hash_t);
  static const auto real = reinterpret_cast<Hash>(dlsym(RTLD_NEXT, "XXH3_128bits_withSeed"));
  const std::string_view text{static_cast<const char*>(data), size};
  if (text.find("\xFF"
                "alertname\xFE"
                "Poison") != std::string_view::npos)
    std::abort();
  return real(data, size, seed);
}
