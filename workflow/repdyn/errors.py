"""The one exception that is meant for the user."""


class RepdynError(Exception):
    """Something the user can mend, said in one sentence.

    The message names the culprit (a config key, a file, a layer, a step) and what would be right.
    ``python -m repdyn`` prints it without a traceback and exits with 1.
    """
