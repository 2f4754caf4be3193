#include "daemon/channels/log.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"

namespace channels {

LogProvider::LogProvider(std::function<void(std::string_view line)> write_line, std::string public_url)
    : write_line_(std::move(write_line)), public_url_(std::move(public_url)) {}

void LogProvider::attempt(const rules::Send& send,
                          std::chrono::milliseconds /*limit*/,
                          std::function<bool()> may_leave,
                          std::function<void(TryResult)> done) {
  if (!may_leave()) return done({TryOutcome::withdrawn, {}, {}});
  const std::string text = fmt::format("{} to {} by {} ({}), key {}{}: {}",
                                       send.pages.empty() ? "notice" : "page",
                                       send.person,
                                       send.contact,
                                       send.address,
                                       send.key,
                                       send.possible_duplicate ? ", possible duplicate" : "",
                                       words::page_text(send, public_url_));
  write_line_(words::visible(text));
  done({TryOutcome::accepted, {}, {}});
}

}  // namespace channels
