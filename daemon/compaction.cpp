#include "daemon/compaction.hpp"

#include <exception>
#include <future>
#include <string>
#include <utility>

#include <malloc.h>

#include "rules/codec/codec.hpp"

namespace roused {
namespace {

tl::expected<void, std::string> read_again(rules::State& state) {
  const std::string bytes = codec::encode_state(state);
  tl::expected<rules::State, std::string> made;
  try {
    made = std::async(std::launch::async, [&bytes] { return codec::decode_state(bytes); }).get();
  } catch (const std::exception& problem) {  // no thread can be had, or no memory
    return tl::unexpected{std::string{problem.what()}};
  }
  if (!made) return tl::unexpected{std::move(made.error())};
  if (codec::encode_state(*made) != bytes) return tl::unexpected{std::string{"it was not read as it was written"}};
  made->policy = state.policy;  // equal, and others have it, too
  state = *std::move(made);
  return {};
}

}  // namespace

tl::expected<void, std::string> Compaction::run(rules::State& state) {
  // Also when it fails: it would fail again.
  open_.peak = open_.size(state);
  remembered_.peak = remembered_.size(state);
  tl::expected<void, std::string> done = read_again(state);
  malloc_trim(0);
  return done;
}

}  // namespace roused
