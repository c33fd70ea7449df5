#include "registry/door.hpp"

#include <dv/abi.h>

#include <gtest/gtest.h>

namespace dvhost::registry {
namespace {

dv_status create(const dv_host*, const dv_config*, void**) { return DV_OK; }
void destroy(void*) {}
const void* query(void*, const char*, std::uint32_t) { return nullptr; }

TEST(CopyKnown, TakesAllOfAStructOfTheSameAge) {
    const dv_component component{sizeof(dv_component), 1, "dv.logger", "a.b.c", nullptr, create, destroy, query};
    const dv_component copy = copy_known(&component);
    EXPECT_EQ(copy.query, query);
    EXPECT_EQ(copy.size, sizeof(dv_component));
}

TEST(CopyKnown, LeavesNullWhatAnOlderPluginLacks) {
    const dv_component component{
        offsetof(dv_component, query), 1, "dv.logger", "a.b.c", nullptr, create, destroy, query};
    const dv_component copy = copy_known(&component);
    EXPECT_EQ(copy.destroy, destroy);
    EXPECT_EQ(copy.query, nullptr);  // bytes behind `size` are not the plugin's promise
    EXPECT_FALSE(DV_HAS(&copy, query));
}

TEST(CopyKnown, TakesNoHalfPointers) {
    const dv_component component{
        offsetof(dv_component, destroy) + 4, 1, "dv.logger", "a.b.c", nullptr, create, destroy, query};
    EXPECT_EQ(copy_known(&component).destroy, nullptr);
}

TEST(CopyKnown, LeavesOutWhatANewerPluginAdded) {
    const struct {
        dv_component known;
        void* unknown[4];
    } newer{{sizeof newer, 1, "dv.logger", "a.b.c", nullptr, create, destroy, query}, {}};
    const dv_component copy = copy_known(&newer.known);
    EXPECT_EQ(copy.query, query);
    EXPECT_EQ(copy.size, sizeof newer);
}

}  // namespace
}  // namespace dvhost::registry
