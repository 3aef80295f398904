"""Every path under ``results/{study}``, for rules and stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """Paths of one study.

    ``run`` is a hive partition, ``arch=…/optimizer=…/seed=…``, and ``seed`` one, ``seed=…``; or a pattern for one.
    """

    root: str

    def examples(self, seed: str) -> str:
        return f"{self.root}/examples/{seed}/examples.parquet"

    def history(self, run: str) -> str:
        return f"{self.root}/history/{run}/history.parquet"

    def change(self, run: str) -> str:
        return f"{self.root}/change/{run}/change.parquet"

    def events(self, run: str) -> str:
        return f"{self.root}/events/{run}/events.parquet"

    def checkpoint(self, run: str, step: int | str) -> str:
        return f"{self.root}/checkpoints/{run}/step={step}.safetensors"

    def state(self, run: str) -> str:
        """The folder of the state from which training resumes; only training uses it."""
        return f"{self.root}/state/{run}"

    def activations(self, run: str) -> str:
        return f"{self.root}/activations/{run}/activations.parquet"

    def probe_view(self, run: str) -> str:
        return f"{self.root}/probe_view/{run}/probe_view.parquet"

    def layers(self, run: str) -> str:
        return f"{self.root}/layers/{run}/layers.parquet"

    def batch_norm(self, run: str) -> str:
        return f"{self.root}/batch_norm/{run}/batch_norm.parquet"

    def inputs(self, run: str) -> str:
        return f"{self.root}/inputs/{run}/inputs.parquet"

    def cka(self, run: str) -> str:
        return f"{self.root}/cka/{run}/cka.parquet"

    def cka_layers(self, run: str) -> str:
        return f"{self.root}/cka_layers/{run}/cka_layers.parquet"

    def cka_between(self) -> str:
        return f"{self.root}/cka_between/cka_between.parquet"

    def alignment(self) -> str:
        return f"{self.root}/alignment/alignment.parquet"

    def layer_geometry(self, run: str) -> str:
        return f"{self.root}/geometry/layers/{run}/layers.parquet"

    def weight_geometry(self, run: str) -> str:
        return f"{self.root}/geometry/weights/{run}/weights.parquet"

    def planes(self, seed: str) -> str:
        return f"{self.root}/planes/{seed}/planes.parquet"

    def probe_weights(self, run: str) -> str:
        return f"{self.root}/probes/weights/{run}/probes.safetensors"

    def probe_accuracy(self, run: str) -> str:
        return f"{self.root}/probes/accuracy/{run}/accuracy.parquet"

    def region_labels(self, run: str) -> str:
        return f"{self.root}/regions/labels/{run}/labels.parquet"

    def region_pictures(self, run: str) -> str:
        return f"{self.root}/regions/pictures/{run}/pictures.parquet"

    def region_similarity(self, run: str) -> str:
        return f"{self.root}/regions/similarity/{run}/similarity.parquet"

    def region_floor(self, run: str) -> str:
        return f"{self.root}/regions/floor/{run}/floor.parquet"

    def region_between(self) -> str:
        return f"{self.root}/regions/between/between.parquet"

    def region_fragmentation(self, run: str) -> str:
        return f"{self.root}/regions/fragmentation/{run}/fragmentation.parquet"

    def segments(self, run: str) -> str:
        return f"{self.root}/phases/segments/{run}/segments.parquet"

    def scores(self, run: str) -> str:
        return f"{self.root}/phases/scores/{run}/scores.parquet"

    def boundaries(self, run: str) -> str:
        return f"{self.root}/phases/boundaries/{run}/boundaries.parquet"

    def moments(self, run: str) -> str:
        return f"{self.root}/phases/moments/{run}/moments.parquet"

    def findings(self) -> str:
        return f"{self.root}/findings/findings.parquet"

    def pairs(self) -> str:
        return f"{self.root}/findings/pairs.parquet"

    def left_out(self) -> str:
        return f"{self.root}/findings/left_out.parquet"

    def synchrony(self) -> str:
        return f"{self.root}/findings/synchrony.parquet"

    def twins(self) -> str:
        return f"{self.root}/findings/twins.parquet"

    def trends(self) -> str:
        return f"{self.root}/findings/trends.parquet"

    def trend_values(self) -> str:
        return f"{self.root}/findings/trend_values.parquet"

    def by_depth(self) -> str:
        return f"{self.root}/findings/by_depth.parquet"

    def report_findings(self) -> str:
        return f"{self.root}/report/findings.html"

    def report_runs(self) -> str:
        return f"{self.root}/report/runs.html"

    def explorer(self) -> str:
        return f"{self.root}/explorer.html"

    def figure(self, name: str, extension: str, run: str | None = None) -> str:
        """A figure of one run, or of the whole study."""
        folder = f"{self.root}/figures" if run is None else f"{self.root}/figures/{run}"
        return f"{folder}/{name}.{extension}"

    def log(self, stage: str, run: str | None = None) -> str:
        """The log of a stage of a run or seed, or of the whole study."""
        return f"{self.root}/logs/{stage}.log" if run is None else f"{self.root}/logs/{stage}/{run}.log"
