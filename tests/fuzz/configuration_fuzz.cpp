// Configurations: YAML, the schema, and what is checked of a policy. Any bytes are a configuration or a list of
// problems.
#include "config/check.hpp"
#include "config/document.hpp"
#include "config/load.hpp"
#include "rules/codec/codec.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

void check_problems(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    claim(problem.line >= 1 && problem.column >= 1, "a problem at line {}, column {}", problem.line, problem.column);
    claim(!problem.message.empty(), "a problem without a word");
    claim_clean(config::print(problem), "a problem");
  }
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  const config::Document document = config::read_document(text, "rouse.yml");
  claim(document.nodes.size() <= config::node_limit + 1, "{} nodes", document.nodes.size());
  claim(document.root != nullptr || !document.problems.empty(), "nothing was read, and nothing is wrong");
  fuzz::check_problems(document.problems);

  const config::LoadOptions options{.zoneinfo = "/usr/share/zoneinfo", .secrets_folder = "/nowhere"};
  const config::Loaded loaded = config::load(text, "rouse.yml", options);
  if (!loaded) {
    claim(std::any_of(loaded.error().begin(),
                      loaded.error().end(),
                      [](const config::Problem& problem) { return problem.severity == config::Severity::error; }),
          "refused without an error");
    fuzz::check_problems(loaded.error());
    return 0;
  }
  fuzz::check_problems(loaded->warnings);
  const rules::Policy& policy = loaded->policy;
  claim(!policy.call_trees.empty() && policy.call_tree(policy.route.call_tree) != nullptr,
        "the root route calls nobody");
  const std::string bytes = codec::encode_policy(policy);
  const auto read = codec::decode_policy(bytes);
  claim(read.has_value() && *read == policy, "a policy is not the same after the journal");
  const config::Loaded again = config::load(text, "rouse.yml", options);
  claim(again.has_value() && again->policy == policy && again->settings == loaded->settings,
        "the same text, something else");
  const rules::Instant from{std::chrono::sys_days{std::chrono::year{2026} / 3 / 6}};
  for (const config::Finding& finding : config::check(policy, from, std::chrono::hours{24} * 3)) {
    fuzz::claim_clean(config::print(finding), "a finding");
  }
  return 0;
}
