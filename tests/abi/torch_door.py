"""Reads what crosses the door of class torch: the namespaces dv::abi::v1 of sdk/include/dv, one interface or struct at a time.

Understands the C++ that they are written in and refuses anything else.
"""
import dataclasses
import glob
import os
import re


class NotUnderstood(Exception):
    """A declaration that is not in the subset of C++ that interfaces are written in."""


@dataclasses.dataclass
class Interface:
    name: str
    methods: list  # of (name, "dv_status(const DataFacts*) noexcept")


@dataclasses.dataclass
class Value:
    name: str
    fields: list  # of (name, type)


METHOD = re.compile(r"^virtual ([\w:]+(?: const)?\s?[*&]?) ?(\w+)\((.*)\)( const)? noexcept = 0$")
PARAMETER = re.compile(r"^((?:const )?[\w:]+(?: ?[*&])*) ?\b(\w+)$")
FIELDS = re.compile(r"^((?:const )?[\w:]+(?: ?\*)*) ?\b(\w+(?:, \w+)*)$")
INITIAL = re.compile(r" = [\w.:]+")
BLOCK = re.compile(r"namespace abi::v1 \{(.*?)\n\}  // namespace abi::v1", re.S)
STRUCT = re.compile(r"struct\s+(\w+) \{(.*?)\n\};", re.S)


def tidy(text):
    return re.sub(r"\s+", " ", text).strip()


def type_of_parameter(text):
    found = PARAMETER.match(tidy(text))
    if not found:
        raise NotUnderstood(f"parameter '{tidy(text)}'")
    return found[1]


def method_of(declaration, where):
    found = METHOD.match(declaration)
    if not found:
        raise NotUnderstood(f"{where}: '{declaration}' is not 'virtual R f(P name, ...) noexcept = 0'")
    parameters = ", ".join(type_of_parameter(p) for p in found[3].split(",")) if found[3] else ""
    return found[2], f"{found[1]}({parameters}){found[4] or ''} noexcept"


def declarations_of(body):
    body = re.sub(r"//[^\n]*|/\*.*?\*/", "", body)
    return [tidy(piece) for piece in body.split(";") if tidy(piece)]


def value_of(name, declarations):
    fields = []
    for declaration in declarations:
        found = FIELDS.match(INITIAL.sub("", declaration))
        if not found:
            raise NotUnderstood(f"{name}: '{declaration}' is not 'T a, b'")
        fields += [(field, found[1]) for field in found[2].split(", ")]
    return Value(name, fields)


def item_of(name, body):
    declarations = declarations_of(body)
    if not any(d.startswith("virtual") for d in declarations):
        return value_of(name, declarations)
    if declarations.pop() != f"protected: ~{name}() = default":
        raise NotUnderstood(f"{name}: ends with a protected, non-virtual, defaulted destructor")
    methods = [method_of(d, name) for d in declarations]
    if len({m for m, _ in methods}) != len(methods):
        raise NotUnderstood(f"{name}: overloads have no stable order; give each function its own name")
    return Interface(name, methods)


def texts_of(folder):
    for path in sorted(glob.glob(os.path.join(folder, "dv", "*.hpp")) + glob.glob(os.path.join(folder, "dv", "*", "*.hpp"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.relpath(path, folder), file.read()


def door_items(path, text):
    blocks = BLOCK.findall(text)
    if len(blocks) != text.count("namespace abi::v1 {"):
        raise NotUnderstood(f"{path}: a namespace abi::v1 that does not end with '}}  // namespace abi::v1'")
    for block in blocks:
        rest = re.sub(r"//[^\n]*|^struct \w+;", "", STRUCT.sub("", block), flags=re.M).strip()  # comments and forward declarations
        if rest:
            raise NotUnderstood(f"{path}: '{rest[:80]}' in namespace abi::v1 is neither a comment nor a struct")
        for name, body in STRUCT.findall(block):
            yield item_of(name, body)


def words_in(items):
    texts = [text for item in items for _, text in (item.methods if isinstance(item, Interface) else item.fields)]
    return {word for text in texts for word in re.findall(r"(?<![\w:])[A-Z]\w+", text)}


def read(folder):
    """(headers, items of abi::v1, structs and classes of dv that stand in their signatures), each in a fixed order."""
    texts = list(texts_of(folder))
    items = [(path, item) for path, text in texts for item in door_items(path, text)]
    passed = []
    for word in sorted(words_in([item for _, item in items]) - {item.name for _, item in items}):
        bodies = [body for _, text in texts for body in re.findall(rf"^struct {word} \{{(.*?)^\}};", text, re.S | re.M)]
        is_class = any(re.search(rf"^class {word}(?: final)? \{{", text, re.M) for _, text in texts)
        if len(bodies) + is_class != 1:
            raise NotUnderstood(f"{word} stands in a signature and is not declared once in sdk/include/dv")
        passed.append(Value(word, []) if is_class else value_of(word, declarations_of(bodies[0])))
    return sorted({path for path, _ in items}), [item for _, item in items], passed
