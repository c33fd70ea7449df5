#pragma once
/// The tables `expect` and `tolerance` of a case.

#include "verify/findings.hpp"
#include "verify/table_reader.hpp"

namespace dvhost::verify {

/// The number at a place of the file's text, with the size of its last digit.
Written written_number(const manifest::Node& node, std::string_view text);

/// What `expect` says; nested tables become dotted names ("gradients.layer1.conv.weight"). `text` is the whole file.
std::vector<Expected> read_expected(TableReader& reader, std::string_view text);

Tolerances read_tolerances(TableReader& reader);

}  // namespace dvhost::verify
