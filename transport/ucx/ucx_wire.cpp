#include "transport/ucx/ucx_wire.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include "core/error.h"
#include "transport/ucx/neighbour.h"

namespace yoke::transport::ucx {
namespace {

constexpr unsigned kActiveMessage = 1;
// Pieces on their way to one rank: 256 KiB over shared memory, where a queue holds 16 pieces of all senders; 1 MiB over TCP.
constexpr uint32_t kSharedMemoryWindow = 8;
constexpr uint32_t kTcpWindow = 16;
// Closing by force frees requests at once, or after a few calls of progress.
constexpr Duration kForcedClose = std::chrono::milliseconds(100);

struct Link {
  ucp_ep_h endpoint = nullptr;
  int process = -1;         // polls readable once the peer's process has ended
  bool shared_memory = false;
  void* pending = nullptr;  // request of the piece that is being sent
  PieceLabel label;         // of that piece
  std::string lost;
};

class UcxWire final : public Wire {
 public:
  UcxWire(std::unique_ptr<Worker> worker, int rank, const std::vector<PeerAddress>& peers);
  ~UcxWire() override;

  std::string_view backend() const override { return "ucx"; }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(links_.size()); }
  void set_receiver(PieceReceiver* receiver) override { receiver_ = receiver; }
  uint64_t piece_bytes(int to) const override { return links_[to].shared_memory ? kSharedMemoryPieceBytes : kTcpPieceBytes; }
  uint32_t window(int to) const override { return links_[to].shared_memory ? kSharedMemoryWindow : kTcpWindow; }

  bool try_send(int to, const PieceLabel& label, std::span<const std::byte> bytes) override;
  bool busy(int to) override { return links_[to].pending != nullptr && !settled(links_[to]); }
  bool progress() override { return ucp_worker_progress(worker_->handle()) != 0; }
  void wait(Duration at_most) override;
  void interrupt() noexcept override;
  std::string_view lost(int peer) const override { return links_[peer].lost; }
  void close(Duration flush) noexcept override;

 private:
  void connect(Link& link, const PeerAddress& peer);
  static bool settled(Link& link);
  void flush(Duration at_most);
  bool progress_until_done(std::vector<void*>& requests, Duration at_most);
  static ucs_status_t on_message(void* self, const void* header, size_t header_bytes, void* data, size_t bytes,
                                 const ucp_am_recv_param_t* param);
  static void on_error(void* link, ucp_ep_h endpoint, ucs_status_t status);

  const std::unique_ptr<Worker> worker_;
  const int rank_;
  int interrupt_ = -1;
  PieceReceiver* receiver_ = nullptr;
  std::vector<Link> links_;  // never grows: UCX holds pointers to them
};

UcxWire::UcxWire(std::unique_ptr<Worker> worker, int rank, const std::vector<PeerAddress>& peers)
    : worker_(std::move(worker)), rank_(rank), links_(peers.size()) {
  interrupt_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (interrupt_ < 0) throw Error{Code::unavailable, "no eventfd: too many open files"};
  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS | UCP_AM_HANDLER_PARAM_FIELD_CB |
                       UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = kActiveMessage;
  handler.flags = UCP_AM_FLAG_WHOLE_MSG;
  handler.cb = on_message;
  handler.arg = this;
  check(ucp_worker_set_am_recv_handler(worker_->handle(), &handler), "setting UCX's receiver");
  try {
    for (size_t r = 0; r < peers.size(); ++r) {
      if (static_cast<int>(r) != rank_) connect(links_[r], peers[r]);
    }
  } catch (const Error&) {
    close(Duration::zero());
    ::close(interrupt_);
    throw;
  }
}

UcxWire::~UcxWire() {
  close(Duration::zero());
  ::close(interrupt_);
}

void UcxWire::connect(Link& link, const PeerAddress& peer) {
  link.shared_memory = peer.shared_memory;
  if (peer.pid != 0) link.process = open_process(peer.pid);
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(peer.worker.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {.cb = on_error, .arg = &link};
  check(ucp_ep_create(worker_->handle(), &params, &link.endpoint), "connecting to a peer with UCX");
}

bool UcxWire::try_send(int to, const PieceLabel& label, std::span<const std::byte> bytes) {
  Link& link = links_[to];
  if (busy(to) || !link.lost.empty()) return false;
  link.label = label;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_AM_SEND_FLAG_EAGER;
  void* const request = ucp_am_send_nbx(link.endpoint, kActiveMessage, &link.label, sizeof link.label, bytes.data(), bytes.size(), &param);
  if (request == nullptr) return true;
  if (UCS_PTR_IS_ERR(request)) {
    on_error(&link, link.endpoint, UCS_PTR_STATUS(request));
    return false;
  }
  link.pending = request;
  return true;
}

// Frees the request of a piece that has left.
bool UcxWire::settled(Link& link) {
  const ucs_status_t status = ucp_request_check_status(link.pending);
  if (status == UCS_INPROGRESS) return false;
  ucp_request_free(link.pending);
  link.pending = nullptr;
  if (status != UCS_OK) on_error(&link, link.endpoint, status);
  return true;
}

void UcxWire::wait(Duration at_most) {
  if (ucp_worker_arm(worker_->handle()) != UCS_OK) {  // something came in between, or a piece waits for room, which wakes nobody
    sched_yield();
    return;
  }
  std::vector<pollfd> fds{{worker_->event_fd(), POLLIN, 0}, {interrupt_, POLLIN, 0}};
  std::vector<Link*> watched;
  for (Link& link : links_) {
    if (link.process < 0 || !link.lost.empty()) continue;
    fds.push_back({link.process, POLLIN, 0});
    watched.push_back(&link);
  }
  const timespec timeout{at_most.count() / 1'000'000'000, at_most.count() % 1'000'000'000};
  if (ppoll(fds.data(), fds.size(), &timeout, nullptr) <= 0) return;
  for (size_t i = 0; i < watched.size(); ++i) {
    if (fds[i + 2].revents != 0) watched[i]->lost = "its process has ended";
  }
}

void UcxWire::interrupt() noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(interrupt_, &one, sizeof one);  // full is as good: it stays readable
}

void UcxWire::close(Duration flush_at_most) noexcept {
  if (flush_at_most > Duration::zero()) flush(flush_at_most);
  std::vector<void*> requests;
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  for (Link& link : links_) {
    if (link.endpoint != nullptr) requests.push_back(ucp_ep_close_nbx(link.endpoint, &param));
    link.endpoint = nullptr;
    if (link.pending != nullptr) requests.push_back(link.pending);
    link.pending = nullptr;
    if (link.process >= 0) ::close(link.process);
    link.process = -1;
  }
  progress_until_done(requests, kForcedClose);
}

void UcxWire::flush(Duration at_most) {
  std::vector<void*> requests;
  const ucp_request_param_t param{};
  for (Link& link : links_) {
    if (link.endpoint != nullptr && link.lost.empty()) requests.push_back(ucp_ep_flush_nbx(link.endpoint, &param));
  }
  progress_until_done(requests, at_most);
}

// Frees the requests; those still in progress at the end are UCX's to complete.
bool UcxWire::progress_until_done(std::vector<void*>& requests, Duration at_most) {
  std::erase_if(requests, [](void* request) { return !UCS_PTR_IS_PTR(request); });
  const TimePoint end = system_clock().now() + at_most;
  const auto all_done = [&] {
    for (void* request : requests) {
      if (ucp_request_check_status(request) == UCS_INPROGRESS) return false;
    }
    return true;
  };
  while (!all_done() && system_clock().now() < end) ucp_worker_progress(worker_->handle());
  const bool done = all_done();
  for (void* request : requests) ucp_request_free(request);
  return done;
}

// Data that would have to be fetched, or a header that is none of ours, comes from no rank of ours: dropped.
ucs_status_t UcxWire::on_message(void* self, const void* header, size_t header_bytes, void* data, size_t bytes,
                                 const ucp_am_recv_param_t* param) {
  UcxWire& wire = *static_cast<UcxWire*>(self);
  if (wire.receiver_ == nullptr || header_bytes != sizeof(PieceLabel) || (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0) return UCS_OK;
  PieceLabel label;
  std::memcpy(&label, header, sizeof label);
  wire.receiver_->on_piece(label, {static_cast<const std::byte*>(data), bytes});
  return UCS_OK;
}

void UcxWire::on_error(void* link, ucp_ep_h, ucs_status_t status) {
  std::string& lost = static_cast<Link*>(link)->lost;
  if (lost.empty()) lost = ucs_status_string(status);
}

}  // namespace

std::unique_ptr<Wire> make_wire(std::unique_ptr<Worker> worker, int rank, const std::vector<PeerAddress>& peers) {
  return std::make_unique<UcxWire>(std::move(worker), rank, peers);
}

}  // namespace yoke::transport::ucx
