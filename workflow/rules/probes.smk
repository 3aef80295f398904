rule probes:
    input:
        activations=rules.activations.output,
    output:
        weights=PATHS.probe_weights(RUN),
        accuracy=PATHS.probe_accuracy(RUN),
    log:
        PATHS.log("probes", RUN),
    params:
        made_with=made_with("probes"),
    conda:
        ENVIRONMENT
    message:
        "probes of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "{REPDYN} probes --study {STUDY_FILE} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
