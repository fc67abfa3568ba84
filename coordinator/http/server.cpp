#include "coordinator/http/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "coordinator/http/connection.h"
#include "core/error.h"

namespace yoke::coordinator::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kThreads = 2;
// Clients that are being told that all places are taken; more are closed without a word.
constexpr int kTurnedAway = 32;
// Out of file descriptors, mostly: they come back when connections end.
constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);

class ReadyAnswer : public Answer {
 public:
  explicit ReadyAnswer(Response response) : response_(std::move(response)) {}
  void advance(Turn, Responder& out) override { out.respond(std::move(response_)); }

 private:
  Response response_;
};

std::vector<asio::ip::address> addresses_of(const std::string& host) {
  error_code ec;
  const asio::ip::address literal = asio::ip::make_address(host, ec);
  if (!ec) return {literal};
  asio::io_context context;
  tcp::resolver resolver(context);
  std::vector<asio::ip::address> found;
  for (const auto& entry : resolver.resolve(host, "0", tcp::resolver::passive, ec)) {
    found.push_back(entry.endpoint().address());
  }
  std::stable_partition(found.begin(), found.end(), [](const auto& address) { return address.is_v4(); });
  return found;
}

tcp::acceptor listen_on(const asio::any_io_executor& strand, const std::string& host, uint16_t port) {
  const auto addresses = addresses_of(host);
  if (addresses.empty()) throw Error(Code::unavailable, "cannot listen: the host " + host + " has no address");
  const tcp::endpoint endpoint(addresses.front(), port);
  try {
    return tcp::acceptor(strand, endpoint, /*reuse_addr=*/true);
  } catch (const boost::system::system_error& error) {
    throw Error(Code::unavailable,
                fmt::format("cannot listen on {}:{}: {}; stop what holds it or choose another --port", host, port,
                            error.code().message()),
                "port");
  }
}

}  // namespace

std::unique_ptr<Answer> make_answer(Response response) { return std::make_unique<ReadyAnswer>(std::move(response)); }

bool is_loopback(const std::string& host) {
  const auto addresses = addresses_of(host);
  return !addresses.empty() &&
         std::all_of(addresses.begin(), addresses.end(), [](const auto& address) { return address.is_loopback(); });
}

struct Server::State {
  State(const std::string& host, uint16_t wanted_port, const Limits& limits_in, Handler& handler_in)
      : limits(limits_in), handler(handler_in), acceptor(listen_on(asio::make_strand(io), host, wanted_port)) {
    port = acceptor.local_endpoint().port();
  }

  asio::awaitable<void> accept_forever();
  void admit(tcp::socket socket);
  void work();

  const Limits limits;
  Handler& handler;
  asio::io_context io{kThreads};
  tcp::acceptor acceptor;  // on a strand of its own
  uint16_t port = 0;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable emptied;
  std::map<const Connection*, std::weak_ptr<Connection>> open;
  int turned_away = 0;
  bool stopping = false;
};

asio::awaitable<void> Server::State::accept_forever() {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    auto [ec, socket] = co_await acceptor.async_accept(asio::any_io_executor(asio::make_strand(io)),
                                                     asio::as_tuple(asio::use_awaitable));
    if (!ec) {
      admit(std::move(socket));
      continue;
    }
    if (!acceptor.is_open()) break;
    pause.expires_after(kAcceptRetry);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Server::State::admit(tcp::socket socket) {
  const asio::any_io_executor strand = socket.get_executor();
  std::shared_ptr<Connection> connection;
  bool full = false;
  {
    std::lock_guard lock(mutex);
    const int taken = static_cast<int>(open.size()) - turned_away;
    full = taken >= limits.connections;
    if (stopping || (full && turned_away >= kTurnedAway)) return;
    connection = std::make_shared<Connection>(std::move(socket), limits, handler);
    open.emplace(connection.get(), connection);
    turned_away += full ? 1 : 0;
  }
  const Connection* key = connection.get();
  auto serve = full ? connection->turn_away() : connection->run();
  asio::co_spawn(strand, std::move(serve), [this, connection, key, full](std::exception_ptr fault) {
    if (fault) spdlog::error("http: a connection ended by an exception");
    std::lock_guard lock(mutex);
    open.erase(key);
    turned_away -= full ? 1 : 0;
    if (open.empty()) emptied.notify_all();
  });
}

void Server::State::work() {
  while (true) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      spdlog::error("http: {}", error.what());
    }
  }
}

Server::Server(const std::string& host, uint16_t port, const Limits& limits, Handler& handler)
    : state_(std::make_unique<State>(host, port, limits, handler)) {
  asio::co_spawn(state_->acceptor.get_executor(), state_->accept_forever(), asio::detached);
  for (int i = 0; i < kThreads; ++i) state_->threads.emplace_back([state = state_.get()] { state->work(); });
}

Server::~Server() { stop(); }

uint16_t Server::port() const { return state_->port; }

void Server::stop(Duration within) {
  if (state_->threads.empty()) return;
  asio::post(state_->acceptor.get_executor(), [state = state_.get()] {
    error_code ignored;
    state->acceptor.close(ignored);
  });
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    for (const auto& [key, weak] : state_->open) {
      if (const auto connection = weak.lock()) connection->stop(within);
    }
    // A little more than the connections have: they close themselves, this only catches a fault.
    state_->emptied.wait_for(lock, within + std::chrono::milliseconds(300), [&] { return state_->open.empty(); });
  }
  state_->io.stop();
  for (std::thread& thread : state_->threads) thread.join();
  state_->threads.clear();
}

}  // namespace yoke::coordinator::http
