#include "daemon/ctl/run.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "config/words.hpp"
#include "daemon/ctl/session.hpp"

namespace ctl {
namespace {

// The first argument that is neither an option nor the value of one that stands before the command.
std::string command_word(int argc, const char* const* argv) {
  for (int index = 1; index < argc; ++index) {
    const std::string_view word = argv[index];
    if (word == "--url" || word == "--output" || word == "-o") {
      ++index;
    } else if (!word.starts_with('-')) {
      return std::string{word};
    }
  }
  return {};
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// "--service=" gives the option an empty value. CLI11 would take the next argument for its value instead.
std::vector<std::string> with_empty_values(int argc, const char* const* argv, const CLI::App* command) {
  std::vector<std::string> arguments;
  bool is_value = false;  // of the option before it, whatever it looks like
  for (int index = 0; index < argc; ++index) {
    std::string argument = argv[index];
    const bool is_empty = !is_value && argument.starts_with("--") && argument.ends_with('=');
    if (is_empty) argument.pop_back();
    const CLI::Option* const option =
        is_value || command == nullptr || !argument.starts_with('-') ? nullptr : command->get_option_no_throw(argument);
    is_value = option != nullptr && option->get_items_expected_max() > 0 && !is_empty;
    arguments.push_back(std::move(argument));
    if (is_empty) arguments.emplace_back();
  }
  return arguments;
}

}  // namespace

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& error, const Environment& environment) {
  Session session{.out = out, .error = error, .environment = environment, .output = "table", .url = {}, .command = {}};
  CLI::App app{"rousectl: ask and command rouse, the alert router.", "rousectl"};
  app.set_version_flag("--version", std::string{"rousectl " ROUSE_VERSION});
  app.get_formatter()->column_width(28);
  app.require_subcommand(1);
  app.add_option("--url", session.url, "of the daemon; default $ROUSE_URL, else http://127.0.0.1:9911")
      ->type_name("URL");
  add_output(app, session);
  app.footer(
      "$ROUSE_TOKEN_FILE names a file with the token to send. `rousectl COMMAND --help` has an example of each.\n"
      "Exits 0 when it is done, 1 when it was refused or failed, 2 when it was asked wrongly, 3 when the daemon cannot "
      "be\n"
      "reached.");
  add_check(app, session);
  add_test(app, session);
  add_simulate(app, session);
  add_explain(app, session);
  add_status(app, session);
  add_incidents(app, session);
  add_show(app, session);
  add_on_call(app, session);
  add_reachability(app, session);
  add_verbs(app, session);
  add_page(app, session);
  add_silence(app, session);
  add_maintenance(app, session);
  add_send(app, session);
  add_reload(app, session);

  const std::string word = command_word(argc, argv);
  const std::vector<std::string> names = names_of(app);
  if (!word.empty() && std::find(names.begin(), names.end(), word) == names.end()) {
    return session.fail(wrong_usage,
                        fmt::format("`rousectl --help` lists the commands; there is none called {}{}",
                                    config::shown(word),
                                    config::did_you_mean(word, names)));
  }
  const std::vector<std::string> arguments =
      with_empty_values(argc, argv, word.empty() ? nullptr : app.get_subcommand(word));
  std::vector<const char*> given;
  for (const std::string& argument : arguments) given.push_back(argument.c_str());
  try {
    app.parse(static_cast<int>(given.size()), given.data());
  } catch (const CLI::CallForHelp&) {
    out << app.help();
    return done;
  } catch (const CLI::CallForVersion&) {
    out << "rousectl " ROUSE_VERSION "\n";
    return done;
  } catch (const CLI::ParseError& wrong) {
    if (word.empty() && argc <= 1) {
      error << app.help();
      return wrong_usage;
    }
    const std::string help = word.empty() ? "rousectl --help" : fmt::format("rousectl {} --help", word);
    return session.fail(wrong_usage, fmt::format("{}; see `{}`", wrong.what(), help));
  }
  try {
    return session.command();
  } catch (const std::exception& wrong) {
    return session.fail(refused, fmt::format("this should not have happened: {}", wrong.what()));
  }
}

}  // namespace ctl
