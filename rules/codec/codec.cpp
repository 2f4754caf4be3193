#include "rules/codec/codec.hpp"

#include <xxhash.h>

#include "rules/codec/archive.hpp"

namespace codec {
namespace {

std::uint64_t hash(const std::string& bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

void append(std::string& out, const rules::Event& event) {
  Output output{out};
  put_version(output);
  put_alternative(output, event);
  output.finish();
}

std::string encode(const rules::Event& event) {
  std::string bytes;
  append(bytes, event);
  return bytes;
}

tl::expected<rules::Event, std::string> decode_event(std::string_view bytes) {
  Input in{bytes};
  rules::Event event;
  if (get_version(in)) get_alternative(in, event);
  return result_of(in, std::move(event));
}

void append_batch(std::string& out, std::span<const StampedEvent> batch) {
  Output output{out};
  put_version(output);
  output.number(batch.size());
  for (const StampedEvent& stamped : batch) put_pair(output, stamped.stamp, stamped.event);
  output.finish();
}

std::string encode_batch(std::span<const StampedEvent> batch) {
  std::string bytes;
  append_batch(bytes, batch);
  return bytes;
}

tl::expected<std::vector<StampedEvent>, std::string> decode_batch(std::string_view bytes) {
  Input in{bytes};
  std::vector<StampedEvent> batch;
  if (get_version(in)) {
    std::size_t left = in.count();
    batch.reserve(worth_reserving<StampedEvent>(in, left));
    for (; left > 0 && in.ok(); --left) {
      StampedEvent& stamped = batch.emplace_back();
      get_pair(in, stamped.stamp, stamped.event);
    }
  }
  return result_of(in, std::move(batch));
}

std::string encode_policy(const rules::Policy& policy) {
  std::string bytes;
  Output out{bytes};
  put_version(out);
  put_record(out, policy);
  out.finish();
  return bytes;
}

tl::expected<rules::Policy, std::string> decode_policy(std::string_view bytes) {
  Input in{bytes};
  rules::Policy policy;
  if (get_version(in)) get_record(in, policy);
  return result_of(in, std::move(policy));
}

std::uint64_t hash_of(const rules::Policy& policy) {
  rules::Policy unhashed = policy;
  unhashed.hash = 0;
  return hash(encode_policy(unhashed));
}

std::uint64_t digest(const rules::Effects& effects) {
  std::string bytes;
  Output out{bytes};
  out.number(effects.size());
  for (const rules::Effect& effect : effects) put_alternative(out, effect);
  out.finish();
  return hash(bytes);
}

}  // namespace codec
