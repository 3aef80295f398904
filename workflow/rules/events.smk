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
        "events of {wildcards.arch} {wildcards.optimizer} seed {wildcards.seed}"
    shell:
        "python -P -m repdyn events {params.here} --log {log}"
        " --arch {wildcards.arch} --optimizer {wildcards.optimizer} --seed {wildcards.seed}"
