#pragma once
/// Text in aligned columns.

#include <string>
#include <vector>

namespace dvhost::cli {

/// Rows of equal length; the first may be a header. Columns are as wide as their widest cell, two spaces apart; the last is ragged.
std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "");

}  // namespace dvhost::cli
