"""Reads dv/abi.h: its constants, types, enums and structs, in the order in which they stand.

Understands the C that the door is written in and refuses anything else, so that nothing of the header is passed over.
"""
import dataclasses
import re


class NotUnderstood(Exception):
    """A line of the header that is not in the door's subset of C."""


@dataclasses.dataclass
class Field:
    name: str
    type: str  # as C writes a type name: "const dv_node* (*)(const dv_node*, dv_str)"
    threads: tuple  # tags in the field's own comment: ("step",)

    @property
    def is_function(self):
        return "(*)" in self.type


@dataclasses.dataclass
class Struct:
    name: str
    fields: list


@dataclasses.dataclass
class Door:
    constants: list = dataclasses.field(default_factory=list)  # names of #define NAME value
    types: dict = dataclasses.field(default_factory=dict)  # typedef name → type; opaque structs → None
    enums: dict = dataclasses.field(default_factory=dict)  # enum name → names of its values
    structs: list = dataclasses.field(default_factory=list)


COMMENT = re.compile(r"/\*.*?\*/", re.S)
PARAMETER = re.compile(r"^((?:const )?(?:struct )?\w+(?: ?\*)*)\s*\b(\w+)$")


def tidy(text):
    return re.sub(r"\s+", " ", text).replace(" *", "*").strip()


def type_of_parameter(text):
    text = tidy(text)
    if text == "void":
        return text
    found = PARAMETER.match(text)
    if not found:
        raise NotUnderstood(f"parameter '{text}'")
    return tidy(found[1])


def function_type(result, parameters):
    return f"{tidy(result)} (*)({', '.join(type_of_parameter(p) for p in parameters.split(','))})"


def fields_of(declaration, threads):
    """`uint32_t line, column` → two fields; `void (*f)(void* self)` → one."""
    function = re.match(r"^(.+?)\(\*(\w+)\)\((.*)\)$", declaration)
    if function:
        return [Field(function[2], function_type(function[1], function[3]), threads)]
    names = re.match(r"^(.*?[\s*])(\w+(?:\s*,\s*\w+)*)$", declaration)
    if not names or "(" in declaration or "[" in declaration:
        raise NotUnderstood(f"field '{declaration}'")
    return [Field(name.strip(), tidy(names[1]), threads) for name in names[2].split(",")]


def tags_in(comments):
    return tuple(re.findall(r"\[(main|step|io|any)\]", comments))


def struct_of(name, body):
    """A field's comment stands before it on lines of its own, or behind it on the same line."""
    fields = []
    pieces = re.split(r"(/\*.*?\*/|;)", body, flags=re.S)
    before, text, last, on_line = "", "", [], True  # a comment behind the brace is the struct's
    for piece in pieces:
        if piece.startswith("/*"):
            if on_line:
                for field in last:
                    field.threads = tags_in(piece)
            else:
                before += piece
        elif piece == ";":
            last = fields_of(tidy(text), tags_in(before))
            fields += last
            before, text, on_line = "", "", True
        else:
            on_line = on_line and "\n" not in piece
            text += piece
    if tidy(text):
        raise NotUnderstood(f"the end of struct {name}: '{tidy(text)}'")
    return Struct(name, fields)


def take_preprocessor(text, door):
    """Drops directives; keeps the names of constants. Parts for C++ only are dropped with what is in them."""
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif", "", text, flags=re.S)
    kept = []
    for line in text.split("\n"):
        if not line.lstrip().startswith("#"):
            kept.append(line)
            continue
        constant = re.match(r"#define (\w+)[ \t]+(\S.*)$", COMMENT.sub("", line).rstrip())
        if constant:
            door.constants.append(constant[1])
        elif not re.match(r"#(define \w+\(|define \w+$|ifndef|endif|include)", line):
            raise NotUnderstood(f"directive '{line}'")
    return "\n".join(kept)


STATEMENTS = [
    ("enum", re.compile(r"enum (\w+) \{(.*?)\};", re.S)),
    ("struct", re.compile(r"typedef struct (\w+) \{(.*?)\n?\} (\w+);", re.S)),
    ("opaque", re.compile(r"typedef struct (\w+) \1;")),
    ("forward", re.compile(r"struct (\w+);")),
    ("function", re.compile(r"typedef ([\w\s*]+?)\(\*(\w+)\)\(([^;]*)\);")),
    ("alias", re.compile(r"typedef ([\w\s*]+?)\b(\w+);")),
]


def take_statement(kind, found, door):
    if kind == "enum":
        values = [v for v in COMMENT.sub("", found[2]).split(",") if v.strip()]
        if not all(re.match(r"^\s*\w+ = \d+\s*$", v) for v in values):
            raise NotUnderstood(f"enum {found[1]}: every value is written out as a number")
        door.enums[found[1]] = [v.split("=")[0].strip() for v in values]
    elif kind == "struct":
        door.structs.append(struct_of(found[1], found[2]))
    elif kind == "opaque":
        door.types[found[1]] = None
    elif kind == "function":
        door.types[found[2]] = function_type(found[1], found[3])
    elif kind == "alias":
        door.types[found[2]] = tidy(found[1])


def read(text):
    door = Door()
    rest = take_preprocessor(text, door)
    while True:
        rest = re.sub(r"^(\s+|/\*.*?\*/)+", "", rest, flags=re.S)
        if not rest:
            return door
        for kind, pattern in STATEMENTS:
            found = pattern.match(rest)
            if found:
                take_statement(kind, found, door)
                rest = rest[found.end():]
                break
        else:
            raise NotUnderstood(f"dv/abi.h: '{rest[:80]}...' is not in the subset of C that tests/abi reads")
