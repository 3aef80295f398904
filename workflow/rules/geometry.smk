rule geometry:
    input:
        checkpoints=checkpoints_of,
        activations=rules.activations.output.activations,
        layers=rules.activations.output.layers,
    output:
        layers=PATHS.layer_geometry(RUN),
        weights=PATHS.weight_geometry(RUN),
    log:
        PATHS.log("geometry", RUN),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("geometry"),
    message:
        f"each layer by itself of {OF_RUN}"
    shell:
        "python -P -m repdyn geometry {params.here} --log {log}"
