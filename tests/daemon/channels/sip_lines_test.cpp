// What baresip 1.0 of Debian 12 writes about a call, as it was captured, and what strangers may make of it.
#include "daemon/channels/sip_lines.hpp"

#include <random>

#include <gtest/gtest.h>

namespace channels {
namespace {

SipLine line(SipWord word, std::uint32_t code = 0, std::string text = {}) {
  return SipLine{.word = word, .code = code, .text = std::move(text)};
}

TEST(SipLines, ACallThatIsAnsweredIsFollowedFromRingingToItsKeys) {
  EXPECT_EQ(read_sip_line("baresip is ready."), line(SipWord::ready));
  EXPECT_EQ(read_sip_line("call: SIP Progress: 100 Trying (/)"), line(SipWord::trying, 100, "Trying (/)"));
  EXPECT_EQ(read_sip_line("call: SIP Progress: 180 Ringing (/)"), line(SipWord::ringing, 180, "Ringing (/)"));
  EXPECT_EQ(read_sip_line("call: SIP Progress: 183 Session Progress (application/sdp)")->word, SipWord::ringing);
  EXPECT_EQ(read_sip_line("a@127.0.0.1: Call established: sip:b@127.0.0.1:5570"), line(SipWord::established));
  EXPECT_EQ(read_sip_line("received event: '4' (end=0)"), line(SipWord::key, 0, "4"));
  EXPECT_EQ(read_sip_line("received event: '*' (end=0)"), line(SipWord::key, 0, "*"));
  EXPECT_EQ(read_sip_line("call: received DTMF: '6' (duration=250)"), line(SipWord::key, 0, "6"));
}

TEST(SipLines, AKeyCountsOnceAlthoughItsEndIsHeardToo) {
  EXPECT_EQ(read_sip_line("received event: '4' (end=1)"), std::nullopt);
}

TEST(SipLines, ARefusalHasTheCodeAndTheReasonOfTheExchange) {
  EXPECT_EQ(read_sip_line("sip:b@127.0.0.1:5570: session closed: 486 Rejected"),
            line(SipWord::closed, 486, "Rejected"));
  EXPECT_EQ(read_sip_line("sip:b@127.0.0.1: session closed: 603"), line(SipWord::closed, 603));
  EXPECT_EQ(read_sip_line("sip:b@127.0.0.1: session closed: Connection refused"),
            line(SipWord::closed, 0, "Connection refused"));
  EXPECT_EQ(read_sip_line("sip:b@127.0.0.1: session closed"), line(SipWord::closed));
  EXPECT_EQ(read_sip_line("\x1b[31mmenu: ua_connect failed: Invalid argument"),
            line(SipWord::cannot_dial, 0, "Invalid argument"));
}

TEST(SipLines, WhetherTheExchangeRegistersUsIsRead) {
  EXPECT_EQ(read_sip_line("\x1b[32mAll 1 useragent registered successfully! (12 ms)\x1b[;m"),
            line(SipWord::registered));
  EXPECT_EQ(read_sip_line("\x1b[31mreg: sip:rouse@pbx.example.org: 403 Forbidden (pbx)"),
            line(SipWord::not_registered, 403, "Forbidden (pbx)"));
  EXPECT_EQ(read_sip_line("reg: sip:rouse@pbx.example.org: Register: Connection timed out"),
            line(SipWord::not_registered, 0, "Connection timed out"));
}

TEST(SipLines, WhatItRepeatsOfItsCommandsSaysNothing) {
  EXPECT_EQ(read_sip_line("/dial sip:x: session closed: 603"), std::nullopt);
  EXPECT_EQ(read_sip_line(""), std::nullopt);
  EXPECT_EQ(read_sip_line("aufile: end of file"), std::nullopt);
  EXPECT_EQ(read_sip_line("sip:a@127.0.0.1: Call with sip:b@127.0.0.1 terminated (duration: 8 secs)"), std::nullopt);
}

TEST(SipLines, AReasonFromOutsideIsOneShortHarmlessLine) {
  const std::optional<SipLine> closed =
      read_sip_line("sip:b@h: session closed: 404 \x07" + std::string(900, 'x') + "\x9b\x80");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, 404U);
  EXPECT_LE(closed->text.size(), 120U);
  EXPECT_EQ(closed->text.find('\x07'), std::string::npos);
}

TEST(SipLines, OnlyTheKeysOfATelephoneAreKeys) {
  for (const std::string_view other : {"received event: 'x' (end=0)",
                                       "received event: ''' (end=0)",
                                       "received event: '44' (end=0)",
                                       "received event: '",
                                       "received event: '4",
                                       "received event: '4' (end=0) and more"})
    EXPECT_EQ(read_sip_line(other), std::nullopt) << other;
}

// Cut, flipped and joined: no line ends the process, and none becomes a key that is none.
TEST(SipLines, AnyBytesAreReadWithoutHarm) {
  const std::vector<std::string> seeds{"call: SIP Progress: 180 Ringing (/)",
                                       "received event: '4' (end=0)",
                                       "call: received DTMF: '6' (duration=250)",
                                       "sip:b@h: session closed: 486 Busy Here",
                                       "\x1b[31mreg: sip:r@h: 403 Forbidden (x)\x1b[;m",
                                       "a@h: Call established: sip:b@h"};
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100'000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::uint64_t change = random() % 4; change > 0; --change) {
      if (text.empty()) break;
      const std::size_t place = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[place] = static_cast<char>(random());
          break;
        case 1:
          text.erase(place, random() % 5);
          break;
        default:
          text.insert(place, seeds[random() % seeds.size()].substr(0, random() % 20));
      }
    }
    const std::optional<SipLine> read = read_sip_line(text);
    if (!read) continue;
    ASSERT_LE(read->text.size(), 120U);
    ASSERT_TRUE(read->code == 0 || (read->code >= 100 && read->code <= 699)) << text;
    if (read->word == SipWord::key) {
      ASSERT_EQ(read->text.size(), 1U) << text;
      ASSERT_NE(std::string_view("0123456789*#ABCD").find(read->text), std::string_view::npos) << text;
    }
  }
}

}  // namespace
}  // namespace channels
