"""The explorer: one self-contained page to move through a study's training, without server or network.

``build`` is the stage: it reads the tables and decides what fits. ``pack`` compresses them. ``page`` assembles the page
from ``assets`` (HTML, CSS, JavaScript), which contain everything that runs in the browser.
"""
