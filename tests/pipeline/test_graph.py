"""Reading the rules is cheap: every job on a cluster reads them again."""

import os
import subprocess

from running import PYTHON, ROOT, TINY

# Snakemake itself imports pandas, and with it pyarrow, before it reads anything.
HEAVY = {"torch", "torchvision", "timm", "pyarrow", "pandas", "scipy", "sklearn", "matplotlib", "seaborn"}
READ = f"""
import re, sys
from pathlib import Path

def heavy():
    return {HEAVY!r} & set(sys.modules)

rules = Path({str(ROOT)!r}, "workflow/rules").glob("*.smk")
imports = [line for path in rules for line in path.read_text().splitlines() if re.match("(from|import) ", line)]
assert any("repdyn" in line for line in imports)
exec("\\n".join(imports))
print("IMPORTS", sorted(heavy()))

from snakemake.cli import main
before = heavy()
try:
    main(sys.argv[1:])
except SystemExit as end:
    print("RULES", end.code, sorted(heavy() - before))
"""


def test_nothing_heavy_is_imported_while_rules_are_read(folder):
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(TINY), "--cores", "1", "--dry-run"]
    environment = {key: value for key, value in os.environ.items() if key != "REPDYN_STUDIES"}
    done = subprocess.run(
        [PYTHON, "-c", READ, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("IMPORTS", "RULES"))]
    assert said == ["IMPORTS []", "RULES 0 []"]
