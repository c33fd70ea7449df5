#include "manifest/suggest.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace dvhost::manifest {
namespace {

/// Longer words are text, not names; comparing them would cost time and help nobody.
constexpr std::size_t kLongestWord = 256;

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// Damerau-Levenshtein distance (optimal string alignment: no part is edited twice).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(current);
    }
    return last[b.size()];
}

}  // namespace

std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates) {
    if (word.size() > kLongestWord) return std::nullopt;
    const std::string wanted = lower_case(word);
    std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
    std::optional<std::string> best;
    for (const std::string& candidate : candidates) {
        const std::size_t longer = std::max(word.size(), candidate.size());
        if (longer - std::min(word.size(), candidate.size()) > allowed) continue;
        const std::size_t edits = distance(wanted, lower_case(candidate));
        if (edits > allowed || edits >= longer || (best && edits == allowed)) continue;
        best = candidate;
        allowed = edits;
    }
    return best;
}

}  // namespace dvhost::manifest
