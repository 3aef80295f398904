import pytest
from jinja2 import UndefinedError

from repdyn.pages import look
from repdyn.report import template


def test_what_the_page_is_made_of_is_in_its_digest(tmp_path, monkeypatch):
    before = template.assets_digest()
    for module, name in ((template, "STYLE"), (template, "TEMPLATE"), (look, "FILE")):
        changed = tmp_path / getattr(module, name).name
        changed.write_bytes(getattr(module, name).read_bytes() + b"\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, name, changed)
            assert template.assets_digest() != before
    assert template.assets_digest() == before


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError):
        template.filled(summary="nothing else")
