#include "daemon/outbox/circuits.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "rules/mutant.hpp"

namespace outbox {

using std::chrono::nanoseconds;

std::string Line::key(const std::string& address) const {
  if (provider.kind == rules::ProviderKind::webhook && provider.url.empty()) return address;
  if (provider.kind != rules::ProviderKind::ntfy) return {};
  const std::size_t scheme = address.find("://");
  return scheme == std::string::npos ? std::string() : address.substr(0, address.find('/', scheme + 3));
}

bool Line::is_any_open() const {
  return std::any_of(circuits.begin(), circuits.end(), [](const auto& one) { return one.second.is_open; });
}

void Circuits::follow(const std::vector<rules::Channel>& channels, CanWork can_work) {
  std::map<std::string, std::vector<std::shared_ptr<Line>>> before = std::exchange(channels_, {});
  can_work_ = std::move(can_work);
  for (const rules::Channel& channel : channels) {
    std::vector<std::shared_ptr<Line>>& known = before[channel.name];
    std::vector<std::shared_ptr<Line>>& lines = channels_[channel.name];
    for (const rules::Provider& provider : channel.providers) {
      const auto same = std::find_if(
          known.begin(), known.end(), [&](const auto& line) { return line != nullptr && line->provider == provider; });
      if (same != known.end())
        lines.push_back(std::exchange(*same, nullptr));  // of two that are the same each is found once
      else
        lines.push_back(std::make_shared<Line>(Line{.provider = provider, .circuits = {}}));
    }
  }
}

std::shared_ptr<Line> Circuits::find(const std::string& channel, std::uint32_t index) const {
  const auto found = channels_.find(channel);
  if (found == channels_.end() || index >= found->second.size()) return nullptr;
  return found->second[index];
}

bool Circuits::has_way_out(const rules::Send& send) const {
  const auto channel = channels_.find(send.channel);
  if (channel == channels_.end()) return false;
  for (std::uint32_t index = send.provider + 1; index < channel->second.size(); ++index) {
    const Line& line = *channel->second[index];
    if (line.provider.kind == rules::ProviderKind::log) continue;  // takes everything and tells nobody
    const auto circuit = line.circuits.find(line.key(send.address));
    if (circuit != line.circuits.end() && (circuit->second.is_open || circuit->second.has_refused)) continue;
    if (!can_work_ || can_work_(send.channel, index)) return true;
  }
  return ROUSE_MUTANT("breaker-opens-to-nothing");
}

Circuits::Way Circuits::ask(const rules::Send& send, nanoseconds at) {
  const std::shared_ptr<Line> line = find(send.channel, send.provider);
  if (line == nullptr) return Way::open_to_it;
  const auto circuit = line->circuits.find(line->key(send.address));
  if (circuit == line->circuits.end() || !circuit->second.is_open || !has_way_out(send)) return Way::open_to_it;
  if (circuit->second.is_probed || circuit->second.probe_at > at) return Way::refused;
  circuit->second.is_probed = true;
  return Way::probe;
}

std::string Circuits::why_open(const rules::Send& send) const {
  const std::shared_ptr<Line> line = find(send.channel, send.provider);
  if (line == nullptr) return {};
  const auto circuit = line->circuits.find(line->key(send.address));
  if (circuit == line->circuits.end()) return {};
  return fmt::format(
      "its circuit is open: {} messages in a row failed, {}", circuit->second.failures, circuit->second.why);
}

void Circuits::hear(
    Line& line, const rules::Send& send, Sign sign, bool was_probe, nanoseconds at, std::string_view why) {
  const std::string key = line.key(send.address);
  if (sign == Sign::works) {
    line.circuits.erase(key);  // what is not there is closed
    line.health->is_open.store(line.is_any_open(), std::memory_order_relaxed);
    return;
  }
  if (sign == Sign::none) {
    if (const auto circuit = line.circuits.find(key); was_probe && circuit != line.circuits.end())
      circuit->second.is_probed = false;
    return;
  }
  Circuit& circuit = line.circuits[key];
  if (sign == Sign::refuses) {
    circuit = Circuit{};
    circuit.has_refused = true;
  } else {
    circuit.why = words::shorten(words::visible(why), 160);
    ++circuit.failures;
    circuit.has_refused = false;
    // What began before it opened says nothing new when it fails.
    const bool has_failed_often = circuit.failures >= failures_to_open || ROUSE_MUTANT("breaker-opens-at-once");
    const bool opens = !circuit.is_open && has_failed_often;
    if (opens || was_probe) {
      circuit.probe_wait =
          opens ? nanoseconds{first_probe_wait} : std::min<nanoseconds>(2 * circuit.probe_wait, longest_probe_wait);
      circuit.probe_at = at + circuit.probe_wait;
      circuit.is_open = true;
    }
    if (was_probe) circuit.is_probed = false;
  }
  line.health->is_open.store(line.is_any_open(), std::memory_order_relaxed);
  // The way out failed: those before it are asked again with the next message.
  const auto channel = channels_.find(send.channel);
  if (channel == channels_.end()) return;
  for (const std::shared_ptr<Line>& earlier : channel->second) {
    if (earlier.get() == &line) return;
    if (const auto one = earlier->circuits.find(earlier->key(send.address)); one != earlier->circuits.end())
      one->second.probe_at = std::min(one->second.probe_at, at);
  }
}

}  // namespace outbox
