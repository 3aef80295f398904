import pytest

from repdyn.catalogue.claims import CLAIMS
from repdyn.report import addresses


def test_a_claim_and_a_figure_have_addresses_that_follow_from_their_names():
    assert addresses.of("claim", "change stops at perfect fit") == "claim-change-stops-at-perfect-fit"
    assert addresses.of("figure", "cka-grid") == "figure-cka-grid"
    run = "arch=vit/optimizer=sgd/seed=0"
    assert addresses.of("figure", "cka", run) == "figure-cka-arch=vit-optimizer=sgd-seed=0"


def test_no_two_claims_have_one_address():
    assert len({addresses.of("claim", claim) for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize(("path", "link"), [("cka/arch=vit/cka.parquet",) * 2, ("a b/c#d.png", "a%20b/c%23d.png")])
def test_a_path_is_a_link_that_leads_to_it(path, link):
    assert addresses.link(path) == link
