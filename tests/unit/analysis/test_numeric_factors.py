from repdyn.analysis import numeric_factors
from repdyn.analysis.numeric_factors import NumericFactor
from repdyn.config.sections import Architecture, Data


def dumped(levels):
    return {name: level.model_dump(mode="json") for name, level in levels.items()}


def test_a_number_in_which_three_levels_differ_and_in_nothing_else_is_a_factor():
    archs = {f"resnet-w{width}": Architecture(model="resnet18", width=width) for width in (64, 16, 32)}
    archs["resnet-w8-other"] = Architecture(model="resnet18", width=8, stem="small")
    archs["vit"] = Architecture(model="vit")
    (found,) = numeric_factors.found(dumped(archs))
    assert found == NumericFactor("width", {"resnet-w16": 16.0, "resnet-w32": 32.0, "resnet-w64": 64.0})
    assert list(found.levels) == ["resnet-w16", "resnet-w32", "resnet-w64"]


def test_settings_within_settings_have_a_path():
    archs = {f"p{size}": Architecture(model="vit", kwargs={"patch_size": size, "depth": 4}) for size in (2, 4, 8)}
    assert numeric_factors.found(dumped(archs)) == [NumericFactor("kwargs.patch_size", {"p2": 2, "p4": 4, "p8": 8})]


def test_fractions_of_wrong_labels_are_a_factor_0_included():
    levels = {f"noise-{fraction}": Data(label_noise=fraction / 100) for fraction in (0, 10, 20)}
    (found,) = numeric_factors.found(dumped(levels))
    assert (found.setting, list(found.levels.values())) == ("label_noise", [0.0, 0.1, 0.2])


def test_two_levels_two_numbers_that_go_together_and_truth_values_are_none():
    assert numeric_factors.found({"a": {"lr": 1}, "b": {"lr": 2}, "c": {"lr": 2.0}}) == []
    together = {name: {"lr": {"vit": i, "resnet": 2 * i}} for i, name in enumerate("abc")}
    assert numeric_factors.found(together) == []
    assert numeric_factors.found({"a": {"x": True}, "b": {"x": False}, "c": {"x": None}}) == []


def test_each_crossed_number_is_a_factor_at_each_level_of_the_other():
    levels = {f"{width}-{depth}": {"width": width, "depth": depth} for width in (1, 2, 3) for depth in (4, 5)}
    found = numeric_factors.found(levels)
    assert [factor.setting for factor in found] == ["width", "width"]
    assert found[0].levels == {"1-4": 1, "2-4": 2, "3-4": 3}
