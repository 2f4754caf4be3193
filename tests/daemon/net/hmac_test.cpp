#include "daemon/net/hmac.hpp"

#include <gtest/gtest.h>

#include "daemon/net/http.hpp"

namespace net {
namespace {

// RFC 2202, RFC 4231, FIPS 180-2 and RFC 4648.
TEST(Hmac, KnowsThePublishedVectors) {
  EXPECT_EQ(hmac_sha1_base64("Jefe", "what do ya want for nothing?"), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hmac, WritesBytesAsBase64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Form, ComesBackAsItWasWritten) {
  const Form form{{"To", "+16045550101"}, {"Body", "a b&c=d%\n\xC3\xA9"}, {"", "x"}, {"empty", ""}};
  EXPECT_EQ(print_form(form), "To=%2B16045550101&Body=a%20b%26c%3Dd%25%0A%C3%A9&=x&empty=");
  EXPECT_EQ(parse_form(print_form(form)), form);
}

TEST(Form, ReadsPlusAsABlankAndKeepsWhatIsNoEscape) {
  EXPECT_EQ(parse_form("a=1+2&b=%zz&c&a=3"), (Form{{"a", "1 2"}, {"b", "%zz"}, {"c", ""}, {"a", "3"}}));
}

}  // namespace
}  // namespace net
