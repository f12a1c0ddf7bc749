#include <keel/pipeline/pipeline.hpp>

#include <utility>

namespace keel {

std::shared_ptr<detail::plan> pipeline::begin(pipeline_options options)
{
    auto made = std::make_shared<detail::plan>();
    made->name = std::move(options.name);
    made->instance = std::move(options.instance);
    made->sink = std::move(options.sink);
    made->idempotent = options.idempotent;
    made->accepted = std::move(options.accepted);
    return made;
}

void pipeline::adopt(std::shared_ptr<detail::plan> made, on_finding what)
{
    made->complete();
    detail::inspect(*made, what);
    terms_ = detail::shared_terms::counted_apart(std::make_shared<detail::terms const>(std::move(made)));
}

} // namespace keel
