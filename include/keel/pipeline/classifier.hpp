#pragma once

#include <keel/core/failure.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace keel {

namespace detail {

struct typed_judge
{
    explicit typed_judge(std::type_info const& t) : judges(&t) {}
    typed_judge(typed_judge const&) = delete;
    typed_judge& operator=(typed_judge const&) = delete;
    virtual ~typed_judge() = default;

    std::type_info const* judges;
};

template <class T>
struct judge_of final : typed_judge
{
    explicit judge_of(std::function<judgement(T const&)> f) : typed_judge(typeid(T)), judge(std::move(f)) {}

    std::function<judgement(T const&)> judge;
};

template <class>
struct only_parameter;
template <class R, class C, class A>
struct only_parameter<R (C::*)(A) const>
{
    using type = std::remove_cvref_t<A>;
};
template <class R, class C, class A>
struct only_parameter<R (C::*)(A) const noexcept>
{
    using type = std::remove_cvref_t<A>;
};

template <class F>
struct parameter_of
{
    using type = typename only_parameter<decltype(&F::operator())>::type;
};
template <class R, class A>
struct parameter_of<R (*)(A)>
{
    using type = std::remove_cvref_t<A>;
};

} // namespace detail

/// Tells a pipeline what a result means: a function from one type to a `verdict`, or to a `judgement` that
/// also names the least wait before another attempt. Stands anywhere in the pipeline's list; one per type, or
/// the pipeline's constructor throws `std::invalid_argument`. Those of a pipeline that stands in the list are
/// for types that have none here, nor in one before it.
///
///     keel::classifier{[](response const& r) { return r.status < 500 ? verdict::success : verdict::failure;
///     }}
///
/// For `failure const&` it judges what the operation threw, or the error its result carries. Results of types
/// without a classifier are successes, errors are failures. It also judges what a fallback answers. If it
/// throws, the call ends with what it threw.
class classifier
{
public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, classifier>)
    explicit classifier(F&& f) : judge_(make(std::forward<F>(f)))
    {}

    std::shared_ptr<detail::typed_judge const> const& judge() const noexcept { return judge_; }

private:
    template <class F>
    static std::shared_ptr<detail::typed_judge const> make(F&& f)
    {
        using T = typename detail::parameter_of<std::decay_t<F>>::type;
        return std::make_shared<detail::judge_of<T>>(std::function<judgement(T const&)>(std::forward<F>(f)));
    }

    std::shared_ptr<detail::typed_judge const> judge_;
};

} // namespace keel
