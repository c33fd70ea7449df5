#pragma once
/// Names as MLflow takes them.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace mlflow {

inline constexpr std::size_t kLongestKey = 250;     ///< characters
inline constexpr std::size_t kLongestParam = 6000;  ///< of a parameter's value
inline constexpr std::size_t kLongestTag = 5000;    ///< of a tag's value

/// A name made of letters, digits and `_ - . : / space`, that is a path without empty parts, "." and "..": anything
/// else becomes '_'. Letters and digits are Unicode's, as in Python's \w.
std::string valid_key(std::string_view name);

/// valid_key() for a run's names, made so that two names never share one key: the second gets "_2" behind it.
class Keys {
public:
    /// Lives as long as this object.
    const std::string& of(std::string_view name);

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, std::string, Hash, std::equal_to<>> keys_;
    std::unordered_set<std::string> taken_;
};

}  // namespace mlflow
