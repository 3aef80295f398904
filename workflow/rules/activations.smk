rule activations:
    input:
        checkpoints=checkpoints_of,
    output:
        activations=PATHS.activations(RUN),
        probe_view=PATHS.probe_view(RUN),
        inputs=PATHS.inputs(RUN),
        layers=PATHS.layers(RUN),
        batch_norm=PATHS.batch_norm(RUN),
    log:
        PATHS.log("activations", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("activations"),
    params:
        here=here,
        made_with=made_with("activations"),
    message:
        f"activations of {OF_RUN}"
    shell:
        "python -P -m repdyn activations {params.here} --log {log}"
