# A rule for each level of the data, because runs on them may have checkpoints at other steps.

for LEVEL in STUDY.data_levels:

    rule:
        name:
            "train" if LEVEL is None else f"train_{LEVEL}"
        output:
            history=PATHS.history(RUN),
            change=PATHS.change(RUN),
            checkpoints=[PATHS.checkpoint(RUN, step) for step in STEPS[LEVEL]],
        log:
            PATHS.log("train", RUN),
        wildcard_constraints:
            optimizer="|".join(map(re.escape, TRAINED)) or "(?!)",
            data=re.escape(LEVEL or ""),
        conda:
            ENVIRONMENT
        resources:
            gpu=gpus("train"),
        params:
            here=here,
            made_with=made_with("train"),
        message:
            f"train {OF_RUN}"
        shell:
            "python -P -m repdyn train {params.here} --log {log}"
