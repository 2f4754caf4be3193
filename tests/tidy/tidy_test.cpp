// Each check finds a violation that is planted, and leaves alone what is allowed; then all of them read the real tree.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/checks.hpp"
#include "tests/tidy/source.hpp"

namespace tidy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Tree tree_of(std::vector<std::pair<std::string, std::string>> files) {
  Tree tree;
  for (auto& [path, text] : files) tree.push_back(make_source(std::move(path), std::move(text)));
  return tree;
}

// "path:line" of each finding.
std::vector<std::string> places(const Findings& findings) {
  std::vector<std::string> result;
  for (const Finding& finding : findings) result.push_back(finding.path + ":" + std::to_string(finding.line));
  return result;
}

std::vector<std::string> in_function(const char* body) {
  return places(plain_co_await(
      tree_of({{"daemon/net/x.cpp", std::string("asio::awaitable<void> f(Peer peer) {\n") + body + "\n}\n"}})));
}

TEST(Layering, RulesThatIncludeConfigAreFound) {
  const Tree tree = tree_of({{"rules/zone.cpp", "#include \"rules/zone.hpp\"\n#include \"config/zone_file.hpp\"\n"}});
  EXPECT_THAT(places(layering(tree)), ElementsAre("rules/zone.cpp:2"));
}

TEST(Layering, TheMessageSaysWhatMayBeIncluded) {
  const Tree tree = tree_of({{"daemon/intake/json.cpp", "#include \"config/load.hpp\"\n"}});
  const Findings findings = layering(tree);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings[0].message, HasSubstr("daemon/intake sees rules"));
}

TEST(Layering, NothingPointsBack) {
  EXPECT_THAT(places(layering(tree_of({
                  {"config/load.cpp", "#include \"daemon/engine.hpp\"\n"},
                  {"rules/apply.cpp", "#include \"rules/codec/codec.hpp\"\n"},
                  {"daemon/words/text.cpp", "#include \"daemon/intake/json.hpp\"\n"},
                  {"daemon/rehearse/clock.cpp", "#include \"daemon/ctl/verbs.hpp\"\n"},
                  {"daemon/main.cpp", "#include \"tests/support/disk.hpp\"\n"},
              }))),
              ElementsAre("config/load.cpp:1",
                          "rules/apply.cpp:1",
                          "daemon/words/text.cpp:1",
                          "daemon/rehearse/clock.cpp:1",
                          "daemon/main.cpp:1"));
}

TEST(Layering, JournalAndNetStandAlone) {
  EXPECT_THAT(
      places(layering(tree_of({
          {"daemon/journal/sqlite.cpp", "#include \"daemon/journal/journal.hpp\"\n#include \"rules/ids.hpp\"\n"},
          {"daemon/net/server.cpp", "#include \"daemon/net/loop.hpp\"\n#include \"rules/time.hpp\"\n"},
      }))),
      ElementsAre("daemon/journal/sqlite.cpp:2", "daemon/net/server.cpp:2"));
}

TEST(Layering, TheRingIsForEveryFolderOfTheDaemonAndIncludesNothing) {
  EXPECT_THAT(places(layering(tree_of({
                  {"daemon/net/resolver.cpp", "#include \"daemon/ring.hpp\"\n"},
                  {"daemon/ring.hpp", "#include \"daemon/engine.hpp\"\n"},
                  {"rules/apply.cpp", "#include \"daemon/ring.hpp\"\n"},
              }))),
              ElementsAre("daemon/ring.hpp:1", "rules/apply.cpp:1"));
}

TEST(Layering, WhatTheTableAllowsIsAllowed) {
  EXPECT_THAT(layering(tree_of({
                  {"config/load.cpp", "#include \"config/load.hpp\"\n#include \"rules/policy.hpp\"\n"},
                  {"daemon/engine.cpp", "#include \"daemon/journal/journal.hpp\"\n#include \"rules/apply.hpp\"\n"},
                  {"tests/rules/x_test.cpp", "#include \"daemon/engine.hpp\"\n"},
              })),
              IsEmpty());
}

TEST(Layering, AnIncludeInACommentIsNone) {
  EXPECT_THAT(layering(tree_of({{"rules/zone.cpp", "/*\n#include \"config/zone_file.hpp\"\n*/\n"}})), IsEmpty());
}

TEST(Includes, ANameThatIsNotFromTheRootIsFound) {
  const Tree tree = tree_of({{"rules/zone.hpp", ""}, {"rules/zone.cpp", "#include \"zone.hpp\"\n"}});
  EXPECT_THAT(places(includes_from_the_root(tree)), ElementsAre("rules/zone.cpp:1"));
}

TEST(Asio, AnIncludeOutsideNetIsFound) {
  const Tree tree = tree_of({
      {"daemon/net/loop.cpp", "#include <boost/asio/io_context.hpp>\n"},
      {"daemon/engine.cpp", "#include <string>\n#include <boost/asio/post.hpp>\n"},
      {"bench/load.cpp", "#include <boost/beast/http.hpp>\n"},
  });
  EXPECT_THAT(places(asio_only_in_net(tree)), ElementsAre("daemon/engine.cpp:2", "bench/load.cpp:1"));
}

TEST(Asio, AHeaderOfNetThatBringsItInIsFoundWhereOthersIncludeIt) {
  const Tree tree = tree_of({
      {"daemon/net/internals.hpp", "#include <boost/asio/awaitable.hpp>\n"},
      {"daemon/net/session.hpp", "#include \"daemon/net/internals.hpp\"\n"},
      {"daemon/net/server.hpp", "#include <string>\n"},
      {"daemon/main.cpp", "#include \"daemon/net/server.hpp\"\n#include \"daemon/net/session.hpp\"\n"},
  });
  EXPECT_THAT(places(asio_only_in_net(tree)), ElementsAre("daemon/main.cpp:2"));
}

TEST(Beast, TheSeventhFileIsFound) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int number = 1; number <= 6; ++number) {
    files.emplace_back("daemon/net/f" + std::to_string(number) + ".cpp", "#include <boost/beast/http.hpp>\n");
  }
  EXPECT_THAT(few_beast_files(tree_of(files)), IsEmpty());
  files.emplace_back("daemon/net/f7.cpp", "#include <boost/beast/core.hpp>\n");
  EXPECT_THAT(places(few_beast_files(tree_of(files))), Contains("daemon/net/f7.cpp:1"));
}

TEST(RulesArePure, AClockIsFound) {
  const Tree tree = tree_of({{"rules/climb.cpp", "void f() {\n  auto t = std::chrono::system_clock::now();\n}\n"}});
  EXPECT_THAT(places(rules_are_pure(tree)), ElementsAre("rules/climb.cpp:2"));
}

TEST(RulesArePure, ThreadsFilesLogsAndSocketsAreFound) {
  for (const char* header : {"thread",
                             "mutex",
                             "atomic",
                             "random",
                             "fstream",
                             "iostream",
                             "spdlog/spdlog.h",
                             "boost/asio/post.hpp",
                             "sqlite3.h",
                             "sys/socket.h"}) {
    const Tree tree = tree_of({{"rules/codec/codec.cpp", std::string("#include <") + header + ">\n"}});
    EXPECT_THAT(places(rules_are_pure(tree)), ElementsAre("rules/codec/codec.cpp:1")) << header;
  }
}

TEST(RulesArePure, ARandomDeviceIsFound) {
  const Tree tree = tree_of({{"rules/desk.cpp", "std::random_device{}();\n"}});
  EXPECT_THAT(places(rules_are_pure(tree)), ElementsAre("rules/desk.cpp:1"));
}

TEST(RulesArePure, WordsInCommentsAndOtherFoldersAreLeftAlone) {
  EXPECT_THAT(rules_are_pure(tree_of({
                  {"rules/a.cpp", "// never std::chrono::system_clock::now()\n#include <vector>\n"},
                  {"daemon/clock.cpp", "#include <thread>\nauto t = std::chrono::steady_clock::now();\n"},
              })),
              IsEmpty());
}

TEST(CoroutineLambda, ACaptureIsFound) {
  EXPECT_THAT(places(no_capturing_coroutine_lambda(
                  tree_of({{"daemon/net/a.cpp", "auto f = [&]() -> asio::awaitable<void> { co_return; };\n"},
                           {"daemon/net/b.cpp",
                            "co_spawn(c,\n  [this](int x) mutable -> boost::asio::awaitable<int> { co_return x; });\n"},
                           {"daemon/net/c.cpp", "auto f = [x = 1] -> awaitable<void> { co_return; };\n"}}))),
              ElementsAre("daemon/net/a.cpp:1", "daemon/net/b.cpp:2", "daemon/net/c.cpp:1"));
}

TEST(CoroutineLambda, WithoutACaptureItIsAllowed) {
  EXPECT_THAT(no_capturing_coroutine_lambda(tree_of(
                  {{"daemon/net/a.cpp",
                    "auto f = [](Peer peer) -> asio::awaitable<void> { co_return; };\n"
                    "auto g(int a[3]) -> asio::awaitable<void>;\nauto h = [&](int x) -> int { return x; };\n"}})),
              IsEmpty());
}

TEST(CoAwait, ALambdaInTheExpressionIsFound) {
  EXPECT_THAT(in_function("  co_await run([&] { return 1; });"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  co_await run(\n    [](int x) { return x; });"), ElementsAre("daemon/net/x.cpp:2"));
}

TEST(CoAwait, BracesInTheExpressionAreFound) {
  EXPECT_THAT(in_function("  co_await send(peer, Options{});"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  co_await send(peer, {.limit = 3});"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  const auto n = use(Options{1}, co_await read(peer));"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  keep(Pair{1, co_await read(peer)});"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  co_return Result{co_await read(peer)};"), ElementsAre("daemon/net/x.cpp:2"));
  EXPECT_THAT(in_function("  if (co_await send(peer, Options{1})) {\n    stop();\n  }"),
              ElementsAre("daemon/net/x.cpp:2"));
}

TEST(CoAwait, NamedLocalsAndParenthesesAreAllowed) {
  EXPECT_THAT(in_function("  const Options options{1};\n  co_await send(peer, options);"), IsEmpty());
  EXPECT_THAT(in_function("  auto [error, size] = co_await read(peer, Buffer(4096), use_tuple);"), IsEmpty());
  EXPECT_THAT(in_function("  if (co_await send(peer)) {\n    stop();\n  }\n  while (!(co_await done(peer))) {\n  }"),
              IsEmpty());
  EXPECT_THAT(in_function("  for (auto part : co_await parts(peer)) {\n    use(part);\n  }"), IsEmpty());
  EXPECT_THAT(in_function("  switch (co_await kind(peer)) {\n    case 1: {\n      co_await send(peer);\n    }\n  }"),
              IsEmpty());
  EXPECT_THAT(in_function("  if (open) {\n    co_await send(peer);\n  } else {\n    co_await wait(peer);\n  }"),
              IsEmpty());
  EXPECT_THAT(in_function("  try {\n    x = co_await read(peer);\n  } catch (const Error&) {\n  }"), IsEmpty());
  EXPECT_THAT(in_function("  int count{};\n  co_await send(peer);\n  int other{};"), IsEmpty());
  EXPECT_THAT(in_function("  co_await send(peer, \"{}\");  // {}"), IsEmpty());
}

TEST(Sleeping, ASleepInATestOrTheDaemonIsFound) {
  EXPECT_THAT(places(no_sleeping(tree_of({
                  {"tests/daemon/a_test.cpp", "std::this_thread::sleep_for(1s);\n"},
                  {"daemon/engine.cpp", "\nusleep(5);\n"},
                  {"tests/live/load.cpp", "std::this_thread::sleep_for(1s);\n"},
                  {"tests/daemon/b_test.cpp", "// no sleep_for(1s) here\nsleep(1);\n"},
              }))),
              ElementsAre("tests/daemon/a_test.cpp:1", "daemon/engine.cpp:2"));
}

TEST(Headers, OneThatNobodyIncludesIsFound) {
  const Tree tree = tree_of({
      {"rules/a.hpp", "// a\n"},
      {"rules/b.hpp", "// b\n#include \"rules/b.hpp\"\n"},
      {"rules/a.cpp", "#include \"rules/a.hpp\"\n"},
  });
  EXPECT_THAT(places(no_orphan_header(tree)), ElementsAre("rules/b.hpp:0"));
}

TEST(Headers, OneWithoutAWordAtItsStartIsFound) {
  const Tree tree = tree_of({{"rules/a.hpp", "// What a is for.\n"}, {"rules/b.hpp", "#pragma once\n// late\n"}});
  EXPECT_THAT(places(header_says_what_it_is_for(tree)), ElementsAre("rules/b.hpp:1"));
}

TEST(PutOff, AMarkIsFound) {
  EXPECT_THAT(places(nothing_put_off(tree_of({
                  {"rules/a.cpp", "int a;\n// TODO later\n"},
                  {"daemon/b.cpp", "int b;  // FIXME\n"},
                  {"tests/c.cpp", "// TODO\n"},
                  {"config/d.cpp", "int todo_list;\n"},
              }))),
              ElementsAre("rules/a.cpp:2", "daemon/b.cpp:1"));
}

TEST(ForeignPaths, OneIsFoundInAnyFile) {
  EXPECT_THAT(places(no_foreign_paths(tree_of({
                  {"tests/run", "#!/bin/bash\ncd /work/rouse\n"},
                  {"daemon/a.cpp", "const char* path = \"/home/olga/x\";\n"},
                  {"README.md", "https://example.org/work/x and ./work/y\n"},
              }))),
              ElementsAre("tests/run:2", "daemon/a.cpp:1"));
}

TEST(LineLength, ALineOf121ColumnsIsFound) {
  std::string umlauts;
  for (int count = 0; count < 120; ++count) umlauts += "\xC3\xA4";
  EXPECT_THAT(places(line_length(tree_of({
                  {"rules/a.cpp", std::string(120, 'a') + "\n" + std::string(121, 'b') + "\n"},
                  {"rules/b.cpp", umlauts + "\n"},
                  {"README.md", std::string(200, 'c')},
              }))),
              ElementsAre("rules/a.cpp:2"));
}

TEST(Source, CommentsAndLiteralsAreBlankInTheCode) {
  const Source source =
      make_source("a.cpp", "int a = 1'000; // x\nauto s = R\"j({\")j\"; char c = '\\''; /* {\n*/ int b;\n");
  EXPECT_EQ(source.code.size(), source.text.size());
  EXPECT_EQ(source.code.find('{'), std::string::npos);
  EXPECT_EQ(source.code.find('x'), std::string::npos);
  EXPECT_NE(source.code.find("1'000"), std::string::npos);
  EXPECT_NE(source.code.find("int b;"), std::string::npos);
  EXPECT_EQ(line_at(source.text, source.text.find("int b")), 3);
}

// The promises, kept by the tree as it stands.
class RealTree : public testing::TestWithParam<Check> {
 protected:
  static const Tree& tree() {
    static const Tree read = read_tree(ROUSE_SOURCE_DIR);
    return read;
  }
};

TEST_P(RealTree, Keeps) {
  ASSERT_GT(tree().size(), 20U) << "the tree was not read: " << ROUSE_SOURCE_DIR;
  for (const Finding& finding : GetParam().run(tree())) {
    ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.message;
  }
}

INSTANTIATE_TEST_SUITE_P(Tidy, RealTree, testing::ValuesIn(all_checks()), [](const auto& information) {
  return std::string(information.param.name);
});

}  // namespace
}  // namespace tidy
