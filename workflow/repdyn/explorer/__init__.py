"""The explorer: one self-contained page in which a person moves through a study's training, without server or network.

``build`` is the stage: it reads the tables and decides what fits; ``pack`` makes them small; ``page`` puts the page
together from ``assets`` (HTML, CSS, JavaScript), which hold everything that happens in the browser.
"""
