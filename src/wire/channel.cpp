#include "wire/channel.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace celere::wire {
namespace {

constexpr std::string_view greeting = "CELERE1\n";
constexpr int connect_patience_ms = 1000;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Error corrupt(std::string what) { return {ErrorCode::corrupt, std::move(what), {}}; }

Error socket_error(const std::string& doing, int number) {
  const ErrorCode code = number == EADDRINUSE ? ErrorCode::busy : ErrorCode::io;
  return {code, fmt::format("{}: {}", doing, std::strerror(number)), {}};
}

Result<sockaddr_in> socket_address(const Address& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(address.port));
  if (address.port < 0 || address.port > 65535 ||
      inet_pton(AF_INET, address.host.c_str(), &out.sin_addr) != 1) {
    return bad_input(fmt::format("{}:{} is no address of IPv4", address.host, address.port));
  }
  return out;
}

void send_at_once(int descriptor) {
  const int yes = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

Framing::Framing(const Secret& secret, bool connecting)
    : secret_(secret), connecting_(connecting), own_(random_nonce()) {
  out_ = greeting;
  out_.append(reinterpret_cast<const char*>(own_.data()), own_.size());
}

void Framing::send(std::string_view message) {
  CHECK_LE(message.size(), message_bytes_max);
  if (session_) {
    write(message);
  } else {
    early_.emplace_back(message);
  }
}

void Framing::write(std::string_view message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  std::array<char, 4> head;
  for (int i = 0; i < 4; ++i)
    head[static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i));
  const Seal seal = session_->seal(connecting_, sent_count_++, bytes_of(message));
  if (out_sent_ > 0) out_.erase(0, std::exchange(out_sent_, 0));
  out_.append(head.data(), head.size());
  out_ += message;
  out_.append(reinterpret_cast<const char*>(seal.data()), seal.size());
}

void Framing::greet() {
  if (in_.size() < greeting.size() + nonce_bytes) return;
  Nonce other;
  std::memcpy(other.data(), in_.data() + greeting.size(), nonce_bytes);
  in_read_ = greeting.size() + nonce_bytes;
  session_ =
      connecting_ ? secret_.for_connection(own_, other) : secret_.for_connection(other, own_);
  for (const std::string& message : std::exchange(early_, {})) write(message);
}

Status Framing::receive(std::string_view bytes) {
  in_ += bytes;
  if (!session_) {
    const std::string_view begin = std::string_view(in_).substr(0, greeting.size());
    if (begin != greeting.substr(0, begin.size())) return corrupt("the other side is no Celere");
    greet();
    if (!session_) return Done{};
  }
  while (in_.size() - in_read_ >= 4) {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      length |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(in_[in_read_ + i])) << (8 * i);
    }
    if (length > message_bytes_max) {
      return corrupt(
          fmt::format("a message of {} bytes is longer than {}", length, message_bytes_max));
    }
    if (in_.size() - in_read_ < 4 + length + seal_bytes) break;
    const std::string_view message = std::string_view(in_).substr(in_read_ + 4, length);
    Seal seal;
    std::memcpy(seal.data(), message.data() + length, seal_bytes);
    if (!equal(seal, session_->seal(!connecting_, received_count_, bytes_of(message)))) {
      return corrupt("a message's seal is not of this run's secret");
    }
    ++received_count_;
    ready_.emplace_back(message);
    in_read_ += 4 + length + seal_bytes;
  }
  in_.erase(0, std::exchange(in_read_, 0));
  return Done{};
}

std::optional<std::string> Framing::next() {
  if (ready_read_ == ready_.size()) {
    ready_.clear();
    ready_read_ = 0;
    return std::nullopt;
  }
  return std::move(ready_[ready_read_++]);
}

std::string_view Framing::outgoing() const { return std::string_view(out_).substr(out_sent_); }

void Framing::sent(std::size_t bytes) {
  out_sent_ += bytes;
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
  }
}

Result<Channel> Channel::connect(const Secret& secret, const Address& to) {
  ASSIGN_OR_RETURN(const sockaddr_in address, socket_address(to));
  const std::string doing = fmt::format("connecting to {}:{}", to.host, to.port);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return socket_error(doing, errno);
  Channel channel(descriptor, secret, true);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EINPROGRESS) return socket_error(doing, errno);
    pollfd wait{.fd = descriptor, .events = POLLOUT, .revents = 0};
    if (::poll(&wait, 1, connect_patience_ms) != 1) return socket_error(doing, ETIMEDOUT);
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) return socket_error(doing, problem);
  }
  send_at_once(descriptor);
  return channel;
}

Channel::Channel(Channel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), framing_(std::move(other.framing_)) {}
Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(framing_, other.framing_);
  return *this;
}
Channel::~Channel() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status Channel::work() {
  while (!framing_.outgoing().empty()) {
    const std::string_view bytes = framing_.outgoing();
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      framing_.sent(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return socket_error("sending", errno);
    }
  }
  std::array<char, 65536> bytes;
  while (true) {
    const ssize_t count = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      RETURN_IF_ERROR(framing_.receive({bytes.data(), static_cast<std::size_t>(count)}));
    } else if (count == 0) {
      return Error{ErrorCode::io, "the other side has gone", {}};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Done{};
    } else if (errno != EINTR) {
      return socket_error("receiving", errno);
    }
  }
}

Result<int> listening_socket(const Address& at) {
  ASSIGN_OR_RETURN(const sockaddr_in address, socket_address(at));
  const std::string doing = fmt::format("listening at {}:{}", at.host, at.port);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return socket_error(doing, errno);
  const int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(descriptor, SOMAXCONN) != 0) {
    const int problem = errno;
    ::close(descriptor);
    return socket_error(doing, problem);
  }
  return descriptor;
}

Result<Listener> Listener::open(const Secret& secret, const Address& at) {
  ASSIGN_OR_RETURN(const int descriptor, listening_socket(at));
  Listener listener(descriptor, secret, at);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  listener.address_.port = ntohs(address.sin_port);
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      secret_(other.secret_),
      address_(std::move(other.address_)) {}
Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  secret_ = other.secret_;
  address_ = other.address_;
  return *this;
}
Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<Channel> Listener::accept() {
  const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  send_at_once(descriptor);
  return Channel(descriptor, secret_, false);
}

}  // namespace celere::wire
