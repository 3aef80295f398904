# Here, not on a compute node, which may have no network: the data set is downloaded or decoded once, before all else.
localrules:
    examples,


rule examples:
    output:
        PATHS.examples(),
    log:
        PATHS.log("examples"),
    conda:
        ENVIRONMENT
    params:
        made_with=made_with("examples"),
    message:
        "examples of the data set"
    shell:
        "python -m repdyn examples --study $REPDYN_STUDY --log {log}"
