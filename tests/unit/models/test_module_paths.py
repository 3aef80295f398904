from torch import nn

from repdyn.models import module_paths


def network():
    block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    return nn.Sequential(nn.Linear(2, 2), block, nn.Linear(2, 2))


def test_a_pattern_names_modules_as_deep_as_it_says():
    paths = module_paths.of(network())
    assert paths == ["0", "1", "1.0", "1.1", "2"]
    assert module_paths.matching(paths, "*") == ["0", "1", "2"]
    assert module_paths.matching(paths, "1.*") == ["1.0", "1.1"]
    assert module_paths.matching(paths, "[02]") == ["0", "2"]
    assert module_paths.matching(paths, "3") == []


def test_what_names_nothing_is_told_what_there_is():
    paths = ["layer1.0", "layer1.1", "fc", "fc"]
    assert module_paths.unknown(paths, "layer1.9").startswith(
        "no module is called `layer1.9`; there are, for example: layer1"
    )
    assert module_paths.unknown(["a", "a", "b"], "zzz") == "no module is called `zzz`; there are, for example: a, b"
