#include "daemon/api/senders.hpp"

#include <algorithm>
#include <cctype>

namespace api {
namespace {

constexpr rules::Instant never{};

std::string_view without_slashes(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

// The host of http://user@host:port/path, without the brackets of an IPv6 address.
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const std::size_t user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

bool is_at(std::string_view host, std::string_view peer) {
  return host == peer || (host == "localhost" && (peer == "127.0.0.1" || peer == "::1"));
}

}  // namespace

std::string source_name_of(const rules::Policy& policy, std::string_view peer, std::string_view external_url) {
  const std::string_view said = without_slashes(external_url);
  const rules::SourceSettings* only = nullptr;
  std::size_t at_peer = 0;
  for (const rules::SourceSettings& source : policy.sources) {
    if (source.alertmanager.empty()) continue;
    if (!said.empty() && without_slashes(source.alertmanager) == said) return source.id;
    if (!is_at(host_of(source.alertmanager), peer)) continue;
    only = &source;
    ++at_peer;
  }
  return at_peer == 1 ? only->id : std::string{peer};
}

void Senders::heard(const std::string& source) {
  const std::lock_guard lock{mutex_};
  if (told_.size() < most) told_.try_emplace(source, never);
}

bool Senders::must_tell(const std::string& source, bool is_configured, rules::Instant now) {
  const std::lock_guard lock{mutex_};
  auto found = told_.find(source);
  if (found == told_.end()) {
    if (!is_configured) return false;
    found = told_.emplace(source, never).first;
  }
  rules::Instant& told = found->second;
  // A clock that was set back must not keep this quiet.
  if (told != never && now >= told && now < told + pause) return false;
  told = now;
  return true;
}

}  // namespace api
