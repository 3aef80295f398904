"""The definitions of a library, with a digest of the meaning of each, independent of its place and name.

A definition is a function, a class or an assignment at the top of a module. Names in it are resolved, through imports
of any form, to definitions, whose digests enter its own. So a digest covers everything that a definition uses and
nothing else beside it, and moving or renaming modules and definitions changes no digest. Mutually recursive definitions
are distinguished by refinement: each gets a first digest without the others, then a second with the others' first, and
so on, as many times as there are definitions in the group.

Whatever else a module does on import counts for each of its definitions. Two things cannot be followed: registration
by a decorator, and a module imported only for its effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from . import hints, wording
from .modules import EFFECTS, Module, read
from .parsing import deep_recursion
from .tokens import Conditional, Reference, Token, Unordered

ALL = "*"
# A module's full name, and in it the name of a definition or method (``Class.method``), or ``EFFECTS``, or ``ALL``.
Node = tuple[str, str]
# A token with resolved names: text, or a definition and the attributes taken of it.
Flat = str | tuple[Node, str] | Unordered


class Library:
    """A package of Python's, and the digests of its definitions."""

    def __init__(self, folder: Path, name: str, speaking: Collection[str] = ()) -> None:
        """Read modules lazily, each once.

        Args:
            folder: the package's folder.
            name: its import name.
            speaking: full names of modules that only report to people: their definitions count by name, not by
                meaning.

        Raises:
            LookupError: if a speaking module does not exist.
        """
        self.name = name
        self._folder, self._speaking = folder, frozenset(speaking)
        self._modules: dict[str, Module | None] = {}
        self._flat: dict[Node, tuple[Flat, ...]] = {}
        self._used: dict[Node, list[Node]] = {}
        self._digests: dict[Node, str] = {}
        for module in speaking:
            self.module(module)

    def module(self, name: str) -> Module:
        """A module by its full name.

        Raises:
            LookupError: if there is none.
        """
        module = self._find(name)
        if module is None:
            raise LookupError(f"There is no module `{name}` in `{self._folder}`.")
        return module

    def node(self, path: str) -> Node:
        """The definition, or as ``ALL`` the module, that a full name stands for.

        Raises:
            LookupError: if there is none.
        """
        settled = self._settled(path)
        if isinstance(settled, str):
            raise LookupError(f"`{path}` is not a definition of `{self.name}`.")
        return settled[0]

    def digest(self, *entries: str) -> str:
        """Digest the meaning of definitions and of everything that they use: 64 hexadecimal digits.

        Args:
            entries: full names of definitions.

        Raises:
            LookupError: if one of them, or a definition that they use, does not exist.
        """
        with deep_recursion():
            effects = sorted({self._digest(node) for node in self.reached(*entries) if node[1] == EFFECTS})
            own = [self._shown(self._settled(entry), self._digest) for entry in entries]
        return _hash([*own, "effects", *effects])

    def reached(self, *entries: str) -> set[Node]:
        """The definitions and all that they use, directly or not, with the import effects of their modules."""
        waiting = [part[0] for entry in entries if isinstance(part := self._settled(entry), tuple)]
        found: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting.extend(self._uses(node))
                waiting.extend(self._effects(node[0]))
        return found

    def packages(self, *entries: str) -> set[str]:
        """Top-level names of third-party packages that definitions reach or that their modules import."""
        found: set[str] = set()
        for module, name in self.reached(*entries):
            found |= self.module(module).packages
            found |= self.module(module)[name].packages if name != ALL else set()
        return found

    def _find(self, name: str) -> Module | None:
        if name not in self._modules:
            path = self._folder.joinpath(*name.split(".")[1:])
            is_package = (path / "__init__.py").is_file()
            file = path / "__init__.py" if is_package else path.with_name(f"{path.name}.py")
            package = name if is_package else name.rpartition(".")[0]
            is_there = file.is_file()
            self._modules[name] = read(file.read_bytes(), name, package, self.name) if is_there else None
        return self._modules[name]

    def _effects(self, module: str) -> Iterator[Node]:
        """The import effects of a module and of the packages that contain it."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if EFFECTS in self.module(name) and self.module(name)[EFFECTS].tokens:
                yield name, EFFECTS

    def _settled(self, path: str, asked: tuple[str, ...] = ()) -> str | tuple[Node, str]:
        """Resolve a full name to a definition and the attributes taken of it, or to text if it is not the library's."""
        if not f"{path}.".startswith(f"{self.name}."):
            return f"={path}"
        if path in asked:
            raise LookupError(f"`{path}` is imported in a circle.")
        parts = path.split(".")
        name, module = self.name, self.module(self.name)
        for i, part in enumerate(parts[1:], start=1):
            rest = ".".join(parts[i + 1 :])
            if part in module:
                method = module.method(part, rest.partition(".")[0]) if rest else None
                return (name, method or part), rest
            inner, target = f"{name}.{part}", module.imports.get(part)
            if target is not None and target != inner:
                return self._settled(f"{target}.{rest}".rstrip("."), (*asked, path))
            if (found := self._find(inner)) is not None:
                name, module = inner, found
            elif "__getattr__" in module and name != self.name:  # what the package itself offers is for its users
                return (name, "__getattr__"), ".".join(parts[i:])
            elif part.startswith("__"):
                return f"module {'.'.join(parts[i:])}"
            else:
                raise LookupError(f"`{path}` is used, but `{name}` defines no `{part}`.")
        return (name, ALL), ""

    def _settle(self, tokens: Sequence[Token]) -> Iterator[Flat]:
        for token in tokens:
            if isinstance(token, Reference):
                yield self._settled(token.path)
            elif isinstance(token, Conditional):
                if self._counts(token):
                    yield from self._settle(token.tokens)
            elif isinstance(token, Unordered):
                yield Unordered(tuple(tuple(self._settle(member)) for member in token.members))
            else:
                yield token

    def _counts(self, token: Conditional) -> bool:
        if token.kind == "spoken":
            return not all(map(self._speaks, token.paths))
        if token.kind == "wording":
            return not any(self._speaks(p) or any(map(wording.is_exception, self._bases(p))) for p in token.paths)
        return any(base.startswith(hints.MODELS) for path in token.paths for base in self._bases(path))

    def _speaks(self, path: str) -> bool:
        settled = self._settled(path)
        if isinstance(settled, str):
            return False
        (module, name), rest = settled
        if module in self._speaking:
            return True
        return rest in wording.LOGGING and name != ALL and self.module(module)[name].is_logger

    def _bases(self, path: str) -> Iterator[str]:
        """The full names of a class's ancestors outside the library; for a class outside, its own name."""
        settled = self._settled(path)
        if isinstance(settled, str):
            yield settled.removeprefix("=")
            return
        (module, name), _ = settled
        for base in () if name == ALL else self.module(module)[name].bases:
            yield from self._bases(base)

    def _parts(self, node: Node) -> tuple[Flat, ...]:
        """The tokens of a definition, with resolved names."""
        if node not in self._flat:
            module, name = node
            if module in self._speaking:
                self._flat[node] = (f"speaks {name}",)
            elif name == ALL:
                named = ((each, ((module, each), "")) for each in sorted(self.module(module)))
                self._flat[node] = tuple(part for pair in named for part in pair)
            else:
                self._flat[node] = tuple(self._settle(self.module(module)[name].tokens))
        return self._flat[node]

    def _uses(self, node: Node) -> list[Node]:
        if node not in self._used:
            self._used[node] = list(dict.fromkeys(_nodes(self._parts(node))))
        return self._used[node]

    def _digest(self, node: Node) -> str:
        if node not in self._digests:
            for group in _groups(node, self._uses, self._digests):
                digests = dict.fromkeys(group, "")
                for _ in group:
                    digests = {each: self._refined(each, digests) for each in group}
                self._digests |= digests
        return self._digests[node]

    def _refined(self, node: Node, within: dict[Node, str]) -> str:
        """Digest a definition with the digests of others; of its own group, those known so far."""

        def known(other: Node) -> str:
            return within[other] if other in within else self._digests[other]

        return _hash([self._shown(part, known) for part in self._parts(node)])

    def _shown(self, part: Flat, digest: Callable[[Node], str]) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, Unordered):
            members = {_hash([self._shown(p, digest) for p in member]) for member in part.members}
            return " ".join(["or", *sorted(members)])
        return f"#{digest(part[0])}.{part[1]}"


def _nodes(parts: Sequence[Flat]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, Unordered):
            for member in part.members:
                yield from _nodes(member)
        elif isinstance(part, tuple):
            yield part[0]


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _groups(start: Node, uses: Callable[[Node], list[Node]], done: Collection[Node]) -> Iterator[list[Node]]:
    """Groups of mutually recursive definitions, used ones first (Tarjan 1972); skips those done."""
    order: dict[Node, int] = {start: 0}
    lowest: dict[Node, int] = {start: 0}
    open_nodes, path = [start], [(start, iter(uses(start)))]
    while path:
        node, others = path[-1]
        for other in others:
            if other not in order and other not in done:
                order[other] = lowest[other] = len(order)
                open_nodes.append(other)
                path.append((other, iter(uses(other))))
                break
            if other in lowest:
                lowest[node] = min(lowest[node], order[other])
        else:
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
            if lowest[node] == order[node]:
                at = open_nodes.index(node)
                group = open_nodes[at:]
                del open_nodes[at:]
                for each in group:
                    del lowest[each]
                yield group
