"""Counts the house: `python tests/structure.py [FOLDER]` prints packages, floors, modules and imports of a library.

The folder is the one that holds `repdyn`; `workflow` by default. What lies in no package is a package of its own, as
`errors.py` is. A package stands one floor above the highest that it imports from; packages that import each other in a
circle, and all that rests on them, have no floor.
"""

import sys
from pathlib import Path

import grimp

LIBRARY = "repdyn"


def floors(arrows: set[tuple[str, str]], packages: set[str]) -> tuple[list[set[str]], set[str]]:
    """Packages by floor, from the ground up, and those without one."""
    found, left = [], set(packages)
    while ready := {package for package in left if not {b for a, b in arrows if a == package} & left}:
        found.append(ready)
        left -= ready
    return found, left


def main(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    graph = grimp.build_graph(LIBRARY, cache_dir=None)
    modules = graph.modules - {LIBRARY}
    imports = {
        (module, imported)
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module) & modules
    }

    def package(module: str) -> str:
        return module.split(".")[1]

    packages = set(map(package, modules))
    arrows = {(package(a), package(b)) for a, b in imports} - {(name, name) for name in packages}
    stacked, left = floors(arrows, packages)
    for number, names in enumerate(stacked):
        print(number, *sorted(names))
    if left:
        print("in a circle, or above one:", *sorted(left))
    alone = packages - {package(module) for module in modules if module.count(".") > 1}
    print(
        f"{len(packages)} packages ({len(alone)} of one module), {len(stacked)} floors, {len(arrows)} arrows between "
        f"packages, {len(modules)} modules, {len(imports)} imports"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "workflow").resolve())
