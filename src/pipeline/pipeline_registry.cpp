#include <keel/pipeline/pipeline_registry.hpp>

#include <keel/pipeline/detail/custody.hpp>

#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <variant>

namespace keel {

class pipeline_registry::state
{
public:
    using named = std::variant<pipeline, pipeline_family>;

    explicit state(pipeline_family_options families)
        : families_(checked("pipeline_registry", std::move(families)))
    {}

    pipeline_family_options const& families() const noexcept { return families_; }

    void add(std::string name, named what)
    {
        if (name.empty()) throw std::invalid_argument("pipeline_registry: a name is empty");
        std::lock_guard lock(mutex_);
        if (!held_.try_emplace(name, std::move(what)).second)
            throw std::invalid_argument("pipeline_registry: the name \"" + name + "\" is given twice");
    }

    /// What has this name, if it is a `Kind`.
    template <class Kind>
    Kind at(std::string_view name) const
    {
        std::lock_guard lock(mutex_);
        auto const found = held_.find(name);
        if (found == held_.end()) throw unknown_name(complain<Kind>(name));
        if (auto const* const wanted = std::get_if<Kind>(&found->second)) return *wanted;
        throw unknown_name(complain<Kind>(name) + hint<Kind>(name));
    }

    bool contains(std::string_view name) const
    {
        std::lock_guard lock(mutex_);
        return held_.find(name) != held_.end();
    }

    std::map<std::string, named, std::less<>> all() const
    {
        std::lock_guard lock(mutex_);
        return held_;
    }

private:
    template <class Kind>
    static constexpr bool is_family = std::is_same_v<Kind, pipeline_family>;

    template <class Kind>
    std::string complain(std::string_view name) const
    {
        std::string known;
        for (auto const& [each, what] : held_)
            if (std::holds_alternative<Kind>(what)) known += (known.empty() ? "" : ", ") + each;
        return std::string("pipeline_registry: no ") + (is_family<Kind> ? "family" : "pipeline") +
               " is named \"" + std::string(name) + "\"; there are: " + (known.empty() ? "none" : known);
    }

    template <class Kind>
    static std::string hint(std::string_view name)
    {
        auto const it = "; \"" + std::string(name) + "\" is a ";
        return it + (is_family<Kind> ? "single pipeline: ask for it without a key, by `at`"
                                     : "family: ask for one of its pipelines with a key, by `get`");
    }

    pipeline_family_options const families_;
    mutable std::mutex mutex_;
    std::map<std::string, named, std::less<>> held_;
};

pipeline_registry::pipeline_registry(pipeline_family_options families)
    : state_(std::make_shared<state>(std::move(families)))
{}

void pipeline_registry::add(std::string name, pipeline what) const
{
    state_->add(std::move(name), std::move(what));
}

pipeline_family pipeline_registry::define(std::string name, pipeline_family::factory make) const
{
    return define(std::move(name), state_->families(), std::move(make));
}

pipeline_family pipeline_registry::define(std::string name, pipeline_family_options options,
                                          pipeline_family::factory make) const
{
    options.name = name;
    pipeline_family family(std::move(options), std::move(make));
    state_->add(std::move(name), family);
    return family;
}

pipeline pipeline_registry::at(std::string_view name) const { return state_->at<pipeline>(name); }

pipeline pipeline_registry::get(std::string_view family_name, std::string_view key, time_point now) const
{
    return family(family_name).get(key, now);
}

pipeline_family pipeline_registry::family(std::string_view name) const
{
    return state_->at<pipeline_family>(name);
}

bool pipeline_registry::contains(std::string_view name) const { return state_->contains(name); }

std::vector<std::string> pipeline_registry::names() const
{
    std::vector<std::string> names;
    for (auto const& [name, unused] : state_->all()) names.push_back(name);
    return names;
}

std::size_t pipeline_registry::sweep(time_point now) const
{
    std::size_t dropped = 0;
    for (auto const& [unused, what] : state_->all())
        if (auto const* const family = std::get_if<pipeline_family>(&what)) dropped += family->sweep(now);
    return dropped;
}

std::vector<pipeline_entry> pipeline_registry::entries(time_point now) const
{
    std::vector<pipeline_entry> all;
    for (auto const& [name, what] : state_->all()) {
        if (auto const* const family = std::get_if<pipeline_family>(&what)) {
            auto some = family->entries(now);
            std::move(some.begin(), some.end(), std::back_inserter(all));
        } else {
            auto keeps = detail::custody::state_of(std::get<pipeline>(what), now);
            all.push_back({name, {}, false, {}, std::move(keeps)});
        }
    }
    return all;
}

} // namespace keel
