rule probes:
    input:
        activations=rules.activations.output.activations,
        probe_view=rules.activations.output.probe_view,
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
        f"probes of {OF_RUN}"
    shell:
        "python -P -m repdyn probes {params.here} --log {log}"
