"""What layout.py calls a broken promise, and what not; what c_door.py and torch_door.py refuse to read."""
import unittest

import c_door
import layout
import torch_door

STRUCT = """struct dv_row size 16 align 8
  0 +4   size             uint32_t
  4 +4   n                uint32_t
  8 +8   step             int64_t
"""
FROZEN = """struct dv_metric size 8 align 8
  0 +8   value            double
"""
ENUM = """enum dv_phase
  DV_SETUP = 0
  DV_FIT_START = 1
  DV_N_PHASES = 2
"""


class PromiseTest(unittest.TestCase):
    def refused(self, old, new, *words):
        problems = layout.broken_promises(old, new)
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])

    def accepted(self, old, new):
        self.assertEqual(layout.broken_promises(old, new), [])

    def test_the_same_layout_breaks_nothing(self):
        text = STRUCT + FROZEN + ENUM
        self.accepted(text, text)

    def test_a_field_may_be_appended(self):
        self.accepted(STRUCT, STRUCT.replace("size 16", "size 24") + "  16 +8   epoch            int64_t\n")

    def test_a_struct_without_size_may_not_grow(self):
        self.refused(FROZEN, FROZEN.replace("size 8", "size 16") + "  8 +8   more             double\n", "dv_metric", "'more'")

    def test_a_field_may_not_be_removed(self):
        self.refused(STRUCT, STRUCT.replace("  8 +8   step             int64_t\n", ""), "'step'", "removed")

    def test_fields_may_not_swap(self):
        swapped = STRUCT.replace(" n ", " x ").replace(" size  ", " n     ").replace(" x ", " size ")
        self.refused(STRUCT, swapped, "field 0")

    def test_a_field_may_not_be_retyped(self):
        self.refused(STRUCT, STRUCT.replace("int64_t", "double"), "int64_t", "double")

    def test_a_functions_arguments_may_not_change(self):
        table = "struct dv_l size 8 align 8\n  0 +8   f                dv_status (*)(void*, dv_str)\n"
        self.refused(table, table.replace("dv_str", "dv_str, int64_t"), "'f'")

    def test_a_field_may_not_be_inserted(self):
        inserted = ("struct dv_row size 24 align 8\n  0 +4   size             uint32_t\n  4 +4   n                uint32_t\n"
                    "  8 +8   epoch            int64_t\n  16 +8   step             int64_t\n")
        self.refused(STRUCT, inserted, "field 2", "'epoch'")

    def test_a_struct_may_not_be_removed(self):
        self.refused(STRUCT + FROZEN, STRUCT, "dv_metric", "removed")

    def test_alignment_may_not_change(self):
        self.refused(FROZEN, FROZEN.replace("align 8", "align 16"), "align 16")

    def test_an_enum_may_be_appended_to(self):
        self.accepted(ENUM, ENUM.replace("  DV_N_PHASES = 2", "  DV_TEARDOWN = 2\n  DV_N_PHASES = 3"))

    def test_an_enum_may_not_be_renumbered(self):
        self.refused(ENUM, ENUM.replace("START = 1", "START = 5"), "DV_FIT_START was 1 and is 5")

    def test_an_enums_number_may_not_be_given_away(self):
        self.refused(ENUM, ENUM.replace("  DV_N", "  DV_ALIAS = 1\n  DV_N"), "DV_FIT_START", "DV_ALIAS")

    def test_an_enums_value_may_not_be_removed(self):
        self.refused(ENUM, ENUM.replace("  DV_SETUP = 0\n", ""), "DV_SETUP", "removed")

    def test_constants_stay_but_for_the_minor_version(self):
        self.accepted("constant DV_ABI_MINOR = 0\n", "constant DV_ABI_MINOR = 0x1\n")
        self.refused('constant DV_EXT_RNG = "dv.rng"\n', 'constant DV_EXT_RNG = "dv.random"\n', "DV_EXT_RNG")

    def test_types_stay(self):
        self.refused("type dv_status = int32_t\n", "type dv_status = int64_t\n", "dv_status")


class CarelessFieldTest(unittest.TestCase):
    def only_problem(self, text):
        problem, = layout.careless_fields(text)
        return problem

    def test_padding_between_fields_is_written_out(self):
        self.assertIn("4 bytes of padding before 'p'",
                      self.only_problem("struct dv_x size 16 align 8\n  0 +4   size   uint32_t\n  8 +8   p      void*\n"))

    def test_padding_at_the_end_is_written_out(self):
        self.assertIn("4 bytes of padding at the end",
                      self.only_problem("struct dv_x size 16 align 8\n  0 +8   p      void*\n  8 +4   n      uint32_t\n"))

    def test_types_have_one_size_everywhere(self):
        self.assertIn("(long, ", self.only_problem("struct dv_x size 8 align 8\n  0 +8   n      long\n"))


class ReaderTest(unittest.TestCase):
    def test_reads_fields_functions_and_tags(self):
        door = c_door.read("#define DV_X \"x\" /* a constant */\ntypedef struct dv_t { /* [io] not of a field */\n"
                           "  uint32_t size, n;\n  /* [main] asked once */\n  dv_status (*f)(void* self, dv_str name);\n"
                           "  void (*g)(void); /* [step] each time */\n} dv_t;\n")
        self.assertEqual(door.constants, ["DV_X"])
        fields = {f.name: (f.type, f.threads) for f in door.structs[0].fields}
        self.assertEqual(fields["n"], ("uint32_t", ()))
        self.assertEqual(fields["f"], ("dv_status (*)(void*, dv_str)", ("main",)))
        self.assertEqual(fields["g"], ("void (*)(void)", ("step",)))

    def test_refuses_what_it_does_not_understand(self):
        for text in ("union dv_u { int a; };", "typedef struct dv_t {\n  int a[3];\n} dv_t;", "int dv_f(void);",
                     "enum dv_e { A, B };", "#pragma pack(1)"):
            with self.assertRaises(c_door.NotUnderstood, msg=text):
                c_door.read(text)

    def test_refuses_interfaces_that_break_the_rules(self):
        end = ";\nprotected:\n    ~IX() = default;"
        for body in ("virtual void f() = 0" + end, "virtual void f() noexcept = 0;\nvirtual void f(int a) noexcept = 0" + end,
                     "virtual void f() noexcept = 0;\nint member" + end, "virtual void f() noexcept = 0;\nvirtual ~IX() = default;",
                     "virtual void f(int a = 3) noexcept = 0" + end):
            with self.assertRaises(torch_door.NotUnderstood, msg=body):
                torch_door.item_of("IX", body)
        self.assertEqual(torch_door.item_of("IX", "virtual void f() noexcept = 0" + end).methods, [("f", "void () noexcept")])


if __name__ == "__main__":
    unittest.main()
