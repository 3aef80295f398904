rule planes:
    input:
        # Only so that the data are there: what of them matters is in `made_with`.
        examples=ancient(rules.examples.output),
    output:
        PATHS.planes(),
    log:
        PATHS.log("planes"),
    # Before hours of training: what the data cannot give is found out here.
    priority: 1
    conda:
        ENVIRONMENT
    params:
        made_with=made_with("planes"),
    message:
        "planes through triplets of images"
    shell:
        "python -m repdyn planes --study $REPDYN_STUDY --log {log}"
