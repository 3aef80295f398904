rule events:
    input:
        change=PATHS.change(RUN),
    output:
        PATHS.events(RUN),
    log:
        PATHS.log("events", RUN),
    conda:
        ENVIRONMENT
    params:
        here=here,
        made_with=made_with("events"),
    message:
        f"events of {OF_RUN}"
    shell:
        "python -P -m repdyn events {params.here} --log {log}"
