rule probes:
    input:
        activations=rules.activations.output.activations,
    output:
        weights=PATHS.probe_weights(RUN),
        accuracy=PATHS.probe_accuracy(RUN),
    log:
        PATHS.log("probes", RUN),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("probes"),
    message:
        "probes of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -P -m repdyn probes {params.here} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
