rule activations:
    input:
        checkpoints=rules.train.output.checkpoints,
    output:
        PATHS.activations(RUN),
    log:
        PATHS.log("activations", RUN),
    params:
        made_with=made_with("activations"),
    resources:
        gpu=GPU,
    conda:
        ENVIRONMENT
    message:
        "activations of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "{REPDYN} activations --study {STUDY_FILE} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
