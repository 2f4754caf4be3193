// The `smtp` provider: through which server mail goes, and in which mailbox replies are looked for.
#include <chrono>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/loading.hpp"

namespace config {

namespace {

using Zero = Section::Zero;

Result<std::string> parse_tls(std::string_view text) {
  if (text == "required" || text == "opportunistic") return std::string(text);
  return tl::make_unexpected(fmt::format("{} is neither required nor opportunistic", shown(text)));
}

void read_replies(Loading& loading, const Entry& entry, rules::Provider& provider) {
  constexpr std::chrono::seconds longest_pause{3600};
  Section section(loading.reader, *entry.value, entry.place, "channels.smtp.replies");
  keep(provider, "replies.url", section.needed("url", [](std::string_view text) {
    return parse_url(text, {"imaps", "imap"});
  }));
  keep(provider, "replies.username", section.needed_text("username"));
  keep_file(loading, provider, "replies.password_file", section.needed_text("password_file"));
  keep_file(loading, provider, "replies.ca_file", section.text("ca_file"));
  const std::optional<rules::Duration> every = section.duration("every", Zero::is_wrong);
  if (!every) return;
  if (*every < std::chrono::seconds{1} || *every > longest_pause)
    return loading.reader.error(entry.place, "`every` of `replies` is between 1s and 1h");
  provider.settings.emplace_back("replies.every",
                                 std::to_string(std::chrono::floor<std::chrono::seconds>(*every).count()));
}

}  // namespace

void read_smtp(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  constexpr std::chrono::seconds usual_timeout{10};
  provider.url =
      section.needed("url", [](std::string_view text) { return parse_url(text, {"smtps", "smtp"}); }).value_or("");
  keep(provider, "from", section.needed("from", parse_mail_address));
  keep(provider, "reply_to", section.parsed("reply_to", parse_mail_address));
  const std::optional<std::string> username = section.text("username");
  const std::optional<std::string> password = section.text("password_file");
  keep(provider, "username", username);
  keep_file(loading, provider, "password_file", password);
  if (username.has_value() != password.has_value())
    loading.reader.error(place, "`username` and `password_file` go together");
  keep_file(loading, provider, "ca_file", section.text("ca_file"));
  const std::optional<std::string> tls = section.parsed("tls", parse_tls);
  keep(provider, "tls", tls);
  if (tls == "opportunistic" && username)
    loading.reader.warning(place, "`tls: opportunistic` does nothing beside a `username`: a password needs TLS");
  provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(usual_timeout);
  const Entry* const replies = section.take("replies");
  if (replies != nullptr) read_replies(loading, *replies, provider);
  const Settings& settings = loading.result.settings;
  const bool has_links = settings.access && !settings.server.public_url.empty();
  if (!has_links && replies == nullptr)
    loading.reader.warning(place,
                           "mails of this provider can only be read: links that acknowledge need `access` and "
                           "`server.public_url`, answering needs `replies`");
}

}  // namespace config
