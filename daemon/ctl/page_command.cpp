// rousectl page test WHO: whether somebody can be reached.
#include <memory>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/ctl/remote.hpp"
#include "daemon/words/clean.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

struct Arguments {
  std::string who;
  std::string by;
};

int test(const Session& session, const Arguments& arguments) {
  const Remote remote{session};
  const tl::expected<std::string, Failure> answer =
      remote.post("/v1/test-pages", json::serialize(json::object{{"who", arguments.who}, {"by", arguments.by}}));
  if (!answer) return fail(session, answer.error());
  if (session.is_json()) {
    session.out << *answer << "\n";
    return done;
  }
  boost::system::error_code error;
  const json::value document = json::parse(*answer, error);
  const json::value* const text = error || !document.is_object() ? nullptr : document.get_object().if_contains("text");
  const std::string said =
      text != nullptr && text->is_string() ? std::string{text->get_string().data(), text->get_string().size()} : "sent";
  session.out << words::visible(said) << "; any reply or key counts as heard\n";
  return done;
}

}  // namespace

void add_page(CLI::App& app, Session& session) {
  CLI::App* const page = app.add_subcommand("page", "Whether people can be reached")->group(acting_group);
  page->require_subcommand(1);
  CLI::App* const command = page->add_subcommand("test", "A test page to every contact of a person");
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("WHO", arguments->who, "a person of the configuration")->required();
  arguments->by = session.environment.login;
  command->add_option("--by", arguments->by, "who acts; default your login name")->type_name("NAME");
  add_online_options(*command, session);
  command->footer("Example: rousectl page test olga");
  command->callback(
      [&session, arguments] { session.command = [&session, arguments] { return test(session, *arguments); }; });
}

}  // namespace ctl
