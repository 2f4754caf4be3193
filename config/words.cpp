#include "config/words.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace config {

namespace {

constexpr std::size_t longest_compared = 64;
constexpr std::size_t longest_shown = 80;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Letters to insert, drop, replace or swap with their neighbour.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1);
  std::vector<std::size_t> last(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0U : 1U);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[right.size()];
}

// The mark at the start of the text that nobody sees, or that turns the direction of writing; 0 = there is none. A key
// that was copied with one looks like the one that is known.
unsigned unseen_mark(std::string_view text) {
  const auto byte = [text](std::size_t index) {
    return index < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[index])) : 0U;
  };
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return byte(1);
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return 0x061C;
  const unsigned value = (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
  const bool is_mark = (value >= 0x200B && value <= 0x200F) || (value >= 0x2028 && value <= 0x202E) ||
                       (value >= 0x2060 && value <= 0x206F) || value == 0xFEFF;
  return (byte(0) & 0xF0U) == 0xE0 && byte(2) != 0 && is_mark ? value : 0;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > longest_compared) return "";
  const std::string wanted = lower(word);
  // A third of the letters may be wrong; in a word of one or two letters none.
  std::size_t best_distance = word.size() / 3 + (word.size() > 3 ? 1 : 0);
  const std::string* best = nullptr;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > longest_compared) continue;
    const std::string other = lower(candidate);
    std::size_t found = distance(wanted, other);
    // The last part of a path alone: "Vancouver" means "America/Vancouver".
    const std::size_t slash = other.rfind('/');
    if (slash != std::string::npos) found = std::min(found, distance(wanted, other.substr(slash + 1)) + 1);
    const bool is_better = best == nullptr ? found <= best_distance : found < best_distance;
    if (!is_better) continue;
    best = &candidate;
    best_distance = found;
  }
  return best != nullptr ? *best : "";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : "; did you mean " + shown(found) + "?";
}

bool is_seen(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7F || unseen_mark(text.substr(at)) != 0) return false;
  }
  return true;
}

std::string all_seen(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const unsigned unseen = unseen_mark(text);
    const char c = text.front();
    if (unseen != 0)
      out += fmt::format("\\u{:04x}", unseen);
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    text.remove_prefix(unseen == 0 ? 1 : unseen < 0x800 ? 2 : 3);
  }
  return out;
}

std::string shown(std::string_view text) {
  std::size_t size = std::min(text.size(), longest_shown);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return fmt::format("`{}{}`", all_seen(text.substr(0, size)), size < text.size() ? "..." : "");
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace config
