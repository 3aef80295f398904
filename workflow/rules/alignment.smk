rule alignment:
    input:
        activations=[PATHS.activations(run) for run in RUNS],
        inputs=[PATHS.inputs(run) for run in RUNS],
    output:
        PATHS.alignment(),
    log:
        PATHS.log("alignment"),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("alignment"),
    params:
        here=here,
        made_with=made_with("alignment"),
    message:
        "layers of different architectures that are most alike"
    shell:
        "python -P -m repdyn alignment {params.here} --log {log}"
