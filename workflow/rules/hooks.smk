# What Snakemake does itself before the first job and after the last. A workflow that uses this one as a module decides
# that itself, and can call `onstart()`, `onsuccess()` and `onerror()` of the module.

import atexit
import subprocess

from repdyn.pipeline import last_words


def report_of_study():
    """The command that makes the report of this study, as it would be typed here."""
    here = Path.cwd()
    files = [
        file.relative_to(here) if file.is_relative_to(here) else file
        for file in SOURCE.files
    ]
    named = shlex.join(map(str, files))
    if Path("Snakefile").resolve() == Path(workflow.main_snakefile).resolve():
        return "make report" if named == "config.yaml" else f"make report STUDY={named}"
    snakefile = shlex.quote(str(workflow.main_snakefile))
    return f"snakemake --cores all --snakefile {snakefile} --configfile {named} -- reported"


def reads_images(job):
    """Whether a job reads the data set itself; no figure does."""
    asked = job.rule
    if asked == rules.explorer.rule:
        return "planes" not in STUDY.left_out  # whose images it shows
    # These have several rules: one for each run, or for each level of the data.
    of_several = {"record", "train"}
    stage = asked.name.removeprefix(f"{workflow.modifier.namespace}_").split("_")[0]
    if stage in of_several:
        return STAGES[stage].reads_images
    reading = {name for name, stage in STAGES.items() if stage.reads_images}
    return asked in {getattr(rules, name).rule for name in reading - of_several}


def is_ours(job):
    return job.rule.module_globals is globals()


def is_all(job):
    return job.rule is rules.all.rule


onstart:
    # Snakemake's default limit of job starts, 100 a second, leaves another timer behind whenever a job ends, and each
    # timer checks all inputs of all waiting jobs once a second: after some hundred jobs that takes a whole core. Keep a
    # limit that the user sets.
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    # Download or decode the data set here, not on a compute node, which may have no network, and once, not in every job
    # that starts. It is not a rule, because that would hide changes from the rules that depend on it.
    if not workflow.touch and any(map(reads_images, workflow.dag.needrun_jobs())):
        log = f"{RESULTS}/{STUDY.name}/logs/fetch.log"
        words = [sys.executable, "-P", "-m", "repdyn", "fetch", *shlex.split(HERE)]
        if subprocess.run([*words, "--log", log]).returncode:
            sys.exit(1)


# Print these after Snakemake's own messages, so that nobody has to search for it.
onerror:
    failed = sorted(
        filter(is_ours, workflow.scheduler.failed), key=workflow.dag.jobid
    )
    if failed:
        said = last_words.of_jobs([(job.message, job.log[0]) for job in failed])
        atexit.register(print, said, file=sys.stderr)


onsuccess:
    if any(map(is_all, workflow.dag.jobs)):
        from repdyn.pipeline import closing_words

        # Findings are what a study is for.
        figures = sorted(DRAWN_OF_STUDY, key="findings".__ne__)
        first = figures and PATHS.figure(figures[0], STUDY.figures.formats[0])
        said = closing_words.of_study(PATHS, first or None, report_of_study())
        atexit.register(print, said, file=sys.stderr)
