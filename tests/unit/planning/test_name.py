from repdyn.config import study as studies
from repdyn.planning import name


def test_the_name_of_the_study_and_nothing_else_is_printed(config, capsys):
    name.main(studies.parse(config | {"name": "Digits-2.b"}))
    assert capsys.readouterr() == ("Digits-2.b\n", "")
