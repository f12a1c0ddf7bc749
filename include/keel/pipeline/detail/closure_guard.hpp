#pragma once

#include <string_view>
#include <type_traits>

// GCC before 15 may destroy a temporary twice when its full expression also contains `co_await`: closures
// with captures that have destructors, and aggregates with members that have destructors, which is what users
// write:
//
//     co_await payments([token] { return charge(token); });     // double free on these compilers
//
// So there such temporaries do not compile as arguments of a pipeline, nor does calling a pipeline that is
// itself a temporary: its options would be. Verified on GCC 12.2; assumed up to 14. What cannot be seen from
// here is a temporary std::function made from such a closure. For a compiler known to be good, define
// KEEL_TRUST_CLOSURE_TEMPORARIES for the whole program.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 15 && !defined(KEEL_TRUST_CLOSURE_TEMPORARIES)
#define KEEL_GUARDS_TEMPORARIES 1
#else
#define KEEL_GUARDS_TEMPORARIES 0
#endif

#define KEEL_DOOMED_CLOSURE                                                                                  \
    "keel: this compiler destroys a temporary lambda twice when it captures something with a destructor "    \
    "and stands "                                                                                            \
    "next to co_await. Capture by reference, or give the lambda a name and pass that, or pass the captured " \
    "values "                                                                                                \
    "as arguments: pipeline(fn, args...)."

namespace keel::detail {

/// GCC spells a closure type `scope::<lambda(parameters)>`; a type that only mentions one in its template
/// arguments ends otherwise. There is no trait for it.
template <class T>
constexpr bool is_closure() noexcept
{
#if KEEL_GUARDS_TEMPORARIES
    std::string_view name = __PRETTY_FUNCTION__;
    auto const end = name.rfind(']');
    name = name.substr(0, end);
    if (auto const more = name.find("; ");
        more != std::string_view::npos && name.find("<lambda", more) == more)
        name = name.substr(0, more);
    if (name.empty() || name.back() != '>') return false;
    auto depth = 0;
    for (auto i = name.size(); i-- > 0;) {
        if (name[i] == '>' && (i == 0 || name[i - 1] != '-')) ++depth;
        if (name[i] == '<' && --depth == 0) return name.substr(i).substr(0, 8) == "<lambda(";
    }
#endif
    return false;
}

/// Whether an argument of this (deduced forwarding) type may be a temporary that the compiler destroys twice.
template <class A>
inline constexpr bool is_doomed_temporary =
    KEEL_GUARDS_TEMPORARIES && !std::is_reference_v<A> && std::is_class_v<A> &&
    !std::is_trivially_destructible_v<A> && (std::is_aggregate_v<A> || is_closure<A>());

} // namespace keel::detail
