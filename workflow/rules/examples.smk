rule examples:
    output:
        PATHS.examples(),
    log:
        PATHS.log("examples"),
    # It takes a second.
    localrule: True
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("examples"),
    message:
        "examples of the data set"
    shell:
        "python -P -m repdyn examples {params.here} --log {log}"
