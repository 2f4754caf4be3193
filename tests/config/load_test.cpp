#include "config/load.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/keys.hpp"
#include "config/words.hpp"

namespace config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string file_text(const std::string& path) {
  std::ifstream stream(std::string(ROUSE_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(stream) << path;
  return {std::istreambuf_iterator<char>(stream), {}};
}

// A valid configuration in six parts; a test replaces one or appends to the end.
struct Parts {
  std::string version = "rouse: 1\n";
  std::string people = "people: { olga: { contact: { sms: \"+1\" } } }\n";
  std::string trees = "call_trees: { outage: { steps: [ { call: olga, wait: 5m } ] } }\n";
  std::string route = "route: { call_tree: outage }\n";
  std::string channels = "channels: { sms: [ { command: { run: [ \"/bin/true\" ] } } ] }\n";
  std::string rest;
  [[nodiscard]] std::string text() const { return version + people + trees + route + channels + rest; }
};

Loaded loaded(const Parts& parts) {
  return load(parts.text(), "f.yml");
}

std::string problems_of(std::string_view text) {
  const Loaded result = load(text, "f.yml");
  return result ? "no error, and:\n" + print(result->warnings) : print(result.error());
}

TEST(Load, TheSmallestFileHasTheDefaultsOfTheContract) {
  const Loaded result = loaded({});
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_THAT(result->warnings, testing::IsEmpty());

  const Settings& settings = result->settings;
  EXPECT_EQ(settings.server.listen, (std::vector<Endpoint>{{.host = "127.0.0.1", .port = 9911}}));
  EXPECT_EQ(settings.server.max_body_bytes, 64U * 1024 * 1024);
  EXPECT_EQ(settings.server.public_url, "");
  EXPECT_EQ(settings.storage.folder, "/var/lib/rouse");
  EXPECT_EQ(settings.storage.retention, 400 * 24h);
  EXPECT_EQ(settings.storage.journal, 30 * 24h);
  EXPECT_FALSE(settings.access);

  const rules::Policy& policy = result->policy;
  EXPECT_THAT(policy.identity.ignore_labels, ElementsAre("__replica__", "prometheus_replica", "severity"));
  EXPECT_EQ(policy.severity.label, "severity");
  EXPECT_THAT(policy.severity.order, ElementsAre("info", "warning", "critical"));
  EXPECT_EQ(policy.service_label, "service");
  EXPECT_EQ(policy.correlation.reopen_within, 10min);
  EXPECT_EQ(policy.correlation.hold, 30s);
  EXPECT_EQ(policy.correlation.recovery_grace, 2min);
  EXPECT_EQ(policy.correlation.startup_grace, 30s);
  EXPECT_EQ(policy.budget.pages, 12U);
  EXPECT_EQ(policy.budget.within, 15min);
  EXPECT_EQ(policy.hash, 0U);
  EXPECT_TRUE(policy.zones.empty());

  ASSERT_EQ(policy.call_trees.size(), 1U);
  const rules::CallTree& tree = policy.call_trees.front();
  EXPECT_EQ(tree.repeat, 1U);
  EXPECT_EQ(tree.ack_timeout, 30min);
  EXPECT_TRUE(tree.last_resort.targets.empty());
  EXPECT_EQ(tree.last_resort.every, 30min);
  EXPECT_EQ(tree.steps, (std::vector<rules::Step>{{{{rules::TargetKind::person, "olga"}}, 5min}}));

  EXPECT_EQ(policy.route.path, "root");
  EXPECT_EQ(policy.route.urgency, rules::Urgency::high);
  EXPECT_THAT(policy.route.group_by, ElementsAre("alertname", "service", "cluster"));
  EXPECT_EQ(policy.route.group_wait, 0s);
  EXPECT_EQ(policy.people.front().name, "olga");
}

TEST(Load, EveryKeyOfTheContractIsTaken) {
  const Loaded result = load(file_text("tests/config/contract.yml"), "contract.yml");
  ASSERT_TRUE(result) << print(result.error());
  const rules::Policy& policy = result->policy;

  const rules::Person* const olga = policy.person("olga");
  ASSERT_NE(olga, nullptr);
  EXPECT_EQ(olga->name, "Olga Diaz");
  EXPECT_EQ(olga->timezone, "America/Vancouver");
  ASSERT_EQ(olga->contacts.size(), 6U);
  EXPECT_EQ(olga->contacts[2], (rules::Contact{"voice.home", "voice", "+16045550191"}));
  EXPECT_EQ(olga->high, (std::vector<rules::NotifyRule>{{"sms", 0s}, {"voice", 2min}, {"voice.home", 4min}}));
  EXPECT_EQ(olga->low, (std::vector<rules::NotifyRule>{{"email", 0s}}));

  const rules::Rotation* const operations = policy.rotation("operations");
  ASSERT_NE(operations, nullptr);
  EXPECT_EQ(operations->role, "Operations Engineer");
  EXPECT_THAT(operations->members, ElementsAre("olga", "omar"));
  const std::chrono::local_days start_day{2026y / 1 / 7};
  EXPECT_EQ(operations->start, start_day + 10h);
  EXPECT_EQ(operations->turn, (rules::TurnLength{1, rules::TurnUnit::weeks}));
  EXPECT_EQ(operations->hours, (std::vector<rules::Hours>{{0x1F, 8h, 18h}}));
  EXPECT_EQ(operations->leave, (std::vector<rules::Leave>{{"olga", 2026y / 8 / 1, 2026y / 8 / 15}}));
  ASSERT_EQ(operations->overrides.size(), 1U);
  EXPECT_EQ(operations->overrides[0].replaced, "olga");
  EXPECT_EQ(operations->overrides[0].substitute, "omar");
  EXPECT_EQ(operations->overrides[0].from, std::chrono::local_days(2026y / 12 / 24) + 10h);

  const rules::CallTree* const outage = policy.call_tree("outage");
  ASSERT_NE(outage, nullptr);
  ASSERT_EQ(outage->steps.size(), 3U);
  EXPECT_EQ(outage->steps[1], (rules::Step{{{rules::TargetKind::rotation, "software"}}, 5min}));
  EXPECT_EQ(outage->last_resort, (rules::LastResort{{{rules::TargetKind::person, "ivan"}}, 30min}));

  ASSERT_EQ(policy.route.routes.size(), 3U);
  EXPECT_EQ(policy.route.routes[0].path, "root/info");
  EXPECT_EQ(policy.route.routes[0].urgency, rules::Urgency::none);
  EXPECT_EQ(policy.route.routes[0].call_tree, "outage");
  EXPECT_EQ(policy.route.routes[1].urgency, rules::Urgency::low);
  EXPECT_EQ(policy.route.routes[2].call_tree, "database");

  ASSERT_NE(policy.service("checkout"), nullptr);
  EXPECT_EQ(policy.service("checkout")->owner, (rules::Target{rules::TargetKind::specialists, "payments"}));
  EXPECT_THAT(policy.service("checkout")->depends_on, ElementsAre("postgres"));
  EXPECT_EQ(policy.channel("webhook")->providers.front().timeout, 5s);
  EXPECT_EQ(policy.channel("sms")->providers.front().kind, rules::ProviderKind::twilio);
  EXPECT_EQ(policy.zone("America/Vancouver").name, "America/Vancouver");
  EXPECT_TRUE(policy.zone("Europe/Bucharest").is_well_formed());
  EXPECT_EQ(policy.public_url, "https://rouse.example.org");
  ASSERT_TRUE(result->settings.access);
  EXPECT_EQ(result->settings.access->users[0].role, Role::responder);
  ASSERT_NE(policy.source("shop"), nullptr);
  EXPECT_EQ(policy.source("shop")->map->status, "/state");
  EXPECT_EQ(result->settings.audit_log, "/var/log/rouse/audit.log");
}

// What nothing acts on is said by name, once, and what does act is not mentioned.
TEST(Load, AKeyThatNothingActsOnYetIsAWarningByName) {
  const Loaded result = load(file_text("tests/config/contract.yml"), "contract.yml");
  ASSERT_TRUE(result);
  for (const Problem& problem : result->warnings) {
    EXPECT_EQ(problem.severity, Severity::warning);
    const std::string name = problem.message.substr(1, problem.message.find('`', 1) - 1);
    EXPECT_FALSE(acts_on(name)) << print(problem);
    EXPECT_EQ(problem.message, "`" + name + "` is read and checked; nothing acts on it yet");
    EXPECT_EQ(std::count_if(result->warnings.begin(),
                            result->warnings.end(),
                            [&](const Problem& other) { return other.message == problem.message; }),
              1);
  }
  const std::string all = print(result->warnings);
  for (const char* const key : {"rotations.fairness", "services.owner"})
    EXPECT_THAT(all, HasSubstr("`" + std::string(key) + "` is read and checked"));
  EXPECT_TRUE(acts_on("route.group_wait"));
}

TEST(Load, WhatGoesInClearOverTheNetworkIsAWarning) {
  const auto warned = [](const std::string& server, const std::string& access) {
    std::string text = file_text("config/examples/minimal.yml") + "access: " + access + "\nserver: " + server + "\n";
    const Loaded result = load(text, "f.yml");
    EXPECT_TRUE(result) << print(result.error());
    return result && print(result->warnings).find("go in clear") != std::string::npos;
  };
  EXPECT_TRUE(warned(R"({ listen: "[::]:9911" })", "{}"));
  EXPECT_FALSE(warned(R"({ listen: "127.0.0.1:9911" })", "{}"));
  EXPECT_FALSE(warned(R"({ listen: "[::]:9911", tls: { cert_file: a, key_file: b } })", "{}"));
  EXPECT_FALSE(warned(R"({ listen: "[::]:9911" })", "{ proxy: { header: X, from: [ 10.0.0.1/32 ], role: viewer } }"));
}

TEST(Load, PasswordsBehindAProxyThatIsNotNamedAreAWarning) {
  const auto warned = [](const std::string& server, const std::string& access) {
    const Loaded result =
        load(file_text("config/examples/minimal.yml") + "access: " + access + "\nserver: " + server + "\n", "f.yml");
    EXPECT_TRUE(result) << print(result.error());
    return result && print(result->warnings).find("seem to come from its address") != std::string::npos;
  };
  const std::string url = R"({ public_url: "https://rouse.example.org" })";
  const std::string hash = "senders: [ { name: a, password_hash_file: a.hash } ]";
  EXPECT_TRUE(warned(url, "{ " + hash + " }"));
  EXPECT_TRUE(warned(url, "{ users: [ { name: a, role: viewer, password_hash_file: a.hash } ] }"));
  EXPECT_FALSE(warned(url, "{ senders: [ { name: a, token_file: a.token } ] }"));
  EXPECT_FALSE(warned(url, "{ " + hash + ", proxy: { header: X, from: [ 10.0.0.1/32 ], role: viewer } }"));
  EXPECT_FALSE(warned("{ listen: \"127.0.0.1:1\" }", "{ " + hash + " }"));
  EXPECT_FALSE(
      warned(R"({ public_url: "https://rouse.example.org", tls: { cert_file: a, key_file: b } })", "{ " + hash + " }"));
}

TEST(Load, NamesAddressesAndNetworksMayBeCalledThoughTheyArePrivate) {
  const Loaded result =
      load(file_text("config/examples/minimal.yml") +
               "server: { outbound_private: [ pbx.example.org, 10.0.0.7, 10.1.0.0/16, \"fd00::/8\" ] }\n",
           "f.yml");
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_THAT(result->settings.server.outbound_private,
              ElementsAre("pbx.example.org", "10.0.0.7", "10.1.0.0/16", "fd00::/8"));
}

TEST(Load, TheExamplesLoad) {
  const Loaded whole = load_file(std::string(ROUSE_SOURCE_DIR) + "/config/examples/rouse.yml");
  ASSERT_TRUE(whole) << print(whole.error());
  const Loaded minimal = load_file(std::string(ROUSE_SOURCE_DIR) + "/config/examples/minimal.yml");
  ASSERT_TRUE(minimal) << print(minimal.error());
  EXPECT_EQ(print(minimal->warnings), "");
}

TEST(Load, TheCommentedExampleNamesEveryKeyOfTheContract) {
  const std::string contract = file_text("tests/config/contract.yml");
  const std::string example = file_text("config/examples/rouse.yml");
  std::istringstream words(contract);
  int keys = 0;
  for (std::string word; words >> word;) {
    if (word.starts_with('#')) {
      std::getline(words, word);
      continue;
    }
    if (!word.ends_with(':') || word.size() < 2) continue;
    ++keys;
    EXPECT_THAT(example, HasSubstr(word)) << word;
  }
  EXPECT_GT(keys, 150);
}

TEST(Load, DefaultRulesOfAPerson) {
  Parts parts;
  parts.channels = "channels: { sms: [ { log: {} } ], voice: [ { log: {} } ], email: [ { log: {} } ] }\n";
  parts.people =
      "people:\n"
      "  both: { contact: { voice: \"1\", sms: \"2\", email.work: x@y, email: a@b } }\n"
      "  none: {}\n"
      "  olga: { contact: { voice: \"1\", sms: \"2\" } }\n"
      "  voice: { contact: { voice: \"1\" } }\n";
  const Loaded result = loaded(parts);
  ASSERT_TRUE(result) << print(result.error());
  const auto rules_of = [&](const char* id) {
    const rules::Person* const person = result->policy.person(id);
    std::string text;
    for (const auto& rule : person->high) text += rule.contact + " ";
    text += "|";
    for (const auto& rule : person->low) text += " " + rule.contact;
    return text;
  };
  EXPECT_EQ(rules_of("both"), "voice sms email.work email | email.work");
  EXPECT_EQ(rules_of("olga"), "voice sms | sms");
  EXPECT_EQ(rules_of("voice"), "voice |");
  EXPECT_EQ(rules_of("none"), "|");
}

TEST(Load, NotifyRulesAreSortedByTheirDelayAndKeepTheirOrderWithinIt) {
  Parts parts;
  parts.channels = "channels: { sms: [ { log: {} } ] }\n";
  parts.people =
      "people: { olga: { contact: { sms: a, sms.b: b, sms.c: c }, notify: { high: [ { by: sms.b, after: 2m }, { by: "
      "sms.c }, { by: "
      "sms, after: 0s }, { by: sms, after: 2m } ] } } }\n";
  const Loaded result = loaded(parts);
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_EQ(result->policy.people[0].high,
            (std::vector<rules::NotifyRule>{{"sms.c", 0s}, {"sms", 0s}, {"sms.b", 2min}, {"sms", 2min}}));
}

TEST(Load, RoutesInheritAndAreCalledByNamesOrMatchersNeverByPositions) {
  Parts parts;
  parts.trees =
      "call_trees: { a: { steps: [ { call: olga, wait: 5m } ] }, b: { steps: [ { call: olga, wait: 5m } ] } }\n";
  parts.route =
      "route:\n"
      "  call_tree: a\n"
      "  urgency: low\n"
      "  group_by: ['...']\n"
      "  group_wait: 10s\n"
      "  routes:\n"
      "    - matchers: [ team = db, severity =~ \"crit.*\" ]\n"
      "      call_tree: b\n"
      "      continue: true\n"
      "      routes: [ { name: disk, matchers: [ alertname = Disk ], urgency: high, group_by: [ host ] } ]\n"
      "    - { matchers: [ '{a=\"b\",c!=\"d\"}' ], group_wait: 0s }\n";
  const Loaded result = loaded(parts);
  ASSERT_TRUE(result) << print(result.error());
  const rules::Route& root = result->policy.route;
  EXPECT_TRUE(root.group_by_all);
  ASSERT_EQ(root.routes.size(), 2U);
  EXPECT_EQ(root.routes[0].path, R"(root/{severity=~"crit.*",team="db"})");
  EXPECT_TRUE(root.routes[0].goes_on);
  EXPECT_EQ(root.routes[0].call_tree, "b");
  EXPECT_EQ(root.routes[0].urgency, rules::Urgency::low);
  EXPECT_TRUE(root.routes[0].group_by_all);
  EXPECT_EQ(root.routes[0].group_wait, 10s);
  const rules::Route& disk = root.routes[0].routes[0];
  EXPECT_EQ(disk.path, R"(root/{severity=~"crit.*",team="db"}/disk)");
  EXPECT_FALSE(disk.goes_on);
  EXPECT_EQ(disk.call_tree, "b");
  EXPECT_EQ(disk.urgency, rules::Urgency::high);
  EXPECT_FALSE(disk.group_by_all);
  EXPECT_THAT(disk.group_by, ElementsAre("host"));
  EXPECT_EQ(root.routes[1].path, R"(root/{a="b",c!="d"})");
  EXPECT_EQ(root.routes[1].group_wait, 0s);
}

TEST(Load, SecretsAreNamedByFileRelativeToTheFolderGiven) {
  Parts parts;
  parts.channels =
      "channels: { sms: [ { webhook: { url: \"http://h/\", secret_file: a.secret } }, { webhook: { url: \"http://h/\", "
      "secret_file: /abs } } ] }\n";
  LoadOptions options;
  options.secrets_folder = "/run/credentials/rouse";
  const Loaded result = load(parts.text(), "f.yml", options);
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_EQ(result->policy.channels[0].providers[0].secret_file, "/run/credentials/rouse/a.secret");
  EXPECT_EQ(result->policy.channels[0].providers[1].secret_file, "/abs");
}

TEST(Load, ASourceThatSignsIsReadWithItsSecretAndItsHeaders) {
  LoadOptions options;
  options.secrets_folder = "/run/credentials/rouse";
  Parts parts;
  parts.rest =
      "sources:\n"
      "  - { name: grafana, grafana: { secret_file: g.secret, timestamp_header: X-Time } }\n"
      "  - { name: dashboards, grafana: { secret_file: /abs, header: X-Sig } }\n";
  const Loaded result = load(parts.text(), "f.yml", options);
  ASSERT_TRUE(result) << print(result.error());
  using Settings = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(result->policy.source("grafana")->signature,
            (Settings{{"secret_file", "/run/credentials/rouse/g.secret"}, {"timestamp_header", "X-Time"}}));
  EXPECT_EQ(result->policy.source("dashboards")->signature, (Settings{{"secret_file", "/abs"}, {"header", "X-Sig"}}));
}

TEST(Load, ScalarsAreTypedByTheSchemaAndNotByYaml) {
  Parts parts;
  parts.people =
      "people: { yes: { name: 010, contact: { sms: +1604 } }, olga: { name: true, contact: { sms: 0x1F } } }\n";
  const Loaded result = loaded(parts);
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_EQ(result->policy.person("yes")->name, "010");
  EXPECT_EQ(result->policy.person("yes")->contacts[0].address, "+1604");
  EXPECT_EQ(result->policy.person("olga")->name, "true");
  EXPECT_EQ(result->policy.person("olga")->contacts[0].address, "0x1F");
}

TEST(Load, AnchorsAndAliasesAreRead) {
  Parts parts;
  parts.trees =
      "call_trees: { outage: { steps: &steps [ { call: olga, wait: 5m } ] }, other: { steps: *steps, repeat: 3 } }\n";
  const Loaded result = loaded(parts);
  ASSERT_TRUE(result) << print(result.error());
  EXPECT_EQ(result->policy.call_tree("other")->steps, result->policy.call_tree("outage")->steps);
}

TEST(Load, AllErrorsComeAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(problems_of("rouse: 2\n"
                        "server: { listen: 0.0.0.0:9911 }\n"
                        "people:\n"
                        "  olga: { contact: { sms: \"+1\" }, notify: { high: [ { by: smss } ] } }\n"
                        "route: { call_tree: outge, grup_by: [ a ] }\n"
                        "call_trees:\n"
                        "  outage:\n"
                        "    steps: [ { call: olgaa, wait: 5 } ]\n"
                        "channels: { sms: [ { log: {} } ] }\n"),
            "f.yml:1:8: `rouse` is the version of this format; 1 is known here, not `2`\n"
            "f.yml:2:19: `0.0.0.0:9911` is not loopback: without an `access` section only this machine is served\n"
            "f.yml:4:59: this person has no contact `smss`; did you mean `sms`?\n"
            "f.yml:5:21: no call tree is called `outge`; did you mean `outage`?\n"
            "f.yml:5:28: unknown key `grup_by`; did you mean `group_by`?\n"
            "f.yml:8:22: no rotation, person or specialists is called `olgaa`; did you mean `olga`?\n"
            "f.yml:8:35: `wait`: a duration such as 90s, 5m, 1h30m or 1w is wanted, not `5`\n");
}

struct Wrong {
  std::string text;
  int line;
  int column;
  std::string message;  // a part of it
};

Wrong version(std::string text, int column, std::string message) {
  return {Parts{.version = std::move(text)}.text(), 1, column, std::move(message)};
}
Wrong people(std::string text, int column, std::string message, int line = 2) {
  return {Parts{.people = std::move(text)}.text(), line, column, std::move(message)};
}
Wrong trees(std::string text, int column, std::string message) {
  return {Parts{.trees = std::move(text)}.text(), 3, column, std::move(message)};
}
Wrong route(std::string text, int column, std::string message, int line = 4) {
  return {Parts{.route = std::move(text)}.text(), line, column, std::move(message)};
}
Wrong channels(std::string text, int column, std::string message) {
  return {Parts{.channels = std::move(text)}.text(), 5, column, std::move(message)};
}
Wrong rest(std::string text, int line, int column, std::string message) {
  return {Parts{.rest = std::move(text)}.text(), line, column, std::move(message)};
}

std::vector<Wrong> wrong_files() {
  std::vector<Wrong> all;
  const auto add = [&all](Wrong wrong) { all.push_back(std::move(wrong)); };
  // The text itself.
  add({"", 1, 1, "the file is empty"});
  add({"# nothing\n", 1, 1, "the file is empty"});
  add({"- a\n", 1, 1, "the file takes a map of keys and values, not a list"});
  add({"rouse\n", 1, 1, "the file takes a map of keys and values, not a single value"});
  add({"rouse: 1\npeople: \"\xff\"\n", 2, 10, "byte 0xFF is not UTF-8"});
  add({"rouse: 1\n# \xed\xa0\x80\n", 2, 3, "byte 0xED is not UTF-8"});
  add({std::string("rouse: 1\n\0", 10), 2, 1, "control character 0x00 is not allowed"});
  add({"rouse: 1\nserver:\n\tlisten: x\n", 3, 8, "a tab cannot indent in YAML; use blanks"});
  add({"rouse: 1\nlist: [ a,\n",
       3,
       1,
       "not YAML: end of sequence flow not found (the [ of line 2, column 7 is still open)"});
  add({"rouse: 1\na: *nope\n", 2, 4, "not YAML: the referenced anchor is not defined"});
  add({"rouse: 1\na: &a [ *a ]\n", 2, 9, "this alias stands within what it names"});
  add({"rouse: 1\n---\nrouse: 1\n", 2, 1, "a second YAML document begins here"});
  add({"a: " + std::string(100, '[') + std::string(100, ']'), 1, 67, "nested deeper than 64 levels"});
  add({std::string(10 * 1024 * 1024 + 1, ' '), 1, 1, "the file is larger than 10 MiB"});
  add(rest(
      "identity: { ignore_labels: [ a ] }\nidentity: {}\n", 7, 1, "key `identity` is written twice, first in line 6"));
  add(rest("x: &x { a: b }\nidentity:\n  <<: *x\n", 8, 3, "merge keys are not read; write the keys out"));
  add(rest("service_label: {{ .x }}\n", 6, 16, "{{ }} is not a value of YAML: put the whole text in quotes"));
  add(rest("service_label: !!str x\n", 6, 16, "tags are not read"));
  add(rest("? [ a ]\n: b\n", 6, 3, "a list or a map cannot be a key"));
  add(rest("service_label:\n", 6, 1, "`service_label` has no value; leave the key out, or give it one"));
  add(rest("service_label: \"\"\n", 6, 16, "`service_label` is empty"));
  add(rest("service_label: [ a ]\n", 6, 16, "`service_label` takes a single value, not a list"));
  // What must be there.
  add(version("", 1, "`rouse` is missing"));
  add(version("rouse: 2\n", 8, "1 is known here, not `2`"));
  add(people("\n", 1, "`people` is missing", 1));
  add({Parts{.trees = "\n"}.text(), 1, 1, "`call_trees` is missing"});
  add(route("\n", 1, "`route` is missing", 1));
  add({Parts{.channels = "\n"}.text(), 1, 1, "`channels` is missing"});
  add(rest("inhibit_rule: []\n", 6, 1, "unknown key `inhibit_rule`; did you mean `inhibit_rules`?"));
  add(rest("severity: { colour: red }\n", 6, 13, "unknown key `colour`; known here: `label` and `order`"));
  // People.
  add(people("people: {}\n", 9, "`people` names nobody"));
  add(people("people: [ olga ]\n", 9, "`people` takes a map of keys and values, not a list"));
  add(people("people: { olga: { contact: { smss: x } } }\n",
             30,
             "no channel `smss` is configured in `channels`; did you mean `sms`?"));
  add(people("people: { olga: { contact: { sms.: x } } }\n", 30, "contacts are CHANNEL or CHANNEL.NAME"));
  add(people("people: { olga: { notify: { high: [ { by: sms } ] } } }\n", 43, "this person has no contact `sms`"));
  add(people("people: { olga: { contact: { sms: x }, notify: { high: [] } } }\n", 56, "`high` is empty; leave it out"));
  add(people("people: { olga: { contact: { sms: x }, notify: { low: [ { by: sms, after: -1m } ] } } }\n",
             75,
             "a duration such as 90s, 5m, 1h30m or 1w is wanted, not `-1m`"));
  add(people("people: { olga: { timezone: America/Vancuver } }\n", 29, "did you mean `America/Vancouver`?"));
  add(people("people: { olga: { timezone: Bucharest } }\n", 29, "did you mean `Europe/Bucharest`?"));
  add(people("people: { olga: { timezone: ../../../etc/passwd } }\n", 29, "is not the name of a time zone"));
  add(people("people: { \"ol ga\": {}, olga: {} }\n", 11, "`ol ga` is no name"));
  add(rest("specialists: { olga: [ olga ] }\n", 6, 16, "`olga` is already a person (line 2)"));
  add(rest("specialists: { db: [ olgo ] }\n", 6, 22, "no person is called `olgo`; did you mean `olga`?"));
  add(rest("specialists: { db: [] }\n", 6, 16, "`db` has no members"));
  // Rotations.
  const auto rotation = [&add](const std::string& keys, int column, std::string message) {
    add(rest("rotations:\n  ops: { members: [ olga ], " + keys + " }\n", 7, column, std::move(message)));
  };
  add(rest("rotations:\n  ops: { members: [ olga, sam ] }\n", 7, 27, "no person is called `sam`"));
  add({Parts{.people = "people: { olga: {}, sam: {} }\n", .rest = "rotations:\n  ops: { members: [ olga, sam ] }\n"}
           .text(),
       7,
       3,
       "`start` is missing"});
  add(rest("rotations:\n  ops: {}\n", 7, 3, "`members` is missing"));
  rotation("turn: 5m", 35, "the length of a turn such as 12h, 1d, 1w or 1mo is wanted, not `5m`");
  rotation("turn: 0w", 35, "the length of a turn");
  rotation("start: 2026-02-30T10:00", 36, "`2026-02-30` is no day of the calendar");
  rotation("start: 0026-01-07T10:00", 36, "years go from 1970 to 2199");
  rotation("start: 2026-01-07T25:00", 36, "a wall-clock time such as 2026-01-07T10:00 is wanted");
  rotation("start: 2026-01-07T10:00Z", 36, "without an offset");
  rotation(
      "hours: [ { from: \"25:00\" } ]", 46, "a time of day from 00:00 to 24:00, such as 08:00, is wanted, not `25:00`");
  rotation(
      "hours: [ { days: [ monday ] } ]", 48, "a weekday (mon, tue, wed, thu, fri, sat, sun) is wanted, not `monday`");
  rotation("leave: { olga: [ { from: 2026-08-15, to: 2026-08-01 } ] }", 46, "`to` is before `from`");
  rotation("leave: { olga: [ { from: 2026-02-29, to: 2026-03-01 } ] }", 54, "`2026-02-29` is no day of the calendar");
  rotation("leave: { olgo: [] }", 38, "no person is called `olgo`; did you mean `olga`?");
  rotation("overrides: [ { from: 2026-12-26T10:00, to: 2026-12-24T10:00, for: olga, take: olga } ]",
           42,
           "`to` is not after `from`");
  rotation("overrides: [ { from: 2026-12-24T10:00, to: 2026-12-26T10:00, for: olga, take: omr } ]",
           107,
           "no person is called `omr`");
  rotation("overrides: [ { from: 2026-12-24T10:00, to: 2026-12-26T10:00, for: olga } ]", 42, "`take` is missing");
  rotation("handover: { accept_within: 0s }", 56, "`accept_within` must be longer than nothing");
  // Call trees.
  add(trees("call_trees: { outage: {} }\n", 15, "`steps` is missing"));
  add(trees("call_trees: { outage: { steps: [] } }\n", 32, "call tree `outage` has no steps"));
  add(trees("call_trees: { outage: { steps: [ { call: olga } ] } }\n", 34, "`wait` is missing"));
  add(trees(
      "call_trees: { outage: { steps: [ { call: olga, wait: 0s } ] } }\n", 54, "`wait` must be longer than nothing"));
  add(trees("call_trees: { outage: { steps: [ { call: [], wait: 5m } ] } }\n", 42, "`call` names nobody"));
  add(trees(
      "call_trees: { outage: { steps: [ { call: [ olga, olga ], wait: 5m } ] } }\n", 50, "`olga` is named twice"));
  add(trees("call_trees: { outage: { repeat: 010, steps: [ { call: olga, wait: 5m } ] } }\n",
            33,
            "a whole number without leading zeros is wanted, not `010`"));
  add(trees("call_trees: { outage: { repeat: \"1\", steps: [ { call: olga, wait: 5m } ] } }\n",
            33,
            "`repeat` takes a number without quotes"));
  add(trees("call_trees: { outage: { repeat: -1, steps: [ { call: olga, wait: 5m } ] } }\n",
            33,
            "a whole number is wanted, not `-1`"));
  add(trees("call_trees: { outage: { steps: [ { call: olga, wait: 5m } ], last_resort: { call: oga, every: 1h } } }\n",
            83,
            "no rotation, person or specialists is called `oga`; did you mean `olga`?"));
  // Routes.
  add(route("route: {}\n", 1, "`call_tree` is missing"));
  add(route("route: { call_tree: outages }\n", 21, "no call tree is called `outages`; did you mean `outage`?"));
  add(route("route: { call_tree: outage, matchers: [ a = b ] }\n", 29, "the root route takes every alert"));
  add(route("route: { call_tree: outage, continue: true }\n", 29, "the root route has no sibling to go on to"));
  add(route("route: { call_tree: outage, urgency: hihg }\n",
            38,
            "`urgency` is one of none, low and high, not `hihg`; did you mean `high`?"));
  add(route("route: { call_tree: outage, group_by: [ severity ] }\n", 41, "identity.ignore_labels ignores"));
  add(route("route: { call_tree: outage, group_by: [ '...', a ] }\n", 41, "'...' means every label and stands alone"));
  add(route("route: { call_tree: outage, group_by: alertname }\n",
            39,
            "`group_by` takes a list, as in [a, b], not a single value"));
  add(route("route: { call_tree: outage, routes: [ { continue: yes } ] }\n", 51, "true or false is wanted, not `yes`"));
  add(route(
      "route: { call_tree: outage, routes: [ { matchers: [ = 4 ] } ] }\n", 53, "must begin with the name of a label"));
  add(route("route: { call_tree: outage, routes: [ { matchers: [ a =~ \"(\" ] } ] }\n", 53, "bad pattern `(`"));
  add(route("route: { call_tree: outage, routes: [ { matchers: [ a =~ \"x,y\" ] } ] }\n",
            53,
            "put the whole matcher in single quotes"));
  add(route("route: { call_tree: outage, routes: [ { matchers: [ {a=\"b\"} ] } ] }\n", 53, "quote the whole"));
  add(route("route: { call_tree: outage, routes: [ { matchers: [] } ] }\n", 51, "`matchers` is empty"));
  add(route(
      "route:\n  call_tree: outage\n  routes: [ { matchers: [ a = b, c = d ] }, { matchers: [ c = d, a = b ] } ]\n",
      45,
      "same matchers (line 6); give one a `name`",
      6));
  add(route("route:\n  call_tree: outage\n  routes: [ { name: x, matchers: [ a = b ] }, { name: x } ]\n",
            47,
            "the same name (line 6)",
            6));
  add(route("route: { call_tree: outage, routes: [ { name: a/b } ] }\n", 47, "`a/b` is no name"));
  add(route("route: { call_tree: outage, group_wait: soon }\n",
            41,
            "a duration such as 90s, 5m, 1h30m or 1w is wanted, not `soon`"));
  add(route("route: { call_tree: outage, active: [ night ], otherwise: { urgency: low } }\n",
            39,
            "no time interval is called `night`"));
  add({Parts{.route = "route: { call_tree: outage, routes: [ { active: [ n ] } ] }\n",
             .rest = "time_intervals: { n: {} }\n"}
           .text(),
       4,
       41,
       "`active` needs `otherwise`"});
  add(route("route: { call_tree: outage, active: [], otherwise: { urgency: low } }\n",
            37,
            "`active` names no time interval, so `otherwise` never holds"));
  add(rest("identity: { ignore_labels: [ cluster ] }\n", 4, 1, "write `group_by` out"));
  // Services.
  add(rest(
      "services: { a: { owner: paymnts } }\nspecialists: { payments: [ olga ] }\n", 6, 25, "did you mean `payments`?"));
  add(rest("services: { a: { depends_on: [ c ] }, b: {} }\n", 6, 32, "no service is called `c`"));
  add(rest("services:\n  a: { depends_on: [ b ] }\n  b: { depends_on: [ c ] }\n  c: { depends_on: [ a ] }\n",
           9,
           22,
           "services depend on each other in a circle: a -> b -> c -> a"));
  add(rest("services: { a: { depends_on: [ a ] } }\n", 6, 32, "in a circle: a -> a"));
  add(rest("services: { a: { maintenance: [ sunday ] } }\n", 6, 33, "no time interval is called `sunday`"));
  add(rest("contract: { in_breach: page }\n", 6, 24, "`in_breach` is one of flag and owner, not `page`"));
  // Server, storage, access.
  add(rest("server: { listen: \"0.0.0.0:9911\" }\n",
           6,
           19,
           "is not loopback: without an `access` section only this machine is served"));
  add(rest("server: { listen: [ \":9911\" ] }\n", 6, 21, "is not loopback"));
  add(rest("server: { listen: 127.0.0.1 }\n", 6, 19, "HOST:PORT or unix:/PATH is wanted, not `127.0.0.1`"));
  add(rest("server: { listen: 127.0.0.1:70000 }\n", 6, 19, "HOST:PORT or unix:/PATH is wanted"));
  add(rest("server: { listen: unix:rouse.sock }\n", 6, 19, "absolute path"));
  add(rest("server: { max_body: 64 }\n", 6, 21, "a size such as 64MiB, 512KiB or 1000B is wanted, not `64`"));
  add(rest("server: { max_body: 9999999999GiB }\n", 6, 21, "a size such as 64MiB"));
  add(rest(
      "server: { public_url: rouse.example.org }\n", 6, 23, "a URL that begins with https:// or http:// is wanted"));
  add(rest("server: { tls: { cert_file: a } }\n", 6, 11, "`key_file` is missing"));
  add(rest("server: { outbound_private: [ 10.0.0.0/33 ] }\n", 6, 31, "a network such as 127.0.0.1/32 is wanted"));
  add(rest("server: { outbound_private: [ 10.0.0 ] }\n", 6, 31, "a network such as 127.0.0.1/32 is wanted"));
  add(rest("server: { outbound_private: [ \"a b\" ] }\n", 6, 31, "is no name"));
  add(rest("storage: { retention: 0s }\n", 6, 23, "`retention` must be longer than nothing"));
  add(rest("storage: { journal: 1mo }\n", 6, 21, "a duration such as"));
  add(rest("access: { senders: [ { name: a, token: hunter2 } ] }\n",
           6,
           33,
           "put it into a file and name that with `token_file`"));
  add(rest("access: { users: [ { name: a, role: boss } ] }\n",
           6,
           37,
           "`role` is one of viewer, responder and admin, not `boss`"));
  add(rest(
      "access: { users: [ { name: a, role: viewer }, { name: a, role: viewer } ] }\n", 6, 47, "`a` stands here twice"));
  add(rest("access: { proxy: { header: X, from: [ 10.0.0.0/33 ], role: viewer } }\n",
           6,
           39,
           "a network such as 127.0.0.1/32 is wanted"));
  // Channels.
  add(channels("channels: {}\n", 11, "`channels` is empty: nobody could be paged"));
  add(channels("channels: { sms: [] }\n", 18, "channel `sms` has no provider"));
  add(channels("channels: { sms: { command: {} } }\n", 18, "`sms` takes a list, not a map"));
  add(channels("channels: { sms: [ { webhok: {} } ] }\n", 22, "unknown key `webhok`; did you mean `webhook`?"));
  add(channels("channels: { sms: [ { webhook: {}, log: {} } ] }\n", 20, "a provider is a map with one key"));
  add(channels("channels: { sms: [ { command: {} } ] }\n", 22, "`run` is missing"));
  add(channels("channels: { sms: [ { webhook: { url: \"ftp://x\" } } ] }\n",
               38,
               "a URL that begins with http:// or https:// is wanted"));
  add(channels("channels: { sms: [ { webhook: { url: \"http://u:hunter2@x\" } } ] }\n",
               38,
               "credentials do not belong into a URL"));
  add({Parts{.channels = "channels: { sms: [ { webhook: {} } ] }\n"}.text(),
       2,
       35,
       "the webhook of channel `sms` posts to this address"});
  add(channels("channels: { sms: [ { twilio: { account_sid: a, auth_token: hunter2, from: \"1\" } } ] }\n",
               48,
               "put it into a file and name that with `auth_token_file`"));
  add(channels("channels: { sms: [ { smtp: { from: a@b } } ] }\n", 22, "`url` is missing"));
  add(rest("budget: { per_contact: { pages: 0 } }\n", 6, 33, "`pages` must be from 1 to"));
  // The rest.
  add(rest("severity: { order: [ a, a ] }\n", 6, 25, "`a` is named twice"));
  add(rest("correlation: { flapping: { changes: 1 } }\n", 6, 37, "`changes` must be from 2 to"));
  add(rest("correlation: { storm: { until: { incident: 5 } } }\n", 6, 34, "did you mean `incidents`?"));
  add(rest("heartbeats: { a: { grace: 1m } }\n", 6, 15, "`every` is missing"));
  add(rest("heartbeats: { a: { every: 1m, call_tree: outag } }\n", 6, 42, "did you mean `outage`?"));
  add(rest("inhibit_rules: [ { name: a, source: [ b = c ] } ]\n", 6, 18, "`target` is missing"));
  add(rest("sources: [ { name: s, map: { labels: { alertname: rule } } } ]\n",
           6,
           51,
           "a JSON pointer such as /items is wanted, not `rule`"));
  add(rest("sources: [ { name: grafana, map: { labels: { a: /b } } } ]\n",
           6,
           12,
           "is the name of a format that is built in"));
  add(rest("sources: [ { name: s, map: { labels: { a: /b }, status: { at: /s } } } ]\n",
           6,
           49,
           "`status` says which values are `firing`"));
  add(rest("sources: [ { name: s, map: { labels: { a: /b }, status: { at: /s, firing: [x], resolved: [x] } } } ]\n",
           6,
           49,
           "`x` cannot be both firing and resolved"));
  add(rest("sources: [ { name: s, grafana: { secret: hunter2 } } ]\n", 6, 34, "`secret_file`"));
  add(rest("sources: [ { name: s, grafana: { header: X } } ]\n", 6, 23, "`secret_file` is missing"));
  add(rest("publish: [ { sms: { to: x } } ]\n", 6, 14, "unknown key `sms`; known here: slack and email"));
  add(rest("audit: { log: [ a ] }\n", 6, 15, "`log` takes a single value, not a list"));
  return all;
}

TEST(Load, EveryMistakeIsNamedWithItsPlace) {
  const std::vector<Wrong> all = wrong_files();
  EXPECT_GE(all.size(), 60U);
  for (const Wrong& wrong : all) {
    const std::string shown_text = wrong.text.substr(0, 600);
    const Loaded result = load(wrong.text, "f.yml");
    EXPECT_FALSE(result) << shown_text;
    if (result) continue;
    const bool is_named = std::any_of(result.error().begin(), result.error().end(), [&wrong](const Problem& problem) {
      return problem.severity == Severity::error && problem.line == wrong.line && problem.column == wrong.column &&
             problem.message.find(wrong.message) != std::string::npos;
    });
    EXPECT_TRUE(is_named) << "wanted " << wrong.line << ":" << wrong.column << ": " << wrong.message << "\ngot\n"
                          << print(result.error()) << "for\n"
                          << shown_text;
    EXPECT_THAT(print(result.error()), Not(HasSubstr("hunter2"))) << "a secret is shown";
  }
}

TEST(Load, OneMistakeIsOneError) {
  int with_more = 0;
  for (const Wrong& wrong : wrong_files()) {
    const Loaded result = load(wrong.text, "f.yml");
    ASSERT_FALSE(result);
    const auto errors = std::count_if(result.error().begin(), result.error().end(), [](const Problem& problem) {
      return problem.severity == Severity::error;
    });
    // Files without a part, or in which a whole part is something else, miss more than one thing.
    if (errors > 1) ++with_more;
  }
  EXPECT_LE(with_more, 16);
}

TEST(Load, TextsThatGrowWhenAliasesAreWrittenOutAreRefused) {
  std::string text = "a0: &a0 [ x, x, x, x, x, x, x, x, x ]\n";
  for (int i = 1; i < 25; ++i) {
    const std::string last = std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [ *a" + last + ", *a" + last + ", *a" + last +
            ", *a" + last + " ]\n";
  }
  EXPECT_THAT(problems_of(text), HasSubstr("values, aliases written out"));
}

TEST(Load, AFileThatIsNotThereIsAProblemOfThatFile) {
  const Loaded result = load_file("/nonexistent/rouse.yml");
  ASSERT_FALSE(result);
  EXPECT_EQ(print(result.error()), "/nonexistent/rouse.yml:1:1: cannot be opened: No such file or directory\n");
  EXPECT_THAT(print(load_file("/").error()), HasSubstr("this is a folder"));
}

TEST(Load, NoBytesOrMutationsEndTheProcess) {
  const auto seed = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  SCOPED_TRACE("seed " + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&random](std::size_t end) { return static_cast<std::size_t>(random() % end); };
  const std::string example = file_text("tests/config/contract.yml");
  const std::string small = Parts{}.text();
  static constexpr std::string_view favourites = "{}[]:,-&*!|>'\"%@`#? \n\t0";
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  int rounds = 0;
  for (; rounds < 2000 && std::chrono::steady_clock::now() < deadline; ++rounds) {
    std::string text = rounds % 3 == 0 ? example : small;
    if (rounds % 7 == 0) {
      text.resize(below(300));
      for (char& c : text) c = static_cast<char>(below(256));
    }
    for (std::size_t i = below(8); i > 0 && !text.empty(); --i) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = favourites[below(favourites.size())];
          break;
        case 1:
          text.erase(at, below(20));
          break;
        case 2:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
        case 3:
          text.insert(at, 1, favourites[below(favourites.size())]);
          break;
        default:
          text[at] = static_cast<char>(below(256));
      }
    }
    const Loaded result = load(text, "f.yml");
    if (result) continue;
    ASSERT_FALSE(result.error().empty()) << "seed " << seed << " round " << rounds << "\n" << text;
    ASSERT_TRUE(std::any_of(result.error().begin(),
                            result.error().end(),
                            [](const Problem& problem) { return problem.severity == Severity::error; }))
        << "seed " << seed << " round " << rounds << "\n"
        << text;
  }
  EXPECT_GT(rounds, 20);
}

TEST(Problem, AFileWhoseNameHasLineBreaksIsStillOneLine) {
  const Problem problem{.file = "a\nb\x1b[31m.yml", .line = 1, .column = 2, .message = "cannot be opened"};
  EXPECT_THAT(print(problem), ::testing::MatchesRegex("`a b.*`:1:2: cannot be opened"));
}

TEST(Problem, WhatIsQuotedOfTheFileHoldsNothingThatMisleadsATerminal) {
  // A right-to-left override within a matcher, and a control character where a key ends.
  for (const std::string_view text : {"rouse: 1\nroute: { call_tree: x, matchers: [ severity \xE2\x80\xAE= info ] }\n",
                                      "rouse: 1\nroute: { \"a\"\x7F\"b\":, c: d }\n"}) {
    const Loaded loaded = load(text, "f.yml");
    ASSERT_FALSE(loaded.has_value());
    for (const Problem& problem : loaded.error()) EXPECT_TRUE(is_seen(problem.message)) << problem.message;
  }
}

}  // namespace
}  // namespace config
