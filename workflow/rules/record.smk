# Runs that were trained elsewhere: a rule for each, because each has checkpoints at steps of its own.

for RECORDED in STUDY.recorded_runs:

    rule:
        name:
            "_".join(["record", *map(str, RECORDED.facts.values())])
        input:
            checkpoints=[
                file
                for checkpoint in STUDY.found(RECORDED)
                for file in found.files(checkpoint)
            ],
            history=found.history_files(STUDY.recorded(RECORDED.optimizer), RECORDED),
            change=found.change_file(STUDY.recorded(RECORDED.optimizer), RECORDED) or [],
        output:
            history=PATHS.history(RECORDED.path),
            change=PATHS.change(RECORDED.path),
            checkpoints=[
                PATHS.checkpoint(RECORDED.path, checkpoint.step)
                for checkpoint in STUDY.found(RECORDED)
            ],
        log:
            PATHS.log("record", RECORDED.path),
        conda:
            ENVIRONMENT
        resources:
            gpu=gpus("record"),
        params:
            here=here,
            made_with=jobs.fingerprint(STUDY, "record", RECORDED, SOURCE.folders),
            run=" ".join(f"--{name} {level}" for name, level in RECORDED.facts.items()),
        message:
            f"record {RECORDED}"
        shell:
            "python -P -m repdyn record {params.here} --log {log} {params.run}"
