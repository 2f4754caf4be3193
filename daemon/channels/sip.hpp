// The `sip` provider: a page is a telephone call through the shop's own exchange or trunk. A contact is a number, which
// the `dial` pattern makes an address of, or a SIP address. See channels/telephones for how calls are made,
// channels/sip_call for what counts as what.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "daemon/channels/provider.hpp"
#include "daemon/channels/telephones.hpp"
#include "rules/policy.hpp"

namespace channels {

// Settings from the configuration; reads the password's file, so it blocks on it. The error is in words, without the
// password.
[[nodiscard]] tl::expected<SipSettings, std::string> sip_settings(const rules::Provider& provider);

// "+1 (604) 555-0101" and "sip:{number}@pbx.example.org" -> "sip:+16045550101@pbx.example.org"; a sip: address stays as
// it is. The error says what is wrong with the contact.
[[nodiscard]] tl::expected<std::string, std::string> sip_address(std::string_view contact, std::string_view pattern);

class SipProvider final : public Provider {
 public:
  // The telephones outlive the provider. `pattern` has {number} in it; of the policy's templates that of voice is said.
  SipProvider(Telephones& telephones,
              SipSettings settings,
              std::string pattern,
              std::vector<rules::Template> templates = {});

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  // A telephone that rings twice is heard twice.
  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  Telephones& telephones_;
  std::shared_ptr<const SipSettings> settings_;
  std::string pattern_;
  std::vector<rules::Template> templates_;
};

}  // namespace channels
