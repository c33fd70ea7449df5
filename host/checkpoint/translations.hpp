#pragma once
/// How other projects name the weights of the networks that dvhost has.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dvhost::checkpoint {

struct Translation {
    std::string name;
    std::string prefix;                                      ///< taken off first
    std::vector<std::pair<std::string, std::string>> rules;  ///< (from, to): the first `from` that occurs is replaced
    std::vector<std::string> may_miss;                       ///< patterns of parameters that such files do not have
    std::vector<std::string> keep_on_shape_mismatch;         ///< a classifier for another number of classes
    std::vector<std::string> trained_after;  ///< what the original project trains after loading; empty: it does not say
};

/// dynvision 0.1.0 (its names are dvhost's), cornet_rt (github.com/dicarlolab/CORnet), cordsnet (github.com/wmws2/cordsnet), alexnet
/// (torchvision's, for DynVision's temporal AlexNet), torchvision (its own names).
std::vector<Translation> translations();

}  // namespace dvhost::checkpoint
