#include <keel/async/detail/frame_pool.hpp>

namespace keel::detail {

thread_local constinit frame_pool::stacks frame_pool::own{};

class frame_pool::end_of_thread
{
public:
    void expect() noexcept { own.is_watched = true; }

    ~end_of_thread()
    {
        own.is_over = true;
        own.is_watched = false;
        for (auto& s : own.of_size)
            while (auto* const block = s.first) {
                s.first = block->next;
                ::operator delete(block);
            }
    }
};

bool frame_pool::watch() noexcept
{
    static thread_local end_of_thread at_the_end;
    if (!own.is_over) at_the_end.expect();
    return own.is_watched;
}

} // namespace keel::detail
