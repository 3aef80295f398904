from repdyn.config import study as studies
from repdyn.pipeline import jobs


def backwards(settings):
    """The same settings with every mapping in the opposite order."""
    if isinstance(settings, dict):
        return {key: backwards(value) for key, value in reversed(settings.items())}
    return settings


def test_settings_in_another_order_print_the_same(config):
    study, other = studies.parse(config), studies.parse(backwards(config))
    for stage in ("train", "cka", "regions", "phases"):
        run = study.run("resnet", "sgd", 0)
        assert repr(jobs.fingerprint(study, stage, run)) == repr(jobs.fingerprint(other, stage, run))


def test_another_setting_prints_otherwise(config):
    study = studies.parse(config)
    config["optimizers"]["sgd"]["lr"] = 0.1
    run = study.run("resnet", "sgd", 0)
    assert repr(jobs.fingerprint(study, "cka", run)) != repr(jobs.fingerprint(studies.parse(config), "cka", run))
