#include "server_process.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <system_error>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace demo {
namespace {

constexpr std::string_view greeting = "listening on ";

/// Both ends of a pipe, closed when they are no longer needed.
struct pipe_ends
{
    pipe_ends()
    {
        if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    }
    pipe_ends(pipe_ends const&) = delete;
    pipe_ends& operator=(pipe_ends const&) = delete;
    ~pipe_ends()
    {
        close_end(0);
        close_end(1);
    }

    void close_end(std::size_t which)
    {
        if (ends[which] >= 0) ::close(ends[which]);
        ends[which] = -1;
    }

    std::array<int, 2> ends{-1, -1};
};

pid_t spawn(std::string const& program, std::vector<std::string>& arguments, pipe_ends& out)
{
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, out.ends[0]);
    pid_t child = -1;
    auto const error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::system_error(error, std::generic_category(), program);
    return child;
}

/// The first line the server writes; empty if it ends without one.
std::string first_line(int from)
{
    std::string line;
    for (char c = 0; ::read(from, &c, 1) == 1 && c != '\n';) line += c;
    return line;
}

} // namespace

server_process::server_process(std::string const& program, std::vector<std::string> arguments)
{
    pipe_ends out;
    child_ = spawn(program, arguments, out);
    out.close_end(1);
    auto const line = first_line(out.ends[0]);
    if (!line.starts_with(greeting)) {
        stop();
        throw std::runtime_error(program + " did not start");
    }
    url_ = "http://" + line.substr(greeting.size());
}

server_process::~server_process() { stop(); }

void server_process::stop() noexcept
{
    if (child_ < 0) return;
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
}

} // namespace demo
