// What the daemon signs so that it knows it again when it comes back: links in pages that act on an incident, and the
// names of its mails. The keys lie in one file of the data directory, made at the first start.
//
// A link's token names its person, incident, message, action and end; whoever has it may do that one thing until then.
// Any other byte in it, and it is nobody's. Signer: immutable, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "rules/ids.hpp"
#include "rules/time.hpp"

namespace links {

enum class Action : std::uint8_t { acknowledge, escalate, close };

// "ack", "escalate", "close": as in a reply.
[[nodiscard]] std::string_view word_of(Action action);
[[nodiscard]] std::optional<Action> action_of(std::string_view word);

struct Link {
  std::string person;
  rules::IncidentId incident;  // 0: of a test page
  rules::MessageId message;    // 0: unknown
  Action action{};
  rules::Instant until;  // exclusive, in whole seconds
  bool operator==(const Link&) const = default;
};

inline constexpr std::chrono::hours link_lasts{24 * 7};

enum class Wrong : std::uint8_t { forged, expired };

class Signer {
 public:
  // Keys are secrets of any length; the first one signs, all are believed. Never empty.
  explicit Signer(std::vector<std::string> keys);

  // Letters, digits and dots alone.
  [[nodiscard]] std::string token(const Link& link) const;
  [[nodiscard]] tl::expected<Link, Wrong> read(std::string_view token, rules::Instant now) const;

  // 32 hex digits that nobody else can make for these bytes; another purpose has other marks.
  [[nodiscard]] std::string mark(std::string_view purpose, std::string_view bytes) const;
  [[nodiscard]] bool is_mark(std::string_view mark, std::string_view purpose, std::string_view bytes) const;

 private:
  std::vector<std::string> keys_;
};

// The keys in FOLDER/links.key: one a line, 64 hex digits; the first one signs. To change it a new line is put before
// the others, which go on being believed until they are taken out. Without that file one with a new key is made, for
// its owner alone, by `write`: whole and durable, or not at all. An error says what is wrong, in words, without keys.
// Blocks on files.
using WriteFile = std::function<tl::expected<void, std::string>(const std::filesystem::path&, std::string_view)>;
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> open_keys(const std::filesystem::path& folder,
                                                                            const WriteFile& write);

}  // namespace links
