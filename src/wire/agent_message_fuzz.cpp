// A message that is taken is written so that it is taken again and is the same; frames of anything
// end in an error or in messages, never in more memory than they were given.
#include <cstdint>

#include "wire/agent_message.hpp"
#include "wire/channel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto message = celere::wire::parse_agent_message(text);
  if (message.ok()) {
    const auto again = celere::wire::parse_agent_message(written_json(*message));
    if (!again.ok() || !(*again == *message)) __builtin_trap();
  }
  celere::wire::Framing framing(celere::wire::Secret::of({}), false);
  for (std::size_t at = 0; at < size; at += 7) {
    if (!framing.receive(text.substr(at, 7)).ok()) break;
  }
  while (framing.next()) __builtin_trap();  // nobody guesses a seal
  return 0;
}
