"""When does each layer change, and when does test accuracy? Reads what the study ``grokking`` measured.

    python workflow/studies/grokking_times.py

Of each run: the epoch of the fit, that of the jump of test accuracy, and for each layer the epoch at which it changes
and how far it moves from the fit to its final state. grokking.yaml has the definitions. Then the events: where the rate
of change of each layer steps, and how far from the jump the nearest one is, in decades of epochs.
"""

import numpy as np
import pandas as pd

RESULTS = "results/grokking"
FINAL = 2000  # the final state of a layer is that from this epoch on
RUN = ["optimizer", "seed"]


def passes(epochs, values, level):
    """The first epoch at which values reach a level, halfway on the log axis from the epoch before; else NaN."""
    above = np.flatnonzero(values >= level)
    if not len(above):
        return np.nan
    first = above[0]
    return float(epochs[first]) if first == 0 else float(np.sqrt(epochs[first - 1] * epochs[first]))


def move(similarity, fit):
    """Of a layer's matrix of debiased CKA by epochs: when it changes after the fit, and how far it moves."""
    epochs = similarity.index.to_numpy()
    final = epochs >= FINAL
    among = similarity.loc[final, final].to_numpy()
    end = among[np.triu_indices_from(among, k=1)].mean()
    to_end = similarity.loc[:, final].mean(axis=1).to_numpy()
    start = to_end[np.searchsorted(epochs, fit)]  # the first checkpoint at or after the fit
    after = epochs >= fit
    return passes(epochs[after], ((to_end - start) / (end - start))[after], 0.5), end - start


def main():
    """Print the table, and the means over seeds."""
    histories = pd.read_parquet(f"{RESULTS}/history").sort_values("epoch").groupby(RUN, observed=True)
    rows = []
    for run, layers in pd.read_parquet(f"{RESULTS}/cka").groupby(RUN, observed=True):
        history = histories.get_group(run)
        after = history[history["epoch"] >= 1]
        epochs = after["epoch"].to_numpy()
        row = dict(zip(RUN, run, strict=True)) | {
            "fit": epochs[after["train_accuracy"].to_numpy() >= 1][0],
            "jump": passes(epochs, after["test_accuracy"].to_numpy(), 0.5),
            "test accuracy": after["test_accuracy"].iloc[-1],
        }
        for layer, table in layers.sort_values("depth").groupby("layer", sort=False, observed=True):
            matrix = table.pivot_table(index="epoch_a", columns="epoch_b", values="cka_debiased")
            row[f"{layer} changes"], row[f"{layer} moves"] = move(matrix, row["fit"])
        rows.append(row)
    table = pd.DataFrame(rows).set_index(RUN)
    print(table.round(2).T.to_string())
    print(table.groupby("optimizer").mean().round(2).T.to_string())
    events = pd.read_parquet(f"{RESULTS}/events").sort_values([*RUN, "measure", "depth", "epoch"])
    print(events.groupby(["optimizer", "measure", "status"], observed=True).size().to_string())
    dated = events[events["status"] == "dated"].join(table["jump"], on=RUN)
    dated["from the jump"] = np.log10(dated["epoch"] / dated["jump"])
    shown = [*RUN, "measure", "layer", "epoch", "sign", "height", "jump", "from the jump"]
    print(dated[shown].round(2).to_string(index=False))


if __name__ == "__main__":
    main()
