"""How far do layers move, by width? Reads what the study ``mnist1d`` measured.

    python workflow/studies/mnist1d_change.py

Of each width, means over seeds, and their range: errors, and 1 - debiased CKA of each layer's last checkpoint with
initialisation and with the checkpoint a tenth of the training before.
"""

import pandas as pd

RESULTS = "results/mnist1d"


def main():
    """Print a table with a row for each width."""
    rows = []
    histories = pd.read_parquet(f"{RESULTS}/history").sort_values("epoch").groupby(["arch", "seed"], observed=True)
    for run, layers in pd.read_parquet(f"{RESULTS}/cka").groupby(["arch", "seed"], observed=True):
        history = histories.get_group(run)
        row = {
            "width": int(run[0].removeprefix("k")),
            "test error": 1 - history["test_accuracy"].iloc[-1],
            "best": 1 - history["test_accuracy"].max(),
            "training error": 1 - history["train_accuracy"].iloc[-1],
        }
        end = layers["epoch_b"].max()
        tenth = layers.loc[layers["epoch_a"] <= end / 10 * 1.01, "epoch_a"].max()
        for layer, table in layers[layers["epoch_b"] == end].groupby("layer", observed=True):
            to_end = table.set_index("epoch_a")["cka_debiased"]
            row[f"{layer} from initialisation"] = 1 - to_end[0.0]
            row[f"{layer} from a tenth"] = 1 - to_end[tenth]
        rows.append(row)
    by_width = pd.DataFrame(rows).groupby("width")
    print(by_width.mean().round(3).T.to_string())
    print((by_width.max() - by_width.min()).round(3).T.to_string())


if __name__ == "__main__":
    main()
