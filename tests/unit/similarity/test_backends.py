import pytest

from repdyn.similarity import backends, gram, gram_torch


def test_no_gpu_means_no_torch(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "DRIVERS", (str(tmp_path / "no driver"),))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    for device in ("auto", "cpu", "mps"):
        backend, budget = backends.choose(device, 0.5)
        assert isinstance(backend, gram.Numpy)
        assert budget == 2**29


@pytest.mark.parametrize(
    ("device", "driver", "asked"),
    [("auto", True, True), ("auto", False, False), ("cpu", True, False), ("mps", True, False), ("cuda:1", False, True)],
)
def test_torch_is_asked_for_what_is_named_or_where_any_driver_is(device, driver, asked, tmp_path, monkeypatch):
    places = [tmp_path / "none", tmp_path / "driver"]
    if driver:
        places[1].touch()
    monkeypatch.setattr(backends, "DRIVERS", tuple(map(str, places)))
    monkeypatch.setattr(gram_torch, "choose", lambda *given: given)
    found = backends.choose(device, 0.5, tf32=True)
    if asked:
        assert found == (device, 2**29, True)
    else:
        assert isinstance(found[0], gram.Numpy)
