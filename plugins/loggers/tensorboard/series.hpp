#pragma once
/// What stands in front of a value in an event: its tag, and of which of TensorBoard's plugins it is.

#include "wire/proto.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tensorboard {

enum class Kind { scalar, tensor_scalar, histogram, image, text };

/// A time series. Its values all have one kind.
struct Series {
    std::string tag;
    Kind kind;
    std::string head;        ///< of a scalar: everything of its Value but the number
    bool announced = false;  ///< its metadata has been written; readers take those of the first value
};

/// All series of a run, by name.
class AllSeries {
public:
    /// The series of this name and kind. A name that another kind has taken gets "/text", "/image" or "/histogram" or
    /// "/scalar" after it: TensorBoard reads a tag as what its first value was.
    Series& find(std::string_view name, Kind kind);
    /// How many names are in use.
    std::size_t size() const { return series_.size(); }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, Series, Hash, std::equal_to<>> series_;
};

/// Appends field 9 of a Value: which plugin shows it, what that plugin wants to know, and of which class its data are
/// (1 scalar, 2 tensor, 3 blob sequence).
void put_metadata(loggers::wire::Message& value, std::string_view plugin, std::string_view content, int data_class);

/// Appends a Value that holds a scalar, as field 1 of a Summary, with its metadata if it is the first.
void put_scalar(std::string& summary, Series& series, float number);

}  // namespace tensorboard
