"""What the report and the explorer share: their look, and how numbers are written for reading.

``look`` has the colours, in light and dark, and the parts that both pages have; ``numbers`` writes numbers.
"""
