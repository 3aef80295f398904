rule cka:
    input:
        activations=rules.activations.output,
    output:
        PATHS.cka(RUN),
    log:
        PATHS.log("cka", RUN),
    params:
        made_with=made_with("cka"),
    resources:
        gpu=GPU,
    conda:
        ENVIRONMENT
    message:
        "CKA of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "{REPDYN} cka --study {STUDY_FILE} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
