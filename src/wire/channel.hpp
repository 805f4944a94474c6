// Messages between two processes of one run, over a socket that waits for nobody.
//
// Each side begins with a greeting: eight bytes "CELERE1\n" and 32 random ones. Then come frames:
//
//   length   uint32, little endian, of the message: at most message_bytes_max
//   message  a text
//   seal     16 bytes: wire/secret.hpp, over direction, number and message
//
// A frame whose seal is not right, that is too long or out of turn ends the connection: who does
// not know the run's secret is neither heard nor obeyed. What is said is not hidden: it holds
// losses and paths, no secrets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wire/secret.hpp"

namespace celere::wire {

inline constexpr std::size_t message_bytes_max = std::size_t{4} << 20;

// The bytes of one side, without a socket: what is to be sent, and what came of the bytes that
// came.
class Framing {
 public:
  Framing(const Secret& secret, bool connecting);

  void send(std::string_view message);  // REQUIRES: at most message_bytes_max
  // Adds bytes that came. Errors: corrupt; the connection is then of no use.
  Status receive(std::string_view bytes);
  // The next whole message.
  std::optional<std::string> next();

  // Bytes to be sent; nothing but the greeting before the other's.
  std::string_view outgoing() const;
  void sent(std::size_t bytes);

 private:
  void greet();
  void write(std::string_view message);

  Secret secret_;
  bool connecting_;
  Nonce own_;
  std::optional<Secret> session_;
  std::vector<std::string> early_;  // said before the other's greeting came
  std::string in_, out_;
  std::size_t in_read_ = 0, out_sent_ = 0;
  std::uint64_t sent_count_ = 0, received_count_ = 0;
  std::vector<std::string> ready_;
  std::size_t ready_read_ = 0;
};

struct Address {
  std::string host;  // a numeric address
  int port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

class Channel {
 public:
  // Errors: io, where nobody listens. Waits for the connection alone, at most a second.
  static Result<Channel> connect(const Secret& secret, const Address& to);
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  ~Channel();

  void send(std::string_view message) { framing_.send(message); }
  // Sends and receives what goes without waiting. Errors: io, where the other has gone; corrupt.
  Status work();
  std::optional<std::string> next() { return framing_.next(); }
  bool wants_to_write() const { return !framing_.outgoing().empty(); }
  int descriptor() const { return descriptor_; }

 private:
  friend class Listener;
  Channel(int descriptor, const Secret& secret, bool connecting)
      : descriptor_(descriptor), framing_(secret, connecting) {}
  int descriptor_ = -1;
  Framing framing_;
};

// A socket that listens at this address only and waits for nobody; port 0: any that is free. The
// caller closes it. Errors: io; busy, where the port is in use; bad_input for a host that is no
// numeric address.
Result<int> listening_socket(const Address& at);

class Listener {
 public:
  // Of this address only; port 0: any that is free. Errors: io; busy, where the port is in use.
  static Result<Listener> open(const Secret& secret, const Address& at);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  // One that has come, or nothing.
  std::optional<Channel> accept();
  const Address& address() const { return address_; }
  int descriptor() const { return descriptor_; }

 private:
  Listener(int descriptor, const Secret& secret, Address address)
      : descriptor_(descriptor), secret_(secret), address_(std::move(address)) {}
  int descriptor_ = -1;
  Secret secret_;
  Address address_;
};

}  // namespace celere::wire
