#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace demo {

/// A `flaky_server` of our own, on a free port of the loopback interface. Stopped by the destructor.
class server_process
{
public:
    /// \throws std::runtime_error when it cannot be started
    server_process(std::string const& program, std::vector<std::string> arguments);
    ~server_process();
    server_process(server_process const&) = delete;
    server_process& operator=(server_process const&) = delete;

    /// `http://127.0.0.1:PORT`
    std::string const& url() const noexcept { return url_; }

private:
    void stop() noexcept;

    pid_t child_ = -1;
    std::string url_;
};

} // namespace demo
