// A link acts for the person, incident and time that it was made for, and no changed byte of it does.
#include "daemon/links/signer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal/files.hpp"
#include "tests/daemon/channels/support.hpp"

namespace links {
namespace {

using std::chrono::seconds;

constexpr rules::Instant now{seconds{1'790'000'000}};

Link link() {
  Link made;
  made.person =
      "olga.d\xC3\xAD"
      "az";
  made.incident.value = 12;
  made.message.value = 34;
  made.action = Action::escalate;
  made.until = now + link_lasts;
  return made;
}

const Signer& signer() {
  static const Signer one({std::string(32, 'k')});
  return one;
}

TEST(SignedLink, ComesBackAsItWasMade) {
  const auto read = signer().read(signer().token(link()), now);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, link());
}

TEST(SignedLink, EndsAtItsEnd) {
  const std::string token = signer().token(link());
  EXPECT_TRUE(signer().read(token, link().until - seconds{1}));
  const auto late = signer().read(token, link().until);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), Wrong::expired);
}

TEST(SignedLink, IsNobodysWhenAnyByteIsAnotherOneMissingOrTooMany) {
  const std::string token = signer().token(link());
  for (std::size_t at = 0; at < token.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = token;
      changed[at] = static_cast<char>(byte);
      if (changed == token) continue;
      const auto read = signer().read(changed, now);
      ASSERT_FALSE(read) << at << " " << byte;
      ASSERT_EQ(read.error(), Wrong::forged);
    }
    std::string without = token;
    without.erase(at, 1);
    ASSERT_FALSE(signer().read(without, now)) << at;
    std::string twice = token;
    twice.insert(at, 1, token[at]);
    ASSERT_FALSE(signer().read(twice, now)) << at;
  }
  EXPECT_FALSE(signer().read(token + "0", now));
  EXPECT_FALSE(signer().read("", now));
  EXPECT_FALSE(signer().read(".", now));
}

TEST(SignedLink, OfAnEarlierKeyIsGoodUntilThatKeyIsTakenOut) {
  const std::string token = signer().token(link());
  EXPECT_TRUE(Signer({std::string(32, 'n'), std::string(32, 'k')}).read(token, now));
  EXPECT_FALSE(Signer({std::string(32, 'n')}).read(token, now));
}

TEST(SignedMark, IsOfItsPurposeAndBytesAlone) {
  const std::string mark = signer().mark("mail", "abc");
  EXPECT_EQ(mark.size(), 32U);
  EXPECT_TRUE(signer().is_mark(mark, "mail", "abc"));
  EXPECT_FALSE(signer().is_mark(mark, "link", "abc"));
  EXPECT_FALSE(signer().is_mark(mark, "mail", "abd"));
  EXPECT_FALSE(signer().is_mark("", "mail", "abc"));
}

tl::expected<void, std::string> write_file(const std::filesystem::path& file, std::string_view text) {
  return journal::replace_file(file, {text}, ::fsync);
}

TEST(LinkKeys, AreMadeOnceForTheirOwnerAlone) {
  const channels::testing::Folder folder;
  const auto first = open_keys(folder / "", write_file);
  ASSERT_TRUE(first) << first.error();
  ASSERT_EQ(first->size(), 1U);
  EXPECT_EQ(first->front().size(), 32U);
  struct stat status{};
  ASSERT_EQ(::stat((folder / "links.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto second = open_keys(folder / "", write_file);
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
}

TEST(LinkKeys, MayBeSeveralOfWhichTheFirstSigns) {
  const channels::testing::Folder folder;
  folder.write("links.key", std::string(64, 'a') + "\n\n" + std::string(64, 'b') + "\n");
  const auto keys = open_keys(folder / "", write_file);
  ASSERT_TRUE(keys);
  EXPECT_THAT(*keys, testing::ElementsAre(std::string(32, '\xAA'), std::string(32, '\xBB')));
}

TEST(LinkKeys, ThatAreDamagedAreSaidToBeWithoutBeingShown) {
  const channels::testing::Folder folder;
  folder.write("links.key", std::string(63, 'a') + "\n");
  const auto keys = open_keys(folder / "", write_file);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error(), testing::HasSubstr("links.key"));
  EXPECT_THAT(keys.error(), testing::Not(testing::HasSubstr("aaaa")));
  folder.write("links.key", "");
  EXPECT_FALSE(open_keys(folder / "", write_file));
}

}  // namespace
}  // namespace links
