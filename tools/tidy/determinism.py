"""What code below the line must not do: read the clock, draw random numbers, touch files, round, depend on set order.

Reads source, runs nothing. Imports are checked against a list of what is allowed, so that a new way to the clock is
refused before anyone thinks of it. Rules and their short names:

==============  =====================================================================================================
``import``      a standard-library module outside :data:`STANDARD_LIBRARY` (third-party ones: import-linter)
``module-re``   ``re`` in the rooms whose rules are replayed for ever: its classes follow the interpreter's Unicode data
``builtin``     ``open``, ``input``, ``print``, ``eval``, ``exec``, ``compile``, ``__import__``, ``hash``, ``id`` …
``float``       float or complex literals, ``float()``, ``complex()``, ``/``, negative exponents
``set-order``   iterating over a set, or making something ordered from one; ``sorted`` is the way
``unicode``     text methods whose answer follows the interpreter's Unicode data
==============  =====================================================================================================
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tools.tidy.finding import Finding

__all__ = ["BELOW_THE_LINE", "STANDARD_LIBRARY", "check_determinism"]

#: The rooms below the line (docs/ARCHITECTURE.md).
BELOW_THE_LINE = ("texts", "model", "crypto", "merkle", "pki", "proof", "state", "contracts", "modules", "ledger")

#: The standard-library modules that code below the line may import.
STANDARD_LIBRARY = frozenset(
    {
        "__future__", "abc", "base64", "binascii", "bisect",
        "builtins", "collections", "contextlib", "copy", "dataclasses", "enum",
        "functools", "hashlib", "heapq", "hmac", "itertools", "json", "math", "operator", "re", "string", "struct",
        "textwrap", "types", "typing", "zlib",
    }
)  # fmt: skip

#: Names of allowed modules that are refused all the same.
REFUSED_NAMES = {
    "math": frozenset(
        {
            "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "e", "erf", "exp",
            "exp2", "fsum", "gamma", "inf", "lgamma", "log", "log10", "log1p", "log2", "nan", "pi", "pow", "sin",
            "sinh", "sqrt", "tan", "tanh", "tau",
        }
    ),
    "operator": frozenset({"itruediv", "truediv"}),
    "hashlib": frozenset({"file_digest", "md5", "sha1"}),
}  # fmt: skip

#: Rooms whose code is replayed years later under other Python versions: no ``re``.
NO_RE = ("contracts", "modules")

_WHY = {
    "asyncio": "no I/O", "datetime": "no clock; ledger time is integer milliseconds", "decimal": "no rounding",
    "fractions": "no rounding", "io": "no I/O", "locale": "no locale", "logging": "no I/O", "multiprocessing": "no I/O",
    "os": "no I/O", "pathlib": "no I/O", "random": "no randomness", "secrets": "no randomness", "select": "no I/O",
    "shutil": "no I/O", "socket": "no I/O", "sqlite3": "no I/O", "statistics": "no floats", "subprocess": "no I/O",
    "sys": "nothing of the interpreter", "tempfile": "no I/O", "threading": "no concurrency", "time": "no clock",
    "unicodedata": "its data follows the interpreter's version", "uuid": "no randomness", "zipfile": "no I/O",
    "zoneinfo": "China time is a fixed +08:00",
}  # fmt: skip

_BUILTINS = {
    "__import__": "no import by name", "breakpoint": "no debugger", "compile": "no code from text",
    "eval": "no code from text", "exec": "no code from text", "hash": "hash() differs from run to run",
    "id": "id() differs from run to run", "input": "no I/O", "open": "no I/O", "print": "no I/O",
}  # fmt: skip

_UNICODE = frozenset(
    {"capitalize", "casefold", "isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric"}
    | {"isprintable", "isspace", "istitle", "isupper", "swapcase", "title"}
)

#: Calls whose result does not depend on the order of what they are given.
_ORDERLESS = frozenset({"all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum"})
_SET_METHODS = frozenset({"copy", "difference", "intersection", "symmetric_difference", "union"})
_SET_NAMES = frozenset({"set", "frozenset", "AbstractSet", "MutableSet", "Set", "FrozenSet"})
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
#: Calls that take an iterable and keep its order.
_ORDERED = frozenset({"enumerate", "filter", "iter", "list", "map", "next", "reversed", "tuple", "zip", "dict"})
_ORDERED_METHODS = frozenset({"extend", "fromkeys", "join"})


def check_determinism(path: str, source: str, room: str) -> list[Finding]:
    """Every breach in one file of a room below the line.

    Args:
        path: The file's name, for the findings.
        source: Its text.
        room: The room it belongs to.
    """
    visitor = _Visitor(path, room)
    visitor.visit(ast.parse(source, filename=path))
    return sorted(visitor.findings)


class _Visitor(ast.NodeVisitor):
    """Walks one file; keeps, for each scope, the names that hold sets."""

    def __init__(self, path: str, room: str) -> None:
        self.path = path
        self.room = room
        self.findings: list[Finding] = []
        self.scopes: list[frozenset[str]] = []
        self.attributes: frozenset[str] = frozenset()

    def report(self, node: ast.AST, rule: str, what: str, text: str) -> None:
        self.findings.append(Finding(self.path, getattr(node, "lineno", 0), rule, what, text))

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.check_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        self.check_import(node, node.module)
        for alias in node.names:
            if node.module == "builtins" and alias.name in _BUILTINS:
                self.report(node, "builtin", alias.name, f"imports {alias.name}: {_BUILTINS[alias.name]}")
            if alias.name in REFUSED_NAMES.get(node.module, ()):
                name = f"{node.module}.{alias.name}"
                self.report(node, "import", name, f"{name} is refused below the line")

    def check_import(self, node: ast.AST, module: str) -> None:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names and top not in STANDARD_LIBRARY:
            why = _WHY.get(top, "not on the list of allowed standard-library modules")
            self.report(node, "import", module, f"imports {module}: {why}")
        elif top == "re" and self.room in NO_RE:
            self.report(node, "module-re", module, f"imports {module}: not in {self.room}")

    # Calls, attributes, operators, literals

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "builtins":
            name = node.func.attr
        if name in _BUILTINS:
            self.report(node, "builtin", name, f"calls {name}(): {_BUILTINS[name]}")
        if name in ("float", "complex"):
            self.report(node, "float", name, f"calls {name}(): no floats")
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in _ORDERED or method in _ORDERED_METHODS:
            for argument in node.args:
                self.check_iterated(argument)
        if method == "pop" and isinstance(node.func, ast.Attribute) and not node.args and self.is_set(node.func.value):
            self.report(node, "set-order", "pop", "takes an arbitrary member of a set")
        if name in _ORDERLESS and node.args and isinstance(node.args[0], ast.GeneratorExp):
            # sorted(f(x) for x in a_set) has an order again: look inside, but let the iteration itself pass.
            self.visit_comprehension_parts(node.args[0], ordered=False)
            for rest in [*node.args[1:], *node.keywords]:
                self.visit(rest)
            return
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _UNICODE:
            self.report(node, "unicode", node.attr, f".{node.attr} follows the interpreter's Unicode data")
        if isinstance(node.value, ast.Name) and node.attr in REFUSED_NAMES.get(node.value.id, ()):
            name = f"{node.value.id}.{node.attr}"
            self.report(node, "import", name, f"{name} is refused below the line")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, (float, complex)):
            self.report(node, "float", repr(node.value), f"the literal {node.value!r}: no floats")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.check_operator(node, node.op, node.right)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.check_operator(node, node.op, node.value)
        self.generic_visit(node)

    def check_operator(self, node: ast.AST, operator: ast.operator, right: ast.expr) -> None:
        if isinstance(operator, ast.Div):
            self.report(node, "float", "/", "true division makes a float: use //")
        if isinstance(operator, ast.Pow) and isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
            self.report(node, "float", "**", "a negative exponent makes a float")

    # Order

    def visit_For(self, node: ast.For) -> None:
        self.check_iterated(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self.check_iterated(node.value)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self.check_iterated(node.value)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self.visit_comprehension_parts(node, ordered=True)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.visit_comprehension_parts(node, ordered=True)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self.visit_comprehension_parts(node, ordered=True)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self.visit_comprehension_parts(node, ordered=False)

    def visit_comprehension_parts(
        self, node: ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp, *, ordered: bool
    ) -> None:
        if ordered:
            for generator in node.generators:
                self.check_iterated(generator.iter)
        self.generic_visit(node)

    def check_iterated(self, node: ast.expr) -> None:
        if self.is_set(node):
            self.report(node, "set-order", ast.unparse(node), f"depends on the order of the set {ast.unparse(node)}")

    def is_set(self, node: ast.expr) -> bool:
        """Whether ``node`` is, as far as this file shows, a set."""
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in ("set", "frozenset")
            return (
                isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS and self.is_set(node.func.value)
            )
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            return isinstance(node.op, _SET_OPERATORS) and any(self.is_set(s) or _is_view(s) for s in sides)
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body) or self.is_set(node.orelse)
        if isinstance(node, ast.NamedExpr):
            return self.is_set(node.value)
        if isinstance(node, ast.Name):
            return any(node.id in scope for scope in self.scopes)
        # Another object's attribute of the same name may be something else: only self's are known.
        return isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self" and node.attr in self.attributes

    # Scopes

    def visit_Module(self, node: ast.Module) -> None:
        self.attributes = frozenset(_annotated_attributes(node))
        self.in_scope(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.in_scope(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.in_scope(node)

    def in_scope(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scopes.append(frozenset())
        # Twice, so that a name made from another set of the same scope is known too.
        for _ in range(2):
            self.scopes[-1] = frozenset(self.set_names(node))
        self.generic_visit(node)
        self.scopes.pop()

    def set_names(self, scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
        if not isinstance(scope, ast.Module):
            arguments = scope.args
            for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
                if argument.annotation is not None and _annotates_set(argument.annotation):
                    yield argument.arg
        for node in _own_nodes(scope):
            if isinstance(node, ast.Assign) and self.is_set(node.value):
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                if _annotates_set(node.annotation) or (node.value is not None and self.is_set(node.value)):
                    yield node.target.id
            elif isinstance(node, ast.NamedExpr) and self.is_set(node.value):
                yield node.target.id


def _is_view(node: ast.expr) -> bool:
    """Whether ``node`` is a dictionary's view, whose differences and unions are sets."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions and classes in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child
            yield from _own_nodes(child)


def _annotated_attributes(module: ast.Module) -> Iterator[str]:
    """Attributes that some class of the file declares as sets."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield from [item.target.id] if _annotates_set(item.annotation) else []
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            yield from [node.target.attr] if _annotates_set(node.annotation) else []


def _annotates_set(annotation: ast.expr) -> bool:
    """Whether an annotation's outermost type, or one side of a union, is a set."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return _annotates_set(ast.parse(annotation.value, mode="eval").body)
        except SyntaxError:
            return False
    if isinstance(annotation, ast.BinOp):
        return _annotates_set(annotation.left) or _annotates_set(annotation.right)
    if isinstance(annotation, ast.Subscript):
        name = annotation.value
        outer = name.id if isinstance(name, ast.Name) else ""
        if outer in ("Annotated", "ClassVar", "Final", "Optional"):
            inner = annotation.slice.elts[0] if isinstance(annotation.slice, ast.Tuple) else annotation.slice
            return _annotates_set(inner)
        return _annotates_set(name)
    if isinstance(annotation, ast.Attribute):
        return annotation.attr in _SET_NAMES
    return isinstance(annotation, ast.Name) and annotation.id in _SET_NAMES
