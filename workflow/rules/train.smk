rule train:
    output:
        history=PATHS.history(RUN),
        checkpoints=[PATHS.checkpoint(RUN, step) for step in STEPS],
    log:
        PATHS.log("train", RUN),
    params:
        made_with=made_with("train"),
    resources:
        gpu=GPU,
    conda:
        ENVIRONMENT
    message:
        "train {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "{REPDYN} train --study {STUDY_FILE} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
