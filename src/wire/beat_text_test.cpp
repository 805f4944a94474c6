#include "wire/beat_text.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/prng.hpp"
#include "wire/json_text.hpp"

namespace celere::wire {
namespace {

AgentBeat random_beat(Prng& prng) {
  const auto below = [&](std::uint64_t end) {
    return static_cast<std::int64_t>(prng.bits() % end);
  };
  const auto time_s = [&] {
    return static_cast<double>(below(1 << 30)) *
           std::pow(10.0, static_cast<double>(below(40)) - 30);
  };
  AgentBeat beat{.generation = below(100), .ranks = {}};
  for (std::int64_t i = below(9); i > 0; --i) {
    RankBeat rank{.rank = below(100000),
                  .process = below(1 << 22),
                  .step = -below(2) * below(1 << 30),
                  .phase = below(2) == 0 ? "computing" : "",
                  .phase_time_s = time_s(),
                  .collective = {},
                  .steps = {}};
    if (below(2) == 0) {
      rank.collective = {"replicas", "all_reduce", below(1 << 30), below(1 << 30), time_s()};
    }
    for (std::int64_t j = below(4); j > 0; --j)
      rank.steps.push_back({below(1000), time_s(), time_s()});
    beat.ranks.push_back(std::move(rank));
  }
  return beat;
}

// Twins: the general reader takes what is written here, and both say what was meant; what the
// general JSON writer makes of it is read here too.
TEST(BeatText, says_the_same_as_json) {
  Prng prng(11, 0);
  for (int i = 0; i < 2000; ++i) {
    const AgentBeat beat = random_beat(prng);
    const std::optional<std::string> text = beat_text(beat);
    ASSERT_TRUE(text);
    ASSERT_EQ(read_beat_text(*text), beat) << *text;
    const auto json = parse_json(*text, "text");
    ASSERT_TRUE(json.ok()) << *text;
    ASSERT_EQ(read_beat_text(json->dump()), beat) << json->dump();
    // With a blank in it only the general reader knows it.
    const std::string spaced = " " + *text;
    ASSERT_FALSE(read_beat_text(spaced));
    const auto general = parse_agent_message(spaced);
    ASSERT_TRUE(general.ok()) << general.error().text();
    ASSERT_EQ(std::get<AgentBeat>(*general), beat) << *text;
  }
}

// Whatever is changed, cut or added: what is read here, the general reader reads alike.
TEST(BeatText, takes_nothing_that_the_general_reader_refuses) {
  Prng prng(12, 0);
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = *beat_text(random_beat(prng));
    const std::string letters = "0123456789.-+eE,:{}[]\"\\ \nxin";
    const std::size_t place = prng.bits() % text.size();
    const char letter = letters[prng.bits() % letters.size()];
    switch (prng.bits() % 3) {
      case 0:
        text[place] = letter;
        break;
      case 1:
        text.insert(place, 1, letter);
        break;
      default:
        text.erase(place, 1);
    }
    const std::optional<AgentBeat> fast = read_beat_text(text);
    if (!fast) continue;
    ++taken;
    const auto general = parse_agent_message(" " + text);
    ASSERT_TRUE(general.ok()) << text;
    ASSERT_EQ(std::get<AgentBeat>(*general), *fast) << text;
  }
  EXPECT_GT(taken, 1000);  // a digit for a digit, mostly
}

// These go the general way, and arrive.
TEST(BeatText, escapes_and_numbers_that_are_none_are_for_the_general_writer) {
  AgentBeat beat{.generation = 1, .ranks = {RankBeat{}}};
  beat.ranks[0].phase = "a \"quote\"";
  EXPECT_FALSE(beat_text(beat));
  EXPECT_EQ(std::get<AgentBeat>(*parse_agent_message(written_json(AgentMessage(beat)))), beat);
  beat.ranks[0].phase = "computing";
  beat.ranks[0].phase_time_s = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(beat_text(beat));
  EXPECT_EQ(std::get<AgentBeat>(*parse_agent_message(written_json(AgentMessage(beat)))), beat);
}

}  // namespace
}  // namespace celere::wire
