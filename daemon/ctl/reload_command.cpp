#include <memory>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "daemon/ctl/remote.hpp"

namespace ctl {
namespace {

int reload(const Session& session, bool is_rehearsed) {
  const Remote remote{session};
  const tl::expected<std::string, Failure> answer =
      remote.post("/-/reload" + query({{"dry_run", is_rehearsed ? "true" : ""}}), {});
  if (!answer) {
    if (answer.error().status == 0) return fail(session, answer.error());
    return session.fail(refused, fmt::format("nothing has changed: {}", answer.error().message));
  }
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(*answer, error);
  const boost::json::value* text = !error && body.is_object() ? body.as_object().if_contains("text") : nullptr;
  if (!session.is_json() && text != nullptr && text->is_string()) {
    session.out << visible_lines({text->as_string().data(), text->as_string().size()}) << "\n";
    return done;
  }
  session.out << *answer << (answer->ends_with('\n') ? "" : "\n");
  return done;
}

}  // namespace

void add_reload(CLI::App& app, Session& session) {
  CLI::App* const command = app.add_subcommand("reload", "Take the configuration anew")->group(acting_group);
  const auto is_rehearsed = std::make_shared<bool>(false);
  command->add_flag("--dry-run", *is_rehearsed, "change nothing, list what would move");
  add_online_options(*command, session);
  command->footer(
      "A configuration with an error changes nothing, and the errors are printed.\n\nExample: rousectl reload "
      "--dry-run");
  command->callback([&session, is_rehearsed] {
    session.command = [&session, is_rehearsed] { return reload(session, *is_rehearsed); };
  });
}

}  // namespace ctl
