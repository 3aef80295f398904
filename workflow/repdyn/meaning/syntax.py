"""Write the meaning of a piece of Python as tokens: its syntax without what only people or type checkers read.

The tokens leave out comments and formatting; docstrings and any other constant that stands alone; annotations, unless
their class reads them at run time; code only for type checkers; statements that only log, print or warn; the texts of
exceptions and assertions; the place, form and alias of an import.

The tokens are made from the names of ``ast``'s nodes and their non-empty fields. So they are the same in every version
of Python, unlike ``ast.unparse`` and ``ast.dump``: fields added later (``type_params``) are left out, or are empty in
code that does not use them. Names of the library's own definitions remain unresolved, as :class:`Reference`;
``library.py`` inserts their meaning.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from . import hints, scopes, wording
from .scopes import Names, Scope
from .tokens import Conditional, Reference, Token, braced, constant

# Fields without influence on what a program does, or missing in some versions of Python.
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params", "annotation", "returns"})


class Writer:
    """Writes the tokens of the nodes of a module.

    Attributes:
        packages: top-level names outside the library, in the nodes written so far.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.packages: set[str] = set()
        self._tokens: list[Token] = []
        self._scopes: list[Scope] = []
        self._texts: set[str] = set()
        self._readers: list[tuple[bool, tuple[str, ...]]] = []
        self._methods: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Constant: lambda node: self._put(constant(node.value)),
            ast.JoinedStr: self._joined,
            ast.FunctionDef: self.function,
            ast.AsyncFunctionDef: self.function,
            ast.ClassDef: self.class_,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.Expr: self._expression,
            ast.If: self._if,
            ast.Raise: self._raise,
            ast.AnnAssign: self._annotated,
            ast.Assert: lambda node: self._parts(node, "test"),
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Pass: self._nothing,
            ast.Global: self._nothing,  # the tokens of names reflect it
            ast.Nonlocal: self._nothing,
        }

    def written(self, write: Callable[..., None], *arguments: Any) -> tuple[Token, ...]:
        """The tokens that a method of this class writes."""
        before, self._tokens = self._tokens, []
        try:
            write(*arguments)
            return tuple(self._tokens)
        finally:
            self._tokens = before

    def _put(self, *tokens: Token) -> None:
        self._tokens.extend(tokens)

    def node(self, node: ast.AST) -> None:
        """Write any node."""
        method = self._methods.get(type(node))
        if method is None:
            self._parts(node, *(name for name in node._fields if name not in _SKIPPED))
        else:
            method(node)

    def _nothing(self, node: ast.AST) -> None:
        pass

    def _parts(self, node: ast.AST, *fields: str) -> None:
        """Write a node's name and the named fields, except empty ones."""
        self._put(f"({type(node).__name__}")
        for name in fields:
            value = getattr(node, name, None)
            if value is None or value == []:
                continue
            if isinstance(value, list) and isinstance(value[0], ast.stmt):
                self._block(name, value)
                continue
            self._put(name)
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    self.node(part)
                else:
                    self._put(constant(part))
        self._put(")")

    # Names

    def _local(self, name: str) -> tuple[bool, str | None, Scope | None]:
        """Whether a function or class here binds a name, and if so by which import or in which scope."""
        innermost = self._scopes[-1] if self._scopes else None
        for scope in reversed(self._scopes):
            if scope.is_class and scope is not innermost:
                continue
            if name in scope.imports:
                return True, scope.imports[name], scope
            if name in scope.names:
                return True, None, scope
        return False, None, None

    def path(self, node: ast.AST) -> str | None:
        """Resolve a name with its attributes to a full name; None for a variable and for anything but a name."""
        attributes = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        is_local, imported, _ = self._local(node.id)
        base = imported if is_local else self.names.full(node.id)
        return None if base is None else ".".join([base, *reversed(attributes)])

    def _path(self, path: str) -> None:
        if self.names.is_own(path):
            self._put(Reference(path))
        else:
            self.packages.add(path.partition(".")[0])
            self._put(f"={path}")

    def _name(self, node: ast.Name) -> None:
        path = self.path(node)
        if path is None:
            self._put(f".{node.id}")
        elif isinstance(node.ctx, ast.Load):
            self._path(path)
        elif not self._scopes:  # a statement of the module, which defines it
            self._put(f"<{node.id}")
        else:
            self._put("<")
            self._path(path)

    def _attribute(self, node: ast.Attribute) -> None:
        path = self.path(node)
        if path is not None:
            self._path(path)
            if not isinstance(node.ctx, ast.Load):
                self._put("<")
            return
        self.node(node.value)
        self._put(f"..{node.attr}")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Write nothing if names resolve to their imports; write modules that the library imports for their effect."""
        for name, target in scopes.imported(node, self.names.package).items():
            scope = self._scopes[-1] if self._scopes else self.names.scope
            is_for_effect = not self._scopes and self.names.library is not None and not self.names.is_own(target)
            if name == "*" or is_for_effect:
                self._put(f"import {target}")
                self.packages.add(target.partition(".")[0])
            if name not in scope.imports:
                self._put(f"<{name}")
                self._path(target)

    # Expressions

    def _joined(self, node: ast.JoinedStr) -> None:
        """Write an f-string; versions of Python split the text between its fields differently."""
        if all(isinstance(part, ast.Constant) for part in node.values):
            self._put(constant("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))))
            return
        text = ""
        self._put("(f")
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            self._put(constant(text))
            text = ""
            assert isinstance(part, ast.FormattedValue)
            self.node(part.value)
            specification = () if part.format_spec is None else self.written(self.node, part.format_spec)
            if specification != (constant(""),):
                self._put(*specification)
            self._put(f"!{part.conversion}")
        self._put(constant(text), ")")

    def _call(self, node: ast.Call, is_raised: bool = False) -> None:
        path = self.path(node.func)
        if path == "typing.cast" and len(node.args) == 2:
            self.node(node.args[1])
            return
        self._put("(call")
        self.node(node.func)
        for part in (*node.args, *node.keywords):
            if not wording.is_text(part.value if isinstance(part, ast.keyword) else part, self._texts):
                self.node(part)
            elif not (is_raised or (path is not None and self._is_exception(path))):
                tokens = self.written(self.node, part)
                is_own = path is not None and self.names.is_own(path)
                self._put(*([Conditional("wording", (str(path),), tokens)] if is_own else tokens))
        self._put(")")

    def _is_exception(self, path: str) -> bool:
        return not self.names.is_own(path) and (wording.is_exception(path) or path in self.names.exceptions)

    def _lambda(self, node: ast.Lambda) -> None:
        self._put("(lambda")
        self._arguments(node.args, reads=False)
        self._within(scopes.of_function(node, self.names.package), self.node, node.body)
        self._put(")")

    def _comprehension(self, node: scopes.Comprehension) -> None:
        self._put(f"({type(node).__name__}")
        self.node(node.generators[0].iter)
        self._within(scopes.of_comprehension(node), self._loops, node)
        self._put(")")

    def _loops(self, node: scopes.Comprehension) -> None:
        for i, generator in enumerate(node.generators):
            self._put("async for" if generator.is_async else "for")
            for part in (generator.target, *([generator.iter] if i else []), *generator.ifs):
                self.node(part)
        for name in ("elt", "key", "value"):
            if hasattr(node, name):
                self.node(getattr(node, name))

    def _within(self, scope: Scope, write: Callable[..., None], *arguments: Any) -> None:
        self._scopes.append(scope)
        try:
            write(*arguments)
        finally:
            self._scopes.pop()

    # Statements

    def statements(self, body: Sequence[ast.stmt]) -> tuple[tuple[Token, ...], set[str] | None]:
        """The tokens of a block, and the library's names that must all speak for the block to have no meaning.

        None instead of names: the block has a meaning in any case.
        """
        scope = self._scopes[-1] if self._scopes else None
        before = self._texts
        kept, self._texts = wording.without(body, scope)
        tokens: list[Token] = []
        speakers: set[str] | None = set()
        for statement in kept:
            written = self.written(self.node, statement)
            tokens.extend(written)
            if all(isinstance(token, Conditional) and token.kind == "spoken" for token in written):
                if speakers is not None:
                    speakers.update(path for token in written for path in token.paths)  # type: ignore[union-attr]
            else:
                speakers = None
        self._texts = before
        return tuple(tokens), speakers

    def _block(self, name: str, body: Sequence[ast.stmt]) -> None:
        self._put(*braced(name, *self.statements(body)))

    def _if(self, node: ast.If) -> None:
        if wording.is_for_type_checkers(node):
            self._put(*self.statements(node.orelse)[0])
            return
        whole = [f"({type(node).__name__}", *self.written(self.node, node.test)]
        speakers: set[str] | None = set()
        for name, body in (("body", node.body), ("orelse", node.orelse)):
            tokens, inner = self.statements(body)
            speakers = None if speakers is None or inner is None else speakers | inner
            whole.extend(braced(name, tokens, inner))
        if speakers is None or wording.is_impure(node.test):
            self._put(*whole, ")")
        elif speakers:
            self._put(Conditional("spoken", tuple(sorted(speakers)), (*whole, ")")))

    def _expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        whole = self.written(self._parts, node, "value")
        speaker = self._speaker(node.value)
        if speaker is None:
            self._put(*whole)
        elif speaker:
            self._put(Conditional("spoken", (speaker,), whole))

    def _speaker(self, node: ast.expr) -> str | None:
        """The library's name through which a statement may speak, "" if it certainly speaks, None if it does not."""
        if not isinstance(node, ast.Call) or wording.is_impure(node):
            return None
        path = self.path(node.func)
        if path is None and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            scope = self._local(node.func.value.id)[2]
            made_by = None if scope is None else scope.made_by.get(node.func.value.id)
            maker = self.path(made_by.func) if isinstance(made_by, ast.Call) else None
            path = None if maker is None else f"{maker}.{node.func.attr}"
        if path is None:
            return None
        if self.names.is_own(path):
            return path
        owner, _, method = path.rpartition(".")
        return "" if wording.speaks(path, node) or (owner in self.names.loggers and method in wording.LOGGING) else None

    def _raise(self, node: ast.Raise) -> None:
        self._put("(raise")
        if isinstance(node.exc, ast.Call):
            self._call(node.exc, is_raised=True)
        elif node.exc is not None:
            self.node(node.exc)
        if node.cause is not None:
            self._put("from")
            self.node(node.cause)
        self._put(")")

    def _annotated(self, node: ast.AnnAssign) -> None:
        in_class = bool(self._scopes) and self._scopes[-1].is_class
        if not in_class:
            if node.value is not None:
                self._parts(ast.Assign(targets=[node.target], value=node.value), "targets", "value")
            return
        self._put("(field")
        self.node(node.target)
        head = node.annotation.value if isinstance(node.annotation, ast.Subscript) else node.annotation
        if (mark := self.path(head)) in hints.MARKS:
            self._put(f"={mark}")
        self._annotation_of_class(node.annotation)
        if node.value is not None:
            self.node(node.value)
        self._put(")")

    # Definitions

    def function(self, node: scopes.Function, name: str | None = None) -> None:
        """Write a function; ``name`` replaces its own."""
        decorators = [self.path(d.func if isinstance(d, ast.Call) else d) or "" for d in node.decorator_list]
        if "typing.overload" in decorators:
            return
        reads = any(path.startswith(hints.READERS) or path.endswith(".register") for path in decorators)
        self._put(f"({type(node).__name__}", node.name if name is None else name)
        for decorator in node.decorator_list:
            self._put("@")
            self.node(decorator)
        self._arguments(node.args, reads)
        if reads and node.returns is not None:
            self._annotation(node.returns)
        self._within(scopes.of_function(node, self.names.package), self._block, "body", node.body)
        self._put(")")

    def _arguments(self, node: ast.arguments, reads: bool) -> None:
        kinds = (("/", node.posonlyargs), ("", node.args), ("*", [node.vararg]), ("k", node.kwonlyargs))
        for kind, arguments in (*kinds, ("**", [node.kwarg])):
            for argument in arguments:
                if argument is not None:
                    self._put(f"{kind}:{argument.arg}")
                    if reads and argument.annotation is not None:
                        self._annotation(argument.annotation)
        for default in (*node.defaults, *node.kw_defaults):
            self._put("default")
            if default is not None:
                self.node(default)

    def class_(self, node: ast.ClassDef, name: str | None = None) -> None:
        """Write a class with all of its methods, since syntax does not show which are called."""
        self._put("(class", node.name if name is None else name)
        decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        readers = [self.path(base) or "" for base in (*node.bases, *decorators)]
        for decorator in node.decorator_list:
            self._put("@")
            self.node(decorator)
        for part in (*node.bases, *node.keywords):
            self.node(part)
        self._readers.append(
            (
                any(path.startswith((*hints.MODELS, *hints.READERS)) for path in readers),
                tuple(path for path in readers if self.names.is_own(path)),
            )
        )
        self._within(scopes.of_class(node, self.names.package), self._block, "body", node.body)
        self._readers.pop()
        self._put(")")

    def _annotation_of_class(self, node: ast.expr) -> None:
        is_read, paths = self._readers[-1]
        if is_read:
            self._annotation(node)
        elif paths:
            self._put(Conditional("annotation", paths, self.written(self._annotation, node)))

    def _annotation(self, node: ast.expr) -> None:
        self._put(*hints.tokens(node, self.path, lambda part: self.written(self.node, part)))
