rule examples:
    output:
        PATHS.examples(SEED),
    log:
        PATHS.log("examples", SEED),
    # It takes a second.
    localrule: True
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("examples"),
    message:
        f"examples of {OF_SEED}"
    shell:
        "python -P -m repdyn examples {params.here} --log {log}"
