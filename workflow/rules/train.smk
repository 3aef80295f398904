rule train:
    input:
        # Only so that the data are there: what training reads of them is in `made_with`.
        examples=ancient(rules.examples.output),
    output:
        history=PATHS.history(RUN),
        checkpoints=[PATHS.checkpoint(RUN, step) for step in STEPS],
    log:
        PATHS.log("train", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=GPU,
    params:
        made_with=made_with("train"),
    message:
        "train {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -m repdyn train --study $REPDYN_STUDY --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
