#include <keel/async/bulkhead_registry.hpp>

#include <stdexcept>

namespace keel {
namespace {

bulkhead_options sized(std::size_t max_concurrent, std::size_t max_queue)
{
    bulkhead_options o;
    o.max_concurrent = max_concurrent;
    o.max_queue = max_queue;
    return o;
}

} // namespace

bulkhead_registry::compartment::compartment(std::string of, std::size_t max_concurrent, std::size_t max_queue)
    : compartment(std::move(of), sized(max_concurrent, max_queue))
{}

bulkhead_registry::compartment::compartment(std::string of, bulkhead_options with,
                                            std::optional<run_on> elsewhere)
    : name(std::move(of)),
      options(std::move(with)),
      where(std::move(elsewhere))
{
    options.name = name;
}

bulkhead_registry::bulkhead_registry(std::initializer_list<compartment> compartments)
{
    for (auto const& c : compartments) {
        if (c.name.empty()) throw std::invalid_argument("bulkhead_registry: a compartment has an empty name");
        auto const made = c.where ? bulkhead(c.options, *c.where) : bulkhead(c.options);
        if (!held_.try_emplace(c.name, made).second)
            throw std::invalid_argument("bulkhead_registry: the compartment \"" + c.name +
                                        "\" is given twice");
    }
}

bulkhead const& bulkhead_registry::at(std::string_view name) const
{
    if (auto const found = held_.find(name); found != held_.end()) return found->second;
    std::string known;
    for (auto const& [each, unused] : held_) known += (known.empty() ? "" : ", ") + each;
    throw unknown_name("bulkhead_registry: no compartment is named \"" + std::string(name) +
                       "\"; there are: " + known);
}

void bulkhead_registry::resize(std::string_view name, std::size_t max_concurrent, time_point now) const
{
    at(name).resize(max_concurrent, now);
}

} // namespace keel
