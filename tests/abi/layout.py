"""A door's layout as text (what the layout programs print), and what may change between two of them.

One line a fact. A line that is not indented begins a block; the indented lines below it belong to it:

    struct dv_row size 48 align 8
        0 +4   size             uint32_t
"""
import dataclasses
import re


@dataclasses.dataclass
class Block:
    head: str  # "size 48 align 8", "= 3", ...
    lines: list  # of tuples: fields (offset, size, name, type), enum values (name, number)


FIELD = re.compile(r"^ +(\d+) \+(\d+) +(\w+) +(.+)$")
VALUE = re.compile(r"^ +(\w+) = (\d+)$")


def parse(text):
    """"struct dv_row" → Block. Also "enum dv_code", "constant DV_IO", "type dv_status"."""
    blocks = {}
    for line in text.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            kind, name, *rest = line.split(" ", 2)
            block = blocks[f"{kind} {name}"] = Block(" ".join(rest), [])
            continue
        field, value = FIELD.match(line), VALUE.match(line)
        if field:
            block.lines.append((int(field[1]), int(field[2]), field[3], field[4]))
        elif value:
            block.lines.append((value[1], int(value[2])))
        else:
            raise ValueError(f"not a line of a layout: '{line}'")
    return blocks


def size_of(block):
    return int(block.head.split()[1])


def may_grow(block):
    """A struct that tells its size to its reader; others sit in arrays or inside other structs."""
    return any(name == "size" and kind == "uint32_t" for _, _, name, kind in block.lines[:2])


def describe(line):
    return f"'{line[2]}' ({line[3]}, offset {line[0]}, {line[1]} bytes)"


def struct_changes(name, old, new):
    for i, line in enumerate(old.lines):
        if i >= len(new.lines):
            yield f"{name}: {describe(line)} was removed"
            return
        if new.lines[i] != line:
            yield f"{name}: field {i} was {describe(line)} and is {describe(new.lines[i])}"
            return
    grew = len(new.lines) > len(old.lines)
    if grew and not may_grow(old):
        yield f"{name} has no 'size' field, so it cannot grow: {describe(new.lines[len(old.lines)])} was added"
    elif not grew and new.head != old.head:
        yield f"{name}: was {old.head}, is {new.head}"


def enum_changes(name, old, new):
    numbers = dict(new.lines)
    for value, number in old.lines:
        counts = "_N_" in value  # DV_N_PHASES is one more than the last and grows with it
        if value not in numbers:
            yield f"{name}: {value} was removed"
        elif numbers[value] != number and not (counts and numbers[value] > number):
            yield f"{name}: {value} was {number} and is {numbers[value]}"
    taken = {number: value for value, number in old.lines if "_N_" not in value}
    for value, number in new.lines:
        if taken.get(number, value) != value:
            yield f"{name}: {number} was {taken[number]} and is {value}"


def broken_promises(old_text, new_text):
    """Sentences: what a plugin built with the old header would trip over. Empty when everything was appended."""
    old, new = parse(old_text), parse(new_text)
    out = []
    for name, block in old.items():
        if name not in new:
            out.append(f"{name} was removed")
        elif name.startswith("struct "):
            out += struct_changes(name, block, new[name])
        elif name.startswith("enum "):
            out += enum_changes(name, block, new[name])
        elif block.head != new[name].head and name != "constant DV_ABI_MINOR":
            out.append(f"{name} {block.head}: it is now '{new[name].head}'")
    return out


FIELD_TYPES = re.compile(r"^(u?int(16|32|64)_t|double|size_t|.*\*|.*\(\*\)\(.*\)|dv_\w+)$")


def careless_fields(text):
    """Sentences: gaps that a compiler filled in, types whose size depends on the platform, structs that cannot grow."""
    out = []
    for name, block in parse(text).items():
        if not name.startswith("struct "):
            continue
        end = 0
        for line in block.lines:
            if line[0] != end:
                out.append(f"{name}: {line[0] - end} bytes of padding before {describe(line)}; write out a reserved field")
            if not FIELD_TYPES.match(line[3]):
                out.append(f"{name}: {describe(line)} has a type that may differ between compilers; use a fixed-width one")
            end = line[0] + line[1]
        if end != size_of(block):
            out.append(f"{name}: {size_of(block) - end} bytes of padding at the end; write out a reserved field")
    return out
