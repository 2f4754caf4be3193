// Which contacts are in doubt, so that it is seen and mended before the person's next turn: what was said of them last
// was that nothing reaches them, or nobody answered when they were tested. Pure; each answer is a copy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/state.hpp"

namespace rules {

enum class Doubt : std::uint8_t {
  failed,        // the last message to it failed: refused by its providers, or reported as not delivered
  test_unheard,  // a day has passed since its last test page, and nobody has answered anything by it since
};

struct ContactDoubt {
  std::string person;
  std::string contact;
  Doubt doubt{};
  Instant since;    // of the failure, or of the test page
  std::string why;  // of a failure: the provider's words
  bool operator==(const ContactDoubt&) const = default;
};

inline constexpr Duration test_answer_within{std::chrono::hours{24}};

// Nothing when there is no doubt; of a contact that has failed and was not heard the failure. Contacts that nobody can
// answer by (a webhook, a program) are never expected to be heard. `at` as stamps have it.
[[nodiscard]] std::vector<ContactDoubt> contact_doubts(const State& state, const Policy& policy, Instant at);
[[nodiscard]] std::optional<ContactDoubt> contact_doubt(
    const State& state, const Policy& policy, const std::string& person, const Contact& contact, Instant at);

// When the last test page to this contact begins to count as unheard, if it has not been heard; nullopt: it was never
// tested, was heard, or cannot be answered by.
[[nodiscard]] std::optional<Instant> unheard_from(const State& state,
                                                  const Policy& policy,
                                                  const std::string& person,
                                                  const Contact& contact);

[[nodiscard]] std::string_view to_text(Doubt doubt);  // snake case, as the enumerator

}  // namespace rules
