#pragma once

#include "script.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

namespace flaky {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// What has happened since the start, or since the last `POST /_reset`.
struct counts
{
    std::uint64_t requests = 0;
    std::uint64_t answered_2xx = 0;
    std::uint64_t answered_5xx = 0;
    std::uint64_t hung = 0;
    std::uint64_t reset = 0;
    std::uint64_t during_outage = 0;
    std::uint64_t in_flight = 0; ///< Waiting for their answer. A client who leaves ends the wait.
    std::uint64_t max_in_flight = 0;
};

/// What all sessions share.
struct stage
{
    explicit stage(settings wanted) : body_bytes(wanted.body_bytes), plan(std::move(wanted)) {}

    /// The requests in flight are still answered, but only the forgotten counts see it.
    void restart();

    std::size_t const body_bytes;
    script plan;
    std::shared_ptr<counts> tally = std::make_shared<counts>();
};

class session;

/// The server: accepts clients and lets a `session` talk to each. One thread only.
class server
{
public:
    /// \param acceptor must be listening
    server(tcp::acceptor acceptor, settings wanted);
    ~server();

    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

    /// Drops all clients and accepts no more; the context then runs out of work.
    void stop();

private:
    asio::awaitable<void> accept_clients();
    void welcome(tcp::socket client);

    tcp::acceptor acceptor_;
    stage stage_;
    std::list<session> sessions_; // without {}, which would need the complete type here
};

} // namespace flaky
