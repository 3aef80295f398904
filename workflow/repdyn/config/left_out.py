"""What a study leaves out because its data do not allow it, and why, each in a sentence.

Planes need inputs whose mixtures are inputs, which tokens are not. Probes, decision regions and accuracies need
classes, which regression, several labels at once and unlabelled data do not have. All else is as in any study.
"""

from __future__ import annotations

from .sections import Data


def stages(data: Data) -> dict[str, str]:
    """Stage -> why it is left out."""
    if data.facts is None:  # repdyn's own data sets and image folders are labelled images
        return {}
    if data.facts.classes is None:
        why = f"The examples of `{data.dataset}` have no classes, so there are no probes and no decision regions."
        return dict.fromkeys(("planes", "probes", "regions", "regions_between"), why)
    if data.facts.kind == "tokens":
        why = f"The inputs of `{data.dataset}` are tokens, which cannot be mixed, so there are no decision regions."
        return dict.fromkeys(("planes", "regions", "regions_between"), why)
    return {}


def accuracies(data: Data) -> str | None:
    """Why no accuracy is known; None if some are."""
    if data.facts is None or data.facts.classes is not None:
        return None
    return f"The examples of `{data.dataset}` have no classes, so there are no accuracies."
