rule cka:
    input:
        activations=rules.activations.output,
    output:
        PATHS.cka(RUN),
    log:
        PATHS.log("cka", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=GPU,
    params:
        made_with=made_with("cka"),
    message:
        "CKA of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -m repdyn cka --study $REPDYN_STUDY --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
