"""The filesystem stores' own promises: whole values, one winner, nothing outside, nothing lost.

What every store promises is in the contract suite. Drivers (`sweep`, `kills`, `races`, …) run in
children (`tests.faults.children`) and return figures; the tests judge them.
"""
