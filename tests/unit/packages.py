"""Modules and distributions, written into folders made for the purpose."""

import importlib
import json
from pathlib import Path


def write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    importlib.invalidate_caches()
    return path


def distribution(site: Path, name: str, record: str, url: object = None) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(folder / "RECORD", record)
    if url is not None:
        write(folder / "direct_url.json", json.dumps(url))
