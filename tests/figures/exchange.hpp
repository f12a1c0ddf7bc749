#pragma once

#include <keel/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace keel::figures {

namespace asio = boost::asio;

using reply = std::tuple<error_code>;

/// What travels from a client to a server. A client that waits no longer leaves; nobody tells the server,
/// which may look, and whose answer goes nowhere.
class request
{
public:
    explicit request(asio::any_io_executor const& executor) : mailbox_(std::in_place, executor, 1) {}

    auto async_answer() { return mailbox_->async_receive(asio::as_tuple(asio::use_awaitable)); }
    void leave() { mailbox_.reset(); }

    bool abandoned() const { return !mailbox_; }
    void answer(error_code e = {})
    {
        if (mailbox_) mailbox_->try_send(e);
    }

private:
    std::optional<asio::experimental::channel<void(error_code)>> mailbox_;
};

using message = std::shared_ptr<request>;

/// The client, for as long as it waits.
class waiting_client
{
public:
    explicit waiting_client(message m) : message_(std::move(m)) {}
    waiting_client(waiting_client const&) = delete;
    waiting_client& operator=(waiting_client const&) = delete;
    ~waiting_client() { message_->leave(); }

private:
    message message_;
};

/// What a server answers that does not want to work.
inline error_code refused() { return asio::error::try_again; }

} // namespace keel::figures
