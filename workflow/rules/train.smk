rule train:
    output:
        history=PATHS.history(RUN),
        checkpoints=[PATHS.checkpoint(RUN, step) for step in STEPS],
    log:
        PATHS.log("train", RUN),
    wildcard_constraints:
        optimizer="|".join(map(re.escape, TRAINED)) or "(?!)",
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("train"),
    params:
        here=here,
        made_with=made_with("train"),
    message:
        "train {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -P -m repdyn train {params.here} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
