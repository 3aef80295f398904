rule cka:
    input:
        activations=rules.activations.output.activations,
        inputs=rules.activations.output.inputs,
    output:
        PATHS.cka(RUN),
    log:
        PATHS.log("cka", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("cka"),
    params:
        here=here,
        made_with=made_with("cka"),
    message:
        f"CKA of {OF_RUN}"
    shell:
        "python -P -m repdyn cka {params.here} --log {log}"


rule cka_layers:
    input:
        activations=rules.activations.output.activations,
        inputs=rules.activations.output.inputs,
    output:
        PATHS.cka_layers(RUN),
    log:
        PATHS.log("cka_layers", RUN),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("cka_layers"),
    params:
        here=here,
        made_with=made_with("cka_layers"),
    message:
        f"similarity between layers of {OF_RUN}"
    shell:
        "python -P -m repdyn cka_layers {params.here} --log {log}"


rule cka_between:
    input:
        activations=[PATHS.activations(run) for run in RUNS],
        inputs=[PATHS.inputs(run) for run in RUNS],
    output:
        PATHS.cka_between(),
    log:
        PATHS.log("cka_between"),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpus("cka_between"),
    params:
        here=here,
        made_with=made_with("cka_between"),
    message:
        "similarity between runs"
    shell:
        "python -P -m repdyn cka_between {params.here} --log {log}"
