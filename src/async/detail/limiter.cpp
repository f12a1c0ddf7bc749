#include <keel/async/detail/limiter.hpp>

#include <boost/asio/error.hpp>

namespace keel::detail {

// A lane: which function is next

namespace {

/// The limiters whose functions are on this thread's stack, the innermost first.
class running_here
{
public:
    explicit running_here(limiter const& what) noexcept : what_(&what), outer_(innermost_)
    {
        innermost_ = this;
    }
    running_here(running_here const&) = delete;
    running_here& operator=(running_here const&) = delete;
    ~running_here() { innermost_ = outer_; }

    static bool contains(limiter const& what) noexcept
    {
        auto const* at = innermost_;
        while (at && at->what_ != &what) at = at->outer_;
        return at != nullptr;
    }

private:
    static thread_local running_here const* innermost_;

    limiter const* what_;
    running_here const* outer_;
};

thread_local running_here const* running_here::innermost_ = nullptr;

} // namespace

lane::~lane()
{
    if (function_) limiter_->give_back(function_);
}

void lane::run()
{
    struct find_the_next
    {
        lane& self;
        ~find_the_next()
        {
            self.function_ = self.limiter_->next();
            if (!self.function_) self.limiter_.reset();
        }
    };

    running_here const here(*limiter_);
    find_the_next const at_the_end{*this};
    function_.release()->run();
}

reservation::reservation(limiter& of) : limiter_(of), error_(of.reserve()), held_(!error_.failed()) {}

reservation::~reservation()
{
    if (held_) limiter_.unreserve();
}

// The limiters of one context

/// Shared by the context's service and the limiters, which may outlive it.
class limiter_registry
{
public:
    void add(limiter& l)
    {
        std::lock_guard lock(mutex_);
        l.down_ = down_;
        l.next_ = first_;
        if (first_) first_->previous_ = &l;
        first_ = &l;
    }

    void remove(limiter& l) noexcept
    {
        std::lock_guard lock(mutex_);
        (l.previous_ ? l.previous_->next_ : first_) = l.next_;
        if (l.next_) l.next_->previous_ = l.previous_;
    }

    void shut_down()
    {
        function_queue left; // destroyed after unlocking: a function may own the last copy of its executor
        std::lock_guard lock(mutex_);
        down_ = true;
        for (auto* l = first_; l; l = l->next_) l->shut_down(left);
    }

private:
    std::mutex mutex_;
    limiter* first_ = nullptr;
    bool down_ = false;
};

namespace {

class limiters final : public asio::execution_context::service
{
public:
    static inline asio::execution_context::id id;

    explicit limiters(asio::execution_context& context) : service(context) {}

    std::shared_ptr<limiter_registry> const& registry() const noexcept { return registry_; }

private:
    void shutdown() override { registry_->shut_down(); }

    std::shared_ptr<limiter_registry> const registry_ = std::make_shared<limiter_registry>();
};

} // namespace

std::shared_ptr<limiter> limiter::make(asio::execution_context& context, limited_executor_options options)
{
    return std::make_shared<limiter>(asio::use_service<limiters>(context).registry(), std::move(options));
}

limiter::limiter(std::shared_ptr<limiter_registry> registry, limited_executor_options options)
    : options_(checked("limited_executor", std::move(options))),
      registry_(std::move(registry))
{
    registry_->add(*this);
}

limiter::~limiter() { registry_->remove(*this); }

// Functions

limiter::taken limiter::take(function_ptr& f, reservation* place)
{
    std::lock_guard lock(mutex_);
    if (place && std::exchange(place->held_, false)) --reserved_;
    if (down_) return {lane(), 0};
    auto const number = queue_.push_back(std::move(f));
    if (lanes_ == options_.max_running) return {lane(), number};
    ++lanes_;
    return {lane(shared_from_this(), queue_.pop_front()), number};
}

lane limiter::start_waiting()
{
    std::lock_guard lock(mutex_);
    if (lanes_ == options_.max_running || queue_.empty()) return {};
    ++lanes_;
    return {shared_from_this(), queue_.pop_front()};
}

function_ptr limiter::withdraw(std::uint64_t number)
{
    std::lock_guard lock(mutex_);
    return queue_.extract(number);
}

function_ptr limiter::next() noexcept
{
    std::lock_guard lock(mutex_);
    auto f = queue_.pop_front();
    if (!f) --lanes_;
    return f;
}

void limiter::give_back(function_ptr& f) noexcept
{
    std::lock_guard lock(mutex_);
    --lanes_;
    if (!down_) queue_.push_front(std::move(f));
}

error_code limiter::reserve()
{
    std::lock_guard lock(mutex_);
    if (down_) return asio::error::operation_aborted;
    if (!has_room()) return errc::queue_full;
    ++reserved_;
    return {};
}

void limiter::unreserve() noexcept
{
    std::lock_guard lock(mutex_);
    --reserved_;
}

bool limiter::has_room() const noexcept
{
    auto const here = lanes_ + queue_.size() + reserved_;
    return here < options_.max_running || here - options_.max_running < options_.max_queue;
}

void limiter::shut_down(function_queue& left)
{
    std::lock_guard lock(mutex_);
    down_ = true;
    left.append(queue_);
}

bool limiter::runs_here() const noexcept { return running_here::contains(*this); }

limited_executor_snapshot limiter::snapshot() const
{
    std::lock_guard lock(mutex_);
    return {lanes_, queue_.size(), options_.max_running, options_.max_queue};
}

} // namespace keel::detail
