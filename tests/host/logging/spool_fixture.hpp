#pragma once
/// Spools in a folder of the test's own, and rows to put into them.

#include "logging/spool.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

namespace dvhost::logging {

inline loops::Names names_of(std::vector<std::string> names) {
    return std::make_shared<const std::vector<std::string>>(std::move(names));
}

class SpoolFolderTest : public ::testing::Test {
protected:
    std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                   ("dvhost-spool-" + std::to_string(::getpid()) + "-" +
                                    ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::vector<std::string> warnings;

    SpoolFolderTest() { std::filesystem::remove_all(folder); }
    ~SpoolFolderTest() override { std::filesystem::remove_all(folder); }

    Spool::Warn warn() {
        return [this](const std::string& text) { warnings.push_back(text); };
    }
};

/// "12:a=1,b=2" with the step before the colon.
inline std::string text_of(Spool& spool, const Item& item) {
    std::string text = std::to_string(item.head().step) + ":";
    for (const Record& r : item.records.subspan(1)) {
        text += (text.back() == ':' ? "" : ",") + std::string(spool.name(r)) + "=" + std::to_string(static_cast<long>(r.value));
    }
    return text;
}

inline std::vector<std::string> read_all(Spool& spool) {
    std::vector<std::string> rows;
    while (const auto item = spool.read()) {
        if (tag_of(item->head()) == kRow) rows.push_back(text_of(spool, *item));
    }
    return rows;
}

}  // namespace dvhost::logging
