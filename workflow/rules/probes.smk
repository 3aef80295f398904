rule probes:
    input:
        activations=rules.activations.output,
    output:
        weights=PATHS.probe_weights(RUN),
        accuracy=PATHS.probe_accuracy(RUN),
    log:
        PATHS.log("probes", RUN),
    conda:
        ENVIRONMENT
    params:
        made_with=made_with("probes"),
    message:
        "probes of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -m repdyn probes --study $REPDYN_STUDY --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
