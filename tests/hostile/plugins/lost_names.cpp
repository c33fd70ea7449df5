// Uses five names that nobody has, one that everybody has, and one that may be absent.
#include <cstdio>
#include <string>

namespace lost {
void one();
int two(int);
double three(const std::string&);
struct Four {
    void five(char);
};
}  // namespace lost
extern "C" void plain_c_name();
extern "C" [[gnu::weak]] void may_be_absent();

extern "C" void use_them() {
    lost::one();
    lost::two(2);
    lost::three("3");
    lost::Four().five('5');
    plain_c_name();
    if (may_be_absent) may_be_absent();
    std::puts("all there");
}
